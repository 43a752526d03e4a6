// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// Both majors of Anthropic's SDK, unmodified, through httpd to both kinds of upstream.
import Anthropic from '@anthropic-ai/sdk';
import AnthropicOld from 'anthropic-sdk-0';
import { done, error_of, fresh, is, like, ok, test, upstream_log, upstream_reset, url, wait_for } from './lib/tap.mjs';

const tools = [
    {
        name: 'get_weather',
        description: 'Weather of a city',
        input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
];
const ask = 'call get_weather {"city":"Paris"}';
const two = `${ask}\ncall get_weather {"city":"Rome"}`;
const hello = { model: 'm', max_tokens: 200, messages: [{ role: 'user', content: 'hello' }] };

for (const [sdk, Client] of [['SDK 0', AnthropicOld], ['SDK 1', Anthropic]]) {
    for (const vhost of ['main', 'chat', 'legacy']) {
        const client = new Client({ apiKey: 'any', baseURL: url(vhost), maxRetries: 0 });
        const say = (what) => `${sdk}, ${vhost} upstream, ${what}`;

        await test(say('document'), async (name) => {
            const message = await client.messages.create(hello);
            is(message.content.find((b) => b.type === 'text').text, 'You said: hello', name('text'));
            is(message.stop_reason, 'end_turn', name('stop_reason'));
            ok(message.usage.input_tokens > 0 && message.usage.output_tokens === 7, name('usage'));
            is(message.usage.cache_read_input_tokens, 5, name('usage of the cache'));
        });

        await test(say('stream'), async (name) => {
            const seen = [];
            let text = '';
            const stream = client.messages.stream(hello);
            stream.on('text', (delta) => (text += delta));
            stream.on('streamEvent', (event) => seen.push(event.type));
            const message = await stream.finalMessage();
            is(text, 'You said: hello', name('text as it comes'));
            is(message.content[0].text, 'You said: hello', name('text at the end'));
            is(seen.filter((t) => t === 'message_start').length, 1, name('one message_start'));
            is(seen.at(-1), 'message_stop', name('message_stop at the end'));
            ok(seen.filter((t) => t === 'content_block_delta').length >= 2, name('in pieces'));
            // The old protocol has no way to ask a stream for its usage.
            if (vhost !== 'legacy') is(message.usage.output_tokens, 7, name('usage'));
        });

        await test(say('tool loop'), async (name) => {
            for (const stream of [false, true]) {
                const how = stream ? 'streamed' : 'document';
                const turn = (body) =>
                    stream ? client.messages.stream(body).finalMessage() : client.messages.create(body);
                const messages = [{ role: 'user', content: ask }];
                const first = await turn({ ...hello, tools, messages });
                const call = first.content.find((b) => b.type === 'tool_use');
                is(first.stop_reason, 'tool_use', name(`${how}: stop_reason`));
                is(call?.input, { city: 'Paris' }, name(`${how}: input`));
                messages.push({ role: 'assistant', content: first.content });
                messages.push({
                    role: 'user',
                    content: [{ type: 'tool_result', tool_use_id: call.id, content: 'sunny' }],
                });
                const second = await turn({ ...hello, tools, messages });
                is(second.content.find((b) => b.type === 'text').text, 'The tool said: sunny', name(`${how}: answer`));
                is(second.stop_reason, 'end_turn', name(`${how}: end`));
            }
        });

        if (vhost !== 'legacy') {
            await test(say('parallel tools'), async (name) => {
                for (const stream of [false, true]) {
                    const how = stream ? 'streamed' : 'document';
                    const turn = (body) =>
                        stream ? client.messages.stream(body).finalMessage() : client.messages.create(body);
                    const messages = [{ role: 'user', content: two }];
                    const first = await turn({ ...hello, tools, messages });
                    const calls = first.content.filter((b) => b.type === 'tool_use');
                    is(calls.map((c) => c.input.city), ['Paris', 'Rome'], name(`${how}: two calls`));
                    ok(calls[0].id !== calls[1].id, name(`${how}: ids`));
                    messages.push({ role: 'assistant', content: first.content });
                    messages.push({
                        role: 'user',
                        content: calls.map((c) => ({ type: 'tool_result', tool_use_id: c.id, content: c.input.city })),
                    });
                    const second = await turn({ ...hello, tools, messages });
                    is(second.content[0].text, 'The tool said: Paris Rome', name(`${how}: both results in order`));
                }
            });

            await test(say('thinking'), async (name) => {
                const body = {
                    ...hello,
                    max_tokens: 4000,
                    thinking: { type: 'enabled', budget_tokens: 2000 },
                    model: vhost === 'chat' ? 'gpt-5' : 'm',
                };
                for (const stream of [false, true]) {
                    const how = stream ? 'streamed' : 'document';
                    const message = stream
                        ? await client.messages.stream(body).finalMessage()
                        : await client.messages.create(body);
                    is(message.content[0].type, 'thinking', name(`${how}: thinking first`));
                    is(message.content[0].thinking, 'Let me think about it.', name(`${how}: its text`));
                    is(message.content[1].text, 'You said: hello', name(`${how}: then the text`));
                    const again = await client.messages.create({
                        ...body,
                        messages: [
                            ...body.messages,
                            { role: 'assistant', content: message.content },
                            { role: 'user', content: 'go on' },
                        ],
                    });
                    is(again.content.at(-1).text, 'You said: go on', name(`${how}: and it may come back`));
                }
            });
        }

        await test(say('cut stream'), async (name) => {
            for (const script of ['cut', 'cut-clean', 'error-later']) {
                const error = await error_of(
                    client.messages.stream({ ...hello, model: `script:streams/${script}` }).finalMessage(),
                );
                ok(error, name(`${script}: raises`));
                const raw = await error_of(
                    (async () => {
                        const stream = await client.messages.create({
                            ...hello,
                            model: `script:streams/${script}`,
                            stream: true,
                        });
                        let last;
                        for await (const event of stream) last = event.type;
                        if (last !== 'message_stop') throw new Error('no end was seen');
                    })(),
                );
                ok(raw, name(`${script}: so does the plain iterator, or it shows no end`));
            }
        });

        await test(say('429'), async (name) => {
            for (const stream of [false, true]) {
                const body = { ...hello, model: 'script:always/429', stream };
                const error = await error_of(client.messages.create(body));
                is(error?.status, 429, name('status'));
                is(error?.headers?.get('retry-after'), '7', name('retry-after'));
                ok(error instanceof Client.RateLimitError, name('class'));
                like(error?.message, /Slow down/, name('message'));
            }
        });

        await test(say('errors'), async (name) => {
            const bad = await error_of(client.messages.create({ ...hello, model: 'script:refusals/400' }));
            ok(bad instanceof Client.BadRequestError, name('400'));
            const busy = await error_of(client.messages.create({ ...hello, model: 'script:always/529' }));
            is(busy?.status, 529, name('529'));
            ok(bad?.requestID ?? bad?.request_id ?? bad?.headers?.get('request-id'), name('the request has an id'));
        });

        await test(say('retry by the SDK'), async (name) => {
            const patient = new Client({ apiKey: 'any', baseURL: url(vhost), maxRetries: 2 });
            const message = await patient.messages.create({ ...hello, model: fresh('busy-then-fine-soon') });
            is(message.content[0].text, 'You said: hello', name('answered after all'));
        });

        await test(say('abort'), async (name) => {
            await upstream_reset();
            const model = 'script:streams/slow-then-done';
            const stream = client.messages.stream({ ...hello, model });
            stream.on('text', () => stream.abort());
            const error = await error_of(stream.finalMessage());
            ok(error instanceof Client.APIUserAbortError, name('raises'), error);
            const left = await wait_for(6000, async () => (await upstream_log()).find((e) => e.aborted));
            ok(left, name('the upstream is left'));
        });

        await test(say('count_tokens and models'), async (name) => {
            const count = await client.messages.countTokens({ model: 'm', messages: hello.messages });
            ok(count.input_tokens > 0, name('count_tokens'));
            const models = [];
            for await (const model of client.models.list()) models.push(model);
            ok(models.length > 0 && models.every((m) => m.id && m.type === 'model'), name('models'));
        });
    }
}

// The tool runner of SDK 1 opens a message thread: a Claude channel gets it, elsewhere it is
// refused in the way that makes the SDK go on without.
for (const vhost of ['main', 'chat']) {
    await test(`SDK 1, ${vhost} upstream, tool runner`, async (name) => {
        await upstream_reset();
        const client = new Anthropic({ apiKey: 'any', baseURL: url(vhost), maxRetries: 0 });
        const called = [];
        const runner = client.beta.messages.toolRunner({
            ...hello,
            messages: [{ role: 'user', content: ask }],
            tools: [
                {
                    ...tools[0],
                    run: async (input) => {
                        called.push(input);
                        return 'rainy';
                    },
                    parse: (input) => input,
                },
            ],
        });
        const last = await runner;
        is(called, [{ city: 'Paris' }], name('the tool ran'));
        is(last.content.find((b) => b.type === 'text').text, 'The tool said: rainy', name('the answer'));
        const seen = (await upstream_log()).map((e) => e.json);
        is(seen.length, 2, name('two requests upstream'));
        if (vhost === 'main') {
            is(seen[0].thread?.type, 'create', name('the thread is opened upstream'));
            is(seen[1].thread?.type, 'continue', name('and continued'));
            is(seen[1].messages.length, 1, name('by the results alone'));
        } else {
            ok(seen.every((body) => !body.thread), name('no thread goes to an upstream that has none'));
            ok(seen[1].messages.length >= 3, name('the whole conversation is sent'));
        }
    });
}
done();
