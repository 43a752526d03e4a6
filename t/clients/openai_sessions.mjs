// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// OpenAI's SDK, unmodified: responses that the gateway keeps, and completions of old.
import OpenAI from 'openai';
import { done, error_of, is, like, ok, test, url } from './lib/tap.mjs';

for (const vhost of ['chat', 'main']) {
    const client = new OpenAI({ apiKey: 'any', baseURL: `${url(vhost)}/v1`, maxRetries: 0 });
    const say = (what) => `${vhost} upstream, ${what}`;

    await test(say('responses'), async (name) => {
        const first = await client.responses.create({ model: 'm', input: 'one' });
        is(first.output_text, 'You said: one', name('text'));
        ok(first.store, name('stored'));
        const second = await client.responses.create({
            model: 'm', input: [{ role: 'user', content: 'two' }], previous_response_id: first.id,
        });
        is(second.previous_response_id, first.id, name('goes on'));
        const again = await client.responses.retrieve(second.id);
        is(JSON.stringify(again.output), JSON.stringify(second.output), name('retrieve'));
        is(again.output_text, 'You said: two', name('its text'));
        const items = [];
        for await (const item of client.responses.inputItems.list(second.id, { order: 'asc' })) items.push(item);
        is(items.length, 1, name('input items'));
        is(items[0].content[0].text, 'two', name('their text'));
        const counted = await client.responses.inputTokens.count({ model: 'm', input: 'hello' });
        is(counted.object, 'response.input_tokens', name('input tokens'));
        let error = await error_of(client.responses.cancel(first.id));
        is(error.status, 400, name('nothing to cancel'));
        await client.responses.delete(first.id);
        error = await error_of(client.responses.retrieve(first.id));
        is(error.status, 404, name('deleted'));
        error = await error_of(
            client.responses.create({ model: 'm', input: 'x', previous_response_id: first.id }));
        is(error.status, 400, name('cannot be continued'));
        is(error.code, 'previous_response_not_found', name('and why'));
    });

    await test(say('streamed responses'), async (name) => {
        const stream = client.responses.stream({ model: 'm', input: 'streamed' });
        const first = await stream.finalResponse();
        is(first.output_text, 'You said: streamed', name('text'));
        const again = await client.responses.retrieve(first.id);
        is(again.status, 'completed', name('stored'));
        const second = await client.responses
            .stream({ model: 'm', input: 'more', previous_response_id: first.id })
            .finalResponse();
        is(second.previous_response_id, first.id, name('goes on'));
        like(second.id, /^resp_/, name('an id'));
    });

    await test(say('completions'), async (name) => {
        const answer = await client.completions.create({ model: 'm', prompt: 'Once', max_tokens: 50 });
        is(answer.choices[0].text, 'You said: Once', name('text'));
        is(answer.object, 'text_completion', name('object'));
        const stream = await client.completions.create({ model: 'm', prompt: ['Once'], max_tokens: 50, stream: true });
        let text = '';
        let finish;
        for await (const chunk of stream) {
            text += chunk.choices[0]?.text ?? '';
            finish = chunk.choices[0]?.finish_reason ?? finish;
        }
        is(text, 'You said: Once', name('a stream'));
        is(finish, 'stop', name('to its end'));
    });
}
done();
