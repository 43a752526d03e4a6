// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// Google's SDK, unmodified, through httpd to all kinds of upstream: the present one, and the one that
// Gemini CLI brings along.
import { FunctionCallingConfigMode, GoogleGenAI } from '@google/genai';
import { GoogleGenAI as GoogleGenAI1 } from 'genai-1';
import { done, error_of, is, like, ok, test, upstream_log, upstream_reset, url } from './lib/tap.mjs';

const declaration = {
    name: 'get_weather',
    description: 'Weather of a city',
    parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const tools = [{ functionDeclarations: [declaration] }];
const ask = 'call get_weather {"city":"Paris"}';
const two = `${ask}\ncall get_weather {"city":"Rome"}`;

for (const [version, SDK] of [['3', GoogleGenAI], ['1.30', GoogleGenAI1]]) {
    for (const vhost of ['gemini', 'main', 'chat']) {
        const ai = new SDK({ apiKey: 'any', vertexai: false, httpOptions: { baseUrl: url(vhost) } });
        const model = 'gemini-2.5-pro';
        const say = (what) => `genai ${version}, ${vhost} upstream, ${what}`;
        const streamed = async (request) => {
            const all = { text: '', calls: [], parts: [] };
            for await (const chunk of await ai.models.generateContentStream(request)) {
                all.text += chunk.text ?? '';
                all.calls.push(...(chunk.functionCalls ?? []));
                all.parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
                all.finish = chunk.candidates?.[0]?.finishReason ?? all.finish;
                all.usage = chunk.usageMetadata ?? all.usage;
            }
            return all;
        };

        await test(say('document'), async (name) => {
            const answer = await ai.models.generateContent({ model, contents: 'hello' });
            is(answer.text, 'You said: hello', name('text'));
            is(answer.candidates[0].finishReason, 'STOP', name('finishReason'));
            is(answer.usageMetadata.totalTokenCount, 35, name('usage'));
            is(answer.usageMetadata.cachedContentTokenCount, 5, name('usage of the cache'));
            is(answer.modelVersion, model, name('model'));
        });

        await test(say('stream'), async (name) => {
            const answer = await streamed({ model, contents: 'hello \u2028 you' });
            is(answer.text, 'You said: hello \u2028 you', name('text'));
            is(answer.finish, 'STOP', name('finishReason'));
            is(answer.usage.totalTokenCount, 35, name('usage at the end'));
        });

        for (const stream of [false, true]) {
            await test(say(`function calls, ${stream ? 'streamed' : 'document'}`), async (name) => {
                const contents = [{ role: 'user', parts: [{ text: two }] }];
                const config = { tools, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } } };
                const request = { model, contents, config };
                const first = stream ? await streamed(request) : await ai.models.generateContent(request);
                const calls = stream ? first.calls : first.functionCalls;
                const parts = stream ? first.parts : first.candidates[0].content.parts;
                is(calls.map((call) => call.args), [{ city: 'Paris' }, { city: 'Rome' }], name('two calls'));
                contents.push({ role: 'model', parts: parts.filter((part) => part.functionCall) });
                contents.push({
                    role: 'user',
                    parts: calls.map((call, i) => ({
                        functionResponse: { id: call.id, name: call.name, response: { output: `weather ${i}` } },
                    })),
                });
                const second = stream ? await streamed(request) : await ai.models.generateContent(request);
                is(second.text, 'The tool said: weather 0 weather 1', name('answer'));
            });
        }

        await test(say('chat'), async (name) => {
            const chat = ai.chats.create({ model });
            for await (const chunk of await chat.sendMessageStream({ message: 'one two three' })) void chunk;
            upstream_reset();
            const answer = await chat.sendMessage({ message: 'four' });
            is(answer.text, 'You said: four', name('second turn'));
        });

        await test(say('countTokens'), async (name) => {
            const { totalTokens } = await ai.models.countTokens({ model, contents: 'hello hello hello' });
            ok(totalTokens > 0, name('a number'));
        });

        await test(say('models'), async (name) => {
            const names = [];
            for await (const found of await ai.models.list()) names.push(found.name);
            ok(names.length > 0 && names.every((id) => id.startsWith('models/')), name('a list'), names);
        });

        await test(say('errors'), async (name) => {
            const error = await error_of(ai.models.generateContent({ model: 'busy', contents: 'hello' }));
            is(error?.status, 429, name('status'));
            like(error?.message, /RESOURCE_EXHAUSTED/, name('in words of Google'));
        });
    }

    await test(`genai ${version}, a stream that breaks off`, async (name) => {
        const ai = new SDK({ apiKey: 'any', vertexai: false, httpOptions: { baseUrl: url('chat') } });
        let finish;
        const error = await error_of(
            (async () => {
                for await (const chunk of await ai.models.generateContentStream({ model: 'broken', contents: 'x' })) {
                    finish = chunk.candidates?.[0]?.finishReason ?? finish;
                }
            })(),
        );
        ok(error, name('is an error'));
        is(finish, undefined, name('without a finishReason'));
    });
}

done();
