// Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
//
// The official SDKs, unmodified, as the table of matrix.mjs takes them: each says a question, gives the
// answer back, and names things in its own way.
//
//   open(base)               a client for the server there
//   say(text, image)         a user's turn, as a list of its own messages
//   ask(client, q, stream)   q: model, history, tools, think, schema -> { text, calls, thinking, stop,
//                            usage, raw }; throws where the SDK does
//   back(answer, results)    the messages that give an answer and the results of its calls back
//   stops, errors            how the SDK tells why an answer ended, and which class an error has
//   one_call                 its protocol has one call in an answer
//   hears_no_error           of an error within a stream it tells only that the stream broke
import Anthropic from '@anthropic-ai/sdk';
import AnthropicOld from 'anthropic-sdk-0';
import { GoogleGenAI } from '@google/genai';
import { GoogleGenAI as GoogleGenAIOld } from 'genai-1';
import OpenAI from 'openai';

export const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const description = 'Weather of a city';
const named = { name: 'get_weather', description };

const http_errors = (SDK) => ({ busy: SDK.RateLimitError, bad: SDK.BadRequestError, status: (error) => error.status,
    seconds: (error) => error.headers.get('retry-after') });

function anthropic(name, SDK) {
    return {
        name,
        stops: { end: 'end_turn', calls: 'tool_use', length: 'max_tokens', refusal: 'refusal' },
        errors: { ...http_errors(SDK), overloaded: 529 },
        open: (base) => new SDK({ apiKey: 'any', baseURL: base, maxRetries: 0 }),
        say: (text, image) => [{ role: 'user', content: !image ? text : [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } }, { type: 'text', text }] }],
        async ask(client, q, stream) {
            const body = {
                model: q.model, max_tokens: 4000, messages: q.history,
                ...(q.tools && { tools: [{ ...named, input_schema: parameters }] }),
                ...(q.think && { thinking: { type: 'enabled', budget_tokens: 2000 } }),
                ...(q.schema && { output_config: { format: { type: 'json_schema', schema: q.schema } } }),
            };
            const raw = stream ? await client.messages.stream(body).finalMessage() : await client.messages.create(body);
            const of = (type) => raw.content.filter((block) => block.type === type);
            return {
                raw, stop: raw.stop_reason, text: of('text').map((b) => b.text).join(''),
                thinking: of('thinking').map((b) => b.thinking).join(''),
                calls: of('tool_use').map((b) => ({ id: b.id, input: b.input })),
                usage: {
                    input: raw.usage.input_tokens + raw.usage.cache_creation_input_tokens + raw.usage.cache_read_input_tokens,
                    cached: raw.usage.cache_read_input_tokens, output: raw.usage.output_tokens,
                },
            };
        },
        back: (answer, results) => [{ role: 'assistant', content: answer.raw.content }].concat(results.length ? {
            role: 'user',
            content: answer.calls.map(({ id }, i) => ({ type: 'tool_result', tool_use_id: id, content: results[i] })),
        } : []),
    };
}

// The SDK puts together what it knows; of reasoning_content it would keep the last piece.
async function whole_chat(client, body) {
    const stream = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
    let reasoning = '';
    stream.on('chunk', (chunk) => (reasoning += chunk.choices[0]?.delta?.reasoning_content ?? ''));
    const whole = await stream.finalChatCompletion();
    if (reasoning) whole.choices[0].message.reasoning_content = reasoning;
    return whole;
}

function chat(name, functions) {
    return {
        name,
        one_call: functions,
        stops: { end: 'stop', calls: functions ? 'function_call' : 'tool_calls', length: 'length', refusal: 'content_filter' },
        errors: { ...http_errors(OpenAI), overloaded: 503 },
        open: (base) => new OpenAI({ apiKey: 'any', baseURL: `${base}/v1`, maxRetries: 0 }),
        say: (text, image) => [{ role: 'user', content: !image ? text : [
            { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } }, { type: 'text', text }] }],
        async ask(client, q, stream) {
            const body = {
                model: q.model, messages: q.history,
                ...(functions ? { functions: [{ ...named, parameters }] } : q.tools && {
                    tools: [{ type: 'function', function: { ...named, parameters } }] }),
                ...(q.think && { reasoning_effort: 'low' }),
                ...(q.schema && { response_format: { type: 'json_schema',
                    json_schema: { name: 'place', strict: true, schema: q.schema } } }),
            };
            const raw = stream ? await whole_chat(client, body) : await client.chat.completions.create(body);
            const { message, finish_reason } = raw.choices[0];
            const calls = functions ? [message.function_call ?? []].flat().map((call) => ({ function: call })) : message.tool_calls ?? [];
            return {
                raw, stop: finish_reason, text: message.content ?? '', thinking: message.reasoning_content ?? '',
                calls: calls.map((call) => ({ id: call.id ?? call.function.name, input: JSON.parse(call.function.arguments) })),
                usage: raw.usage && {
                    input: raw.usage.prompt_tokens, cached: raw.usage.prompt_tokens_details.cached_tokens,
                    output: raw.usage.completion_tokens,
                },
            };
        },
        back: (answer, results) => [answer.raw.choices[0].message, ...results.map((content, i) => functions
            ? { role: 'function', name: answer.calls[i].id, content }
            : { role: 'tool', tool_call_id: answer.calls[i].id, content })],
    };
}

const responses = {
    name: 'openai responses',
    stops: { end: 'completed', calls: 'completed', length: 'max_output_tokens', refusal: 'content_filter' },
    errors: { ...http_errors(OpenAI), overloaded: 503 },
    open: (base) => new OpenAI({ apiKey: 'any', baseURL: `${base}/v1`, maxRetries: 0 }),
    say: (text, image) => [{ role: 'user', content: [
        ...(image ? [{ type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${image}` }] : []),
        { type: 'input_text', text }] }],
    async ask(client, q, stream) {
        const body = {
            model: q.model, input: q.history, store: false,
            ...(q.tools && { tools: [{ type: 'function', strict: false, ...named, parameters }] }),
            ...(q.think && { reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] }),
            ...(q.schema && { text: { format: { type: 'json_schema', name: 'place', strict: true, schema: q.schema } } }),
        };
        const raw = stream ? await client.responses.stream(body).finalResponse() : await client.responses.create(body);
        // How this API tells that an answer broke off.
        if (raw.status === 'failed') throw new Error(`${raw.error.code}: ${raw.error.message}`);
        const of = (type) => raw.output.filter((item) => item.type === type);
        return {
            raw, stop: raw.incomplete_details?.reason ?? raw.status, text: raw.output_text,
            thinking: of('reasoning').map((item) => item.summary.map((s) => s.text).join('')).join(''),
            calls: of('function_call').map((item) => ({ id: item.call_id, input: JSON.parse(item.arguments) })),
            usage: raw.usage && {
                input: raw.usage.input_tokens, cached: raw.usage.input_tokens_details.cached_tokens,
                output: raw.usage.output_tokens,
            },
        };
    },
    back: (answer, results) => [...answer.raw.output, ...results.map((output, i) => (
        { type: 'function_call_output', call_id: answer.calls[i].id, output }))],
};

// The pieces of a stream together, as an application does.
async function gathered(stream) {
    const whole = { candidates: [{ content: { role: 'model', parts: [] } }] };
    for await (const chunk of stream) {
        const candidate = chunk.candidates?.[0];
        whole.candidates[0].content.parts.push(...(candidate?.content?.parts ?? []));
        whole.candidates[0].finishReason = candidate?.finishReason ?? whole.candidates[0].finishReason;
        whole.usageMetadata = chunk.usageMetadata ?? whole.usageMetadata;
    }
    return whole;
}

function gemini(name, SDK, more) {
    const told = (error) => JSON.parse(error.message).error;
    return {
        name,
        ...more,
        stops: { end: 'STOP', calls: 'STOP', length: 'MAX_TOKENS', refusal: 'SAFETY' },
        errors: {
            busy: Error, bad: Error, overloaded: 503, status: (error) => error.status,
            seconds: (error) => told(error).details.find((d) => d.retryDelay).retryDelay.replace(/s$/, ''),
        },
        open: (base) => new SDK({ apiKey: 'any', vertexai: false, httpOptions: { baseUrl: base } }),
        say: (text, image) => [{ role: 'user', parts: [
            ...(image ? [{ inlineData: { mimeType: 'image/png', data: image } }] : []), { text }] }],
        async ask(client, q, stream) {
            const request = {
                model: q.model, contents: q.history,
                config: {
                    ...(q.tools && { tools: [{ functionDeclarations: [{ ...named, parametersJsonSchema: parameters }] }] }),
                    ...(q.think && { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } }),
                    ...(q.schema && { responseMimeType: 'application/json', responseJsonSchema: q.schema }),
                },
            };
            const raw = stream ? await gathered(await client.models.generateContentStream(request))
                : await client.models.generateContent(request);
            const { content, finishReason } = raw.candidates[0];
            const texts = (thought) => content.parts.filter((p) => p.text && !p.thought === !thought).map((p) => p.text).join('');
            return {
                raw, stop: finishReason, text: texts(false), thinking: texts(true),
                // Gemini itself gives calls no ids.
                calls: content.parts.filter((p) => p.functionCall).map(({ functionCall }) => (
                    { name: functionCall.name, id: functionCall.id, input: functionCall.args })),
                usage: raw.usageMetadata && {
                    input: raw.usageMetadata.promptTokenCount, cached: raw.usageMetadata.cachedContentTokenCount,
                    output: raw.usageMetadata.candidatesTokenCount + (raw.usageMetadata.thoughtsTokenCount ?? 0),
                },
            };
        },
        back: (answer, results) => [answer.raw.candidates[0].content].concat(results.length ? {
            role: 'user',
            parts: answer.calls.map(({ id, name: called }, i) => ({
                functionResponse: { id, name: called, response: { output: results[i] } } })),
        } : []),
    };
}

export const sdks = [
    anthropic('anthropic 1', Anthropic), anthropic('anthropic 0', AnthropicOld),
    chat('openai chat', false), chat('openai functions', true), responses,
    gemini('genai 3', GoogleGenAI), gemini('genai 1.30', GoogleGenAIOld, { hears_no_error: true }),
];
