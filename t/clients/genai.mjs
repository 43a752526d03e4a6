// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// What Google's SDK has beyond matrix.mjs, through httpd to every kind of upstream: the present one, and
// the one that Gemini CLI brings along.
import { GoogleGenAI } from '@google/genai';
import { GoogleGenAI as GoogleGenAI1 } from 'genai-1';
import { done, error_of, is, like, ok, test, upstream_log, upstream_reset, url, wait_for } from './lib/tap.mjs';

for (const [version, SDK] of [['3', GoogleGenAI], ['1.30', GoogleGenAI1]]) {
    for (const vhost of ['gemini', 'main', 'chat', 'legacy', 'responses']) {
        const ai = new SDK({ apiKey: 'any', vertexai: false, httpOptions: { baseUrl: url(vhost) } });
        const model = 'gemini-2.5-pro';
        const say = (what) => `genai ${version}, ${vhost} upstream, ${what}`;

        await test(say('names'), async (name) => {
            const answer = await ai.models.generateContent({ model, contents: 'hello' });
            is(answer.modelVersion, model, name('model'));
            ok(answer.responseId, name('id'));
        });

        await test(say('chat'), async (name) => {
            const chat = ai.chats.create({ model });
            for await (const chunk of await chat.sendMessageStream({ message: 'one two three' })) void chunk;
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
            const error = await error_of(ai.models.generateContent({ model: 'script:always+429', contents: 'hello' }));
            like(error?.message, /RESOURCE_EXHAUSTED/, name('in words of Google'));
        });

        await test(say('a stream that breaks off'), async (name) => {
            for (const script of ['cut', 'cut-clean', 'error-later']) {
                let finish;
                const error = await error_of(
                    (async () => {
                        const request = { model: `script:streams+${script}`, contents: 'x' };
                        for await (const chunk of await ai.models.generateContentStream(request)) {
                            finish = chunk.candidates?.[0]?.finishReason ?? finish;
                        }
                    })(),
                );
                ok(error, name(`${script}: is an error`));
                is(finish, undefined, name(`${script}: without a finishReason`));
            }
        });

        await test(say('abort'), async (name) => {
            await upstream_reset();
            const abort = new AbortController();
            const request = { model: 'script:streams+slow-then-done', contents: 'x', config: { abortSignal: abort.signal } };
            const error = await error_of(
                (async () => {
                    for await (const chunk of await ai.models.generateContentStream(request)) {
                        if (chunk.text) abort.abort();
                    }
                })(),
            );
            ok(error, name('raises'));
            const left = await wait_for(6000, async () => (await upstream_log()).find((e) => e.aborted));
            ok(left, name('the upstream is left'));
        });
    }
}

done();
