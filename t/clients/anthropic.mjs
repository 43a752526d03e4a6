// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// What both majors of Anthropic's SDK have beyond matrix.mjs, through httpd to every kind of upstream.
import Anthropic from '@anthropic-ai/sdk';
import AnthropicOld from 'anthropic-sdk-0';
import { done, error_of, fresh, is, ok, test, upstream_log, upstream_reset, url, wait_for } from './lib/tap.mjs';

const tool = {
    name: 'get_weather',
    description: 'Weather of a city',
    input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const hello = { model: 'm', max_tokens: 200, messages: [{ role: 'user', content: 'hello' }] };

for (const [sdk, Client] of [['SDK 0', AnthropicOld], ['SDK 1', Anthropic]]) {
    for (const vhost of ['main', 'chat', 'legacy', 'responses', 'gemini']) {
        const client = new Client({ apiKey: 'any', baseURL: url(vhost), maxRetries: 0 });
        const say = (what) => `${sdk}, ${vhost} upstream, ${what}`;

        await test(say('stream as it comes'), async (name) => {
            const seen = [];
            let text = '';
            const stream = client.messages.stream(hello);
            stream.on('text', (delta) => (text += delta));
            stream.on('streamEvent', (event) => seen.push(event.type));
            await stream.finalMessage();
            is(text, 'You said: hello', name('text'));
            is(seen.filter((t) => t === 'message_start').length, 1, name('one message_start'));
            is(seen.at(-1), 'message_stop', name('message_stop at the end'));
            ok(seen.filter((t) => t === 'content_block_delta').length >= 2, name('in pieces'));
        });

        await test(say('cut stream'), async (name) => {
            for (const script of ['cut', 'cut-clean', 'error-later']) {
                let last;
                const error = await error_of(
                    (async () => {
                        const model = `script:streams/${script}`;
                        const stream = await client.messages.create({ ...hello, model, stream: true });
                        for await (const event of stream) last = event.type;
                    })(),
                );
                ok(error, name(`${script}: the plain iterator raises`), last);
                ok(last !== 'message_stop', name(`${script}: and shows no end`));
            }
        });

        await test(say('request id'), async (name) => {
            const bad = await error_of(client.messages.create({ ...hello, model: 'script:refusals/400' }));
            ok(bad?.requestID ?? bad?.request_id ?? bad?.headers?.get('request-id'), name('of an error'));
            ok((await client.messages.create(hello))._request_id, name('of an answer'));
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
for (const vhost of ['main', 'chat', 'legacy', 'responses', 'gemini']) {
    await test(`SDK 1, ${vhost} upstream, tool runner`, async (name) => {
        await upstream_reset();
        const client = new Anthropic({ apiKey: 'any', baseURL: url(vhost), maxRetries: 0 });
        const called = [];
        const runner = client.beta.messages.toolRunner({
            ...hello,
            messages: [{ role: 'user', content: 'call get_weather {"city":"Paris"}' }],
            tools: [
                {
                    ...tool,
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
            const { messages, input, contents } = seen[1];
            ok((messages ?? input ?? contents).length >= 3, name('the whole conversation is sent'));
        }
    });
}
done();
