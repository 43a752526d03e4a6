// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// What OpenAI's SDK has beyond matrix.mjs, through httpd to every kind of upstream.
import OpenAI from 'openai';
import { done, error_of, fresh, is, ok, test, upstream_log, upstream_reset, url, wait_for } from './lib/tap.mjs';

const weather = {
    name: 'get_weather',
    description: 'Weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const hello = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };

for (const vhost of ['chat', 'main', 'legacy', 'responses', 'gemini']) {
    const client = new OpenAI({ apiKey: 'any', baseURL: `${url(vhost)}/v1`, maxRetries: 0 });
    const chat = client.chat.completions;
    const say = (what) => `${vhost} upstream, ${what}`;

    await test(say('runTools'), async (name) => {
        const called = [];
        const runner = chat.runTools({
            ...hello,
            stream: true,
            messages: [{ role: 'user', content: 'call get_weather {"city":"Paris"}' }],
            tools: [
                {
                    type: 'function',
                    function: {
                        ...weather,
                        parse: JSON.parse,
                        function: async (input) => {
                            called.push(input);
                            return 'rainy';
                        },
                    },
                },
            ],
        });
        is(await runner.finalContent(), 'The tool said: rainy', name('the answer'));
        is(called, [{ city: 'Paris' }], name('the tool ran'));
    });

    await test(say('cut stream'), async (name) => {
        for (const script of ['cut', 'error-later']) {
            const error = await error_of(
                (async () => {
                    const stream = await chat.create({ ...hello, model: `script:streams/${script}`, stream: true });
                    for await (const chunk of stream) void chunk;
                })(),
            );
            ok(error, name(`${script}: the plain iterator raises`));
        }
    });

    await test(say('retry by the SDK'), async (name) => {
        const patient = new OpenAI({ apiKey: 'any', baseURL: `${url(vhost)}/v1`, maxRetries: 2 });
        const answer = await patient.chat.completions.create({ ...hello, model: fresh('busy-then-fine-soon') });
        is(answer.choices[0].message.content, 'You said: hello', name('answered after all'));
    });

    await test(say('abort'), async (name) => {
        await upstream_reset();
        const stream = await chat.create({ ...hello, model: 'script:streams/slow-then-done', stream: true });
        for await (const chunk of stream) {
            if (chunk.choices[0]?.delta?.content) break;
        }
        stream.controller.abort();
        const left = await wait_for(2000, async () => (await upstream_log()).find((e) => e.aborted));
        ok(left, name('the upstream is left'));
    });

    await test(say('models'), async (name) => {
        const models = [];
        for await (const model of client.models.list()) models.push(model);
        ok(models.length > 0 && models.every((m) => m.id && m.object === 'model'), name('list'));
        const one = await client.models.retrieve(models[0].id);
        is(one.id, models[0].id, name('one'));
    });
}

for (const vhost of ['main', 'chat', 'legacy', 'responses', 'gemini']) {
    const client = new OpenAI({ apiKey: 'any', baseURL: `${url(vhost)}/v1`, maxRetries: 0 });
    const say = (what) => `Responses, ${vhost} upstream, ${what}`;

    await test(say('the answer repeats what was asked'), async (name) => {
        if (vhost === 'responses') return; // says what its upstream says
        const body = { model: 'm', input: 'hello', instructions: 'Be brief', store: false };
        for (const answer of [await client.responses.create(body), await client.responses.stream(body).finalResponse()]) {
            is(answer.instructions, 'Be brief', name('instructions'));
            is(answer.model, 'm', name('model'));
        }
    });

    await test(say('events'), async (name) => {
        const stream = await client.responses.create({ model: 'm', input: 'hello', stream: true, store: false });
        const types = [];
        let text = '';
        for await (const event of stream) {
            types.push(event.type);
            if (event.type === 'response.output_text.delta') text += event.delta;
        }
        is(text, 'You said: hello', name('deltas'));
        is(types[0], 'response.created', name('the first'));
        is(types.at(-1), 'response.completed', name('the last'));
    });

    if (vhost !== 'responses') {
        await test(say('free-text tool'), async (name) => {
            const body = { model: 'm', input: 'call p {"input":"a b"}', tools: [{ type: 'custom', name: 'p' }], store: false };
            for (const stream of [false, true]) {
                const answer = await (stream ? client.responses.stream(body).finalResponse() : client.responses.create(body));
                const call = answer.output.find((item) => item.type === 'custom_tool_call');
                is(call?.input, 'a b', name(stream ? 'streamed' : 'document'));
            }
        });
    }

    await test(say('cut stream'), async (name) => {
        for (const script of ['cut', 'cut-clean', 'error-later']) {
            const events = [];
            const error = await error_of(
                (async () => {
                    const stream = await client.responses.create({
                        model: `script:streams/${script}`,
                        input: 'x',
                        stream: true,
                        store: false,
                    });
                    for await (const event of stream) events.push(event.type);
                })(),
            );
            ok(error || events.at(-1) === 'response.failed', name(`${script}: told`), events);
            ok(!events.includes('response.completed'), name(`${script}: no end`));
        }
    });
}
done();
