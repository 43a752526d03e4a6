// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// OpenAI's SDK, unmodified, through httpd to all kinds of upstream.
import OpenAI from 'openai';
import { done, error_of, fresh, is, like, ok, test, upstream_log, upstream_reset, url, wait_for } from './lib/tap.mjs';

const tools = [
    {
        type: 'function',
        function: {
            name: 'get_weather',
            description: 'Weather of a city',
            parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        },
    },
];
const ask = 'call get_weather {"city":"Paris"}';
const two = `${ask}\ncall get_weather {"city":"Rome"}`;
const hello = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };

for (const vhost of ['chat', 'main', 'legacy']) {
    const client = new OpenAI({ apiKey: 'any', baseURL: `${url(vhost)}/v1`, maxRetries: 0 });
    const chat = client.chat.completions;
    const say = (what) => `${vhost} upstream, ${what}`;
    const turn = async (body, stream) =>
        stream ? chat.stream(body).finalChatCompletion() : chat.create(body);

    await test(say('document'), async (name) => {
        const answer = await chat.create(hello);
        is(answer.choices[0].message.content, 'You said: hello', name('text'));
        is(answer.choices[0].finish_reason, 'stop', name('finish_reason'));
        is(answer.usage.total_tokens, 35, name('usage'));
        is(answer.usage.prompt_tokens_details.cached_tokens, 5, name('usage of the cache'));
    });

    await test(say('stream'), async (name) => {
        const stream = await chat.create({ ...hello, stream: true, stream_options: { include_usage: true } });
        let text = '';
        let usage;
        let finish;
        for await (const chunk of stream) {
            text += chunk.choices[0]?.delta?.content ?? '';
            finish = chunk.choices[0]?.finish_reason ?? finish;
            usage = chunk.usage ?? usage;
        }
        is(text, 'You said: hello', name('text'));
        is(finish, 'stop', name('finish_reason'));
        // The old protocol has no way to ask a stream for its usage.
        if (vhost !== 'legacy') is(usage?.total_tokens, 35, name('usage at the end'));
        const answer = await chat.stream(hello).finalChatCompletion();
        is(answer.choices[0].message.content, 'You said: hello', name('put together by the SDK'));
    });

    if (vhost !== 'legacy') {
        await test(say('tool loop'), async (name) => {
            for (const stream of [false, true]) {
                const how = stream ? 'streamed' : 'document';
                const messages = [{ role: 'user', content: ask }];
                const first = await turn({ ...hello, tools, messages }, stream);
                const message = first.choices[0].message;
                is(first.choices[0].finish_reason, 'tool_calls', name(`${how}: finish_reason`));
                is(JSON.parse(message.tool_calls[0].function.arguments), { city: 'Paris' }, name(`${how}: arguments`));
                messages.push(message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'sunny' });
                const second = await turn({ ...hello, tools, messages }, stream);
                is(second.choices[0].message.content, 'The tool said: sunny', name(`${how}: answer`));
            }
        });

        await test(say('parallel tools'), async (name) => {
            for (const stream of [false, true]) {
                const how = stream ? 'streamed' : 'document';
                const messages = [{ role: 'user', content: two }];
                const first = await turn({ ...hello, tools, messages }, stream);
                const calls = first.choices[0].message.tool_calls;
                is(calls.map((c) => JSON.parse(c.function.arguments).city), ['Paris', 'Rome'], name(`${how}: two calls`));
                messages.push(
                    first.choices[0].message,
                    ...calls.map((c, i) => ({ role: 'tool', tool_call_id: c.id, content: `r${i}` })),
                );
                const second = await turn({ ...hello, tools, messages }, stream);
                is(second.choices[0].message.content, 'The tool said: r0 r1', name(`${how}: both results in order`));
            }
        });

        await test(say('runTools'), async (name) => {
            const called = [];
            const runner = chat.runTools({
                ...hello,
                stream: true,
                messages: [{ role: 'user', content: ask }],
                tools: [
                    {
                        type: 'function',
                        function: {
                            ...tools[0].function,
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

        await test(say('reasoning'), async (name) => {
            const body = { ...hello, model: vhost === 'main' ? 'claude-sonnet-4-5' : 'gpt-5', reasoning_effort: 'low' };
            const answer = await chat.create(body);
            is(answer.choices[0].message.content, 'You said: hello', name('text'));
            const up = (await upstream_log()).at(-1).json;
            ok(vhost === 'main' ? up.thinking || up.output_config : up.reasoning_effort === 'low', name('asked for upstream'));
        });
    } else {
        await test(say('functions'), async (name) => {
            const functions = [tools[0].function];
            const messages = [{ role: 'user', content: ask }];
            const first = await chat.create({ ...hello, functions, messages });
            is(first.choices[0].finish_reason, 'function_call', name('finish_reason'));
            is(JSON.parse(first.choices[0].message.function_call.arguments), { city: 'Paris' }, name('arguments'));
            messages.push(first.choices[0].message, { role: 'function', name: 'get_weather', content: 'sunny' });
            const second = await chat.create({ ...hello, functions, messages });
            is(second.choices[0].message.content, 'The tool said: sunny', name('answer'));
        });
    }

    await test(say('cut stream'), async (name) => {
        for (const script of ['cut', 'error-later']) {
            const error = await error_of(
                (async () => {
                    const stream = await chat.create({ ...hello, model: `script:streams/${script}`, stream: true });
                    for await (const chunk of stream) void chunk;
                })(),
            );
            ok(error, name(`${script}: raises`));
        }
        const error = await error_of(chat.stream({ ...hello, model: 'script:streams/cut-clean' }).finalChatCompletion());
        ok(error, name('cut-clean: raises'));
    });

    await test(say('429'), async (name) => {
        for (const stream of [false, true]) {
            const error = await error_of(chat.create({ ...hello, model: 'script:always/429', stream }));
            is(error?.status, 429, name('status'));
            is(error?.headers?.get('retry-after'), '7', name('retry-after'));
            ok(error instanceof OpenAI.RateLimitError, name('class'));
            like(error?.message, /Slow down/, name('message'));
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

// Responses, by every kind of upstream.
const flat = [{ type: 'function', strict: false, ...tools[0].function }];
for (const vhost of ['main', 'chat', 'legacy', 'responses']) {
    const client = new OpenAI({ apiKey: 'any', baseURL: `${url(vhost)}/v1`, maxRetries: 0 });
    const say = (what) => `Responses, ${vhost} upstream, ${what}`;
    const turn = async (body, stream) =>
        stream ? client.responses.stream(body).finalResponse() : client.responses.create(body);

    await test(say('text'), async (name) => {
        for (const stream of [false, true]) {
            const how = stream ? 'streamed' : 'document';
            const answer = await turn({ model: 'm', input: 'hello', instructions: 'Be brief', store: false }, stream);
            is(answer.output_text, 'You said: hello', name(`${how}: text`));
            is(answer.status, 'completed', name(`${how}: status`));
            is(answer.model, 'm', name(`${how}: model`));
            if (vhost !== 'legacy') {
                is(answer.usage.total_tokens, 35, name(`${how}: usage`));
                is(answer.usage.input_tokens_details.cached_tokens, 5, name(`${how}: usage of the cache`));
            }
            if (vhost !== 'responses') is(answer.instructions, 'Be brief', name(`${how}: repeats what was asked`));
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

    await test(say('tool loop'), async (name) => {
        for (const stream of [false, true]) {
            const how = stream ? 'streamed' : 'document';
            const input = [{ role: 'user', content: vhost === 'legacy' ? ask : two }];
            const first = await turn({ model: 'm', input, tools: flat, store: false }, stream);
            const calls = first.output.filter((item) => item.type === 'function_call');
            is(calls.map((c) => JSON.parse(c.arguments).city), vhost === 'legacy' ? ['Paris'] : ['Paris', 'Rome'],
                name(`${how}: calls`));
            input.push(
                ...first.output,
                ...calls.map((c, i) => ({ type: 'function_call_output', call_id: c.call_id, output: `r${i}` })),
            );
            const second = await turn({ model: 'm', input, tools: flat, store: false }, stream);
            is(second.output_text, `The tool said: ${vhost === 'legacy' ? 'r0' : 'r0 r1'}`, name(`${how}: answer`));
        }
    });

    if (vhost !== 'legacy') {
        await test(say('reasoning'), async (name) => {
            for (const stream of [false, true]) {
                const how = stream ? 'streamed' : 'document';
                const model = vhost === 'main' ? 'claude-sonnet-4-5' : 'gpt-5';
                const body = { model, store: false, reasoning: { effort: 'low', summary: 'auto' } };
                const first = await turn({ ...body, input: 'hello' }, stream);
                const reasoning = first.output[0];
                is(reasoning.type, 'reasoning', name(`${how}: comes first`));
                is(reasoning.summary[0].text, 'Let me think about it.', name(`${how}: summary`));
                const again = await turn({ ...body, input: [...first.output, { role: 'user', content: 'more' }] }, stream);
                is(again.output_text, 'You said: more', name(`${how}: given back`));
            }
        });
    }

    if (vhost !== 'responses') {
        await test(say('free-text tool'), async (name) => {
            const body = { model: 'm', input: 'call p {"input":"a b"}', tools: [{ type: 'custom', name: 'p' }], store: false };
            for (const stream of [false, true]) {
                const answer = await turn(body, stream);
                const call = answer.output.find((item) => item.type === 'custom_tool_call');
                is(call?.input, 'a b', name(stream ? 'streamed' : 'document'));
            }
        });
    }

    await test(say('cut stream'), async (name) => {
        for (const script of ['cut', 'error-later']) {
            if (vhost === 'responses') continue; // the scripts speak the other protocols
            let last;
            const error = await error_of(
                (async () => {
                    const stream = await client.responses.create({
                        model: `script:streams/${script}`,
                        input: 'x',
                        stream: true,
                        store: false,
                    });
                    for await (const event of stream) last = event;
                })(),
            );
            ok(error || last?.type === 'response.failed', name(script));
        }
    });

    await test(say('429'), async (name) => {
        const error = await error_of(client.responses.create({ model: 'script:always/429', input: 'x', store: false }));
        is(error?.status, 429, name('status'));
        ok(error instanceof OpenAI.RateLimitError, name('class'));
    });
}
done();
