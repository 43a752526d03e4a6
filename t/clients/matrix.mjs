// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// Every SDK through httpd to every kind of upstream, document and stream: a row for each feature.
import { sdks } from './lib/sdks.mjs';
import { done, error_of, is, like, ok, test, upstream_log, upstream_reset, url } from './lib/tap.mjs';

// The channels of these vhosts (t/conf/extra.conf.in), and a model that thinks there.
const upstreams = { main: 'claude-sonnet-4-6', chat: 'gpt-5', legacy: 'gpt-5', responses: 'gpt-5', gemini: 'gemini-2.5-pro' };
const documents = [false];
const streams = [true];
const both = [false, true];

const image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const place = { type: 'object', properties: { town: { type: 'string' } }, required: ['town'], additionalProperties: false };
const paris = 'call get_weather {"city":"Paris"}';
const two = `${paris}\ncall get_weather {"city":"Rome"}`;
const thought = 'Let me think about it.';

// Features that a pair of protocols cannot have.
const single = (sdk, vhost) => sdk.one_call || vhost === 'legacy';
const thoughtless = (sdk, vhost) => vhost === 'legacy' && !sdk.one_call; // older than reasoning
const uncounted = (sdk, vhost, stream) => stream && vhost === 'legacy'; // cannot ask a stream for its usage

// A row: feature, ways, question, what the answer is, where it is something else.
// Of questions: say, image, tools, think, schema, model; results of the calls, and what follows, in `then`.
// Of answers: text, calls, thinking, stop, usage; json: the text read; `sent`: words of the upstream's request;
// error: a name of the SDK's `errors`, or 'any'; status, seconds, message of it.
const rows = [
    ['text', both, { say: 'hello' }, { text: 'You said: hello', stop: 'end', thinking: '', calls: [] }],
    ['text of all kinds', both, { say: 'é \u2028 "\\" </script> \u{1f600}' }, { text: 'You said: é \u2028 "\\" </script> \u{1f600}' }],
    ['usage', both, { say: 'hello' }, { usage: { input: 28, cached: 5, output: 7 } }, [uncounted, {}]],
    ['tool loop', both, { say: paris, tools: true, then: ['sunny'] },
        { calls: ['Paris'], stop: 'calls', text: '', then: { text: 'The tool said: sunny', stop: 'end' } }],
    ['parallel tools', both, { say: two, tools: true, then: ['sunny', 'rainy'] },
        { calls: ['Paris', 'Rome'], stop: 'calls', then: { text: 'The tool said: sunny rainy' } },
        [single, { calls: ['Paris'], stop: 'calls', then: { text: 'The tool said: sunny' } }]],
    ['reasoning', both, { say: 'hello', think: true, then: [], more: 'go on' },
        { thinking: thought, text: 'You said: hello', then: { text: 'You said: go on', thinking: thought } },
        [thoughtless, { thinking: '', text: 'You said: hello', then: { text: 'You said: go on' } }]],
    ['reasoning and a call', both, { say: paris, think: true, tools: true, then: ['sunny'] },
        { thinking: thought, calls: ['Paris'], then: { text: 'The tool said: sunny' } },
        [thoughtless, { thinking: '', calls: ['Paris'], then: { text: 'The tool said: sunny' } }]],
    ['structured output', both, { say: 'say {"town":"Oslo"}', schema: place }, { json: { town: 'Oslo' }, sent: /town.*additionalProperties|additionalProperties.*town/ }],
    ['image', documents, { say: 'hello', image }, { text: 'You said: hello', sent: /iVBORw0KGgo/ }],
    ['end by length', both, { say: 'stop length' }, { text: 'You said: stop length', stop: 'length' }],
    ['end by refusal', both, { say: 'stop refusal' }, { stop: 'refusal' }],
    ['429', both, { say: 'x', model: 'script:always+429' }, { error: 'busy', status: 429, seconds: '7', message: /Slow down/ }],
    ['400', both, { say: 'x', model: 'script:refusals+400' }, { error: 'bad', status: 400, message: /roles must alternate/ }],
    ['overload', both, { say: 'x', model: 'script:always+529' }, { error: 'any', status: 'overloaded', message: /Overloaded/ }],
    ['cut stream', streams, { say: 'x', model: 'script:streams+cut' }, { error: 'any' }],
    ['stream without its end', streams, { say: 'x', model: 'script:streams+cut-clean' }, { error: 'any' }],
    ['error within a stream', streams, { say: 'x', model: 'script:streams+error-later' }, { error: 'any', message: /Overloaded/ },
        [(sdk) => sdk.hears_no_error, { error: 'any' }]],
    ['cut document', documents, { say: 'x', model: 'script:streams+cut-document' }, { error: 'any', status: 502 }],
];

function check_answer(sdk, answer, want, name) {
    for (const key of ['text', 'thinking', 'usage']) {
        if (key in want) is(answer[key], want[key], name(key));
    }
    if ('calls' in want) is(answer.calls.map((call) => call.input.city), want.calls, name('calls'));
    if ('calls' in want) is(new Set(answer.calls.map((call) => call.id ?? call)).size, want.calls.length, name('ids of the calls'));
    if ('stop' in want) is(answer.stop, sdk.stops[want.stop], name('why it ended'));
    if ('json' in want) is(JSON.parse(answer.text), want.json, name('json'));
}

function check_error(sdk, error, want, name) {
    const { errors } = sdk;
    if (!ok(error, name('raises'))) return;
    if (want.error !== 'any') ok(error instanceof errors[want.error], name('class'), error);
    if ('status' in want) is(errors.status(error), errors[want.status] ?? want.status, name('status'));
    if ('seconds' in want) is(errors.seconds(error), want.seconds, name('when to come back'));
    if ('message' in want) like(error.message, want.message, name('message'));
}

async function run(sdk, client, question, want, stream, name) {
    const { ask, say, back } = sdk;
    const history = say(question.say, question.image);
    const q = { ...question, history };
    if (want.error) return check_error(sdk, await error_of(ask(client, q, stream)), want, name);
    if (want.sent) await upstream_reset();
    const answer = await ask(client, q, stream);
    check_answer(sdk, answer, want, name);
    if (want.sent) like(JSON.stringify((await upstream_log()).map((entry) => entry.json)), want.sent, name('what the upstream got'));
    if (want.then) {
        history.push(...back(answer, question.then.slice(0, answer.calls.length)), ...(question.more ? say(question.more) : []));
        check_answer(sdk, await ask(client, q, stream), want.then, (text) => name(`then ${text}`));
    }
    return undefined;
}

for (const sdk of sdks) {
    for (const [vhost, thinker] of Object.entries(upstreams)) {
        const client = sdk.open(url(vhost));
        for (const [feature, ways, question, want, ...others] of rows) {
            for (const stream of ways) {
                const other = others.find(([where]) => where(sdk, vhost, stream));
                await test(`${sdk.name} to ${vhost}, ${feature}, ${stream ? 'stream' : 'document'}`, (name) =>
                    run(sdk, client, { model: question.think ? thinker : 'm', ...question }, other ? other[1] : want, stream, name));
            }
        }
    }
}
done();
