/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat.h"
#include "chat_legacy.h"

#include "answer_output.h"
#include "chat_memo.h"
#include "chat_state.h"
#include "dialect/fold.h"
#include "dialect/tools.h"
#include "logprobs.h"
#include "wire/json_write.h"
#include "wire/text.h"

const char clp_chat_keepalive[] = ": keepalive\n\n";
const char clp_chat_legacy_keepalive[] = ": keepalive\n\n";

/* How clp_call_text_object() begins what was no object. */
#define WRAPPED "{\\\"_invalid_arguments\\\":"

typedef struct chat_writer {
    clp_writer writer;
    apr_pool_t *pool;
    clp_buffer *out;
    clp_writer_options options;
    clp_usage usage;
    clp_fold *fold; /* documents */
    clp_chat_memo *memo;
    clp_buffer head;     /* of every chunk: up to the delta */
    clp_buffer held;     /* function era: the open call's free text */
    clp_buffer state;    /* Gemini's in an envelope: of the next call, or what is written */
    const char *tail;    /* of a chunk that does not finish */
    int calls;           /* opened so far */
    unsigned mute : 1;   /* the open call is one that the client cannot take */
    unsigned argued : 1; /* the open call has had arguments */
} chat_writer;

static apr_int64_t or_zero(apr_int64_t n)
{
    return n > 0 ? n : 0;
}

static const char *finish_reason(const chat_writer *c, clp_stop stop)
{
    switch (stop) {
    case CLP_STOP_END:
    case CLP_STOP_SEQUENCE:
    case CLP_STOP_PAUSE: return "stop";
    case CLP_STOP_LENGTH:
    case CLP_STOP_WINDOW: return "length";
    case CLP_STOP_TOOL: return c->options.legacy_functions ? "function_call" : "tool_calls";
    case CLP_STOP_FILTER: return "content_filter";
    }
    return "stop";
}

static void write_usage(clp_jw *w, const chat_writer *c, const clp_usage *u)
{
    int told = u->input >= 0 || u->cache_read >= 0 || u->cache_write >= 0;
    apr_int64_t prompt = told ? clp_usage_prompt(u) : or_zero(c->options.input_estimate);
    clp_jw_object(w);
    clp_jw_kint(w, "prompt_tokens", prompt);
    clp_jw_kint(w, "completion_tokens", or_zero(u->output));
    clp_jw_kint(w, "total_tokens", prompt + or_zero(u->output));
    clp_jw_key(w, "prompt_tokens_details");
    clp_jw_object(w);
    clp_jw_kint(w, "cached_tokens", or_zero(u->cache_read));
    if (u->cache_write >= 0) {
        clp_jw_kint(w, "cache_write_tokens", u->cache_write);
    }
    clp_jw_end_object(w);
    clp_jw_key(w, "completion_tokens_details");
    clp_jw_object(w);
    clp_jw_kint(w, "reasoning_tokens", or_zero(u->reasoning));
    clp_jw_end_object(w);
    clp_jw_end_object(w);
}

static int is_call(clp_part_kind part)
{
    return part == CLP_PART_TOOL_CALL || part == CLP_PART_CUSTOM_CALL;
}

/* Gemini's state as a client of today may have it, in `state`; returns whether there is any. */
static int seal(chat_writer *c, clp_provider provider, clp_state_kind kind, clp_span escaped)
{
    clp_state state = {provider, kind, {NULL, 0}};

    clp_buffer_clear(&c->state);
    if (provider == CLP_PROVIDER_GEMINI && escaped.n && !c->options.legacy_functions) {
        clp_state_carry(&c->state, &state, clp_text_escaped(escaped), c->options.envelope_key);
    }
    return c->state.n > 0;
}

static int is_of_text(clp_state_kind kind)
{
    return kind == CLP_STATE_PREV_TEXT || kind == CLP_STATE_EMPTY_TEXT;
}

/* --- streams --------------------------------------------------------------- */

static void make_head(chat_writer *c, const clp_event *event)
{
    clp_buffer *h = &c->head;
    clp_buffer_lit(h, "data: {\"id\":\"");
    clp_buffer_span(h, clp_answer_id("chatcmpl-", event->id, &c->options, c->pool));
    clp_buffer_printf(
        h, "\",\"object\":\"chat.completion.chunk\",\"created\":%" APR_INT64_T_FMT ",\"model\":\"",
        c->options.created);
    clp_buffer_span(h, clp_answer_model(event->model, &c->options, c->pool));
    clp_buffer_lit(h, "\",\"choices\":[");
    c->tail = c->options.include_usage
                  ? "},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"
                  : "},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
}

/* A chunk up to the inside of its delta, and from there to its end. */
static void chunk(chat_writer *c)
{
    clp_buffer_span(c->out, clp_buffer_all(&c->head));
    clp_buffer_lit(c->out, "{\"index\":0,\"delta\":{");
}

static void end_chunk(chat_writer *c)
{
    clp_buffer_puts(c->out, c->tail);
}

static void put_sealed(chat_writer *c)
{
    clp_jw w;

    clp_buffer_putc(c->out, ',');
    clp_jw_init(&w, c->out);
    clp_chat_state_write(&w, clp_text_escaped(clp_buffer_all(&c->state)));
    clp_buffer_clear(&c->state);
}

/* State of a call waits for its chunk; that of a text has one of its own. */
static void put_state(chat_writer *c, const clp_event *event)
{
    if (event->state_kind == CLP_STATE_NEXT_CALL) {
        seal(c, event->provider, event->state_kind, event->text.s);
    }
    else if (is_of_text(event->state_kind) &&
             seal(c, event->provider, event->state_kind, event->text.s)) {
        chunk(c);
        clp_buffer_lit(c->out, "\"content\":\"\"");
        put_sealed(c);
        end_chunk(c);
    }
}

static void put_open(chat_writer *c, const clp_event *event)
{
    if (!is_call(event->part)) {
        return;
    }
    /* A client of the function era can take one call; it asks again for the rest. */
    c->mute = c->options.legacy_functions && c->calls > 0;
    c->argued = 0;
    if (c->mute) {
        return;
    }
    chunk(c);
    if (c->options.legacy_functions) {
        clp_buffer_lit(c->out, "\"function_call\":{\"name\":\"");
        clp_buffer_span(c->out, clp_answer_escape(event->name, c->pool));
        clp_buffer_lit(c->out, "\",\"arguments\":\"\"}");
    }
    else {
        int custom = event->part == CLP_PART_CUSTOM_CALL;
        clp_buffer_printf(c->out, "\"tool_calls\":[{\"index\":%d,\"id\":\"", c->calls);
        clp_buffer_puts(c->out, clp_answer_call_id("call_", event->id, c->calls, CLP_TOOL_ID_CHAT,
                                                   &c->options, c->pool));
        clp_buffer_puts(c->out, custom ? "\",\"type\":\"custom\",\"custom\":{\"name\":\""
                                       : "\",\"type\":\"function\",\"function\":{\"name\":\"");
        clp_buffer_span(c->out, clp_answer_escape(event->name, c->pool));
        clp_buffer_puts(c->out, custom ? "\",\"input\":\"\"}" : "\",\"arguments\":\"\"}");
        if (c->state.n) {
            put_sealed(c);
        }
        clp_buffer_lit(c->out, "}]");
    }
    end_chunk(c);
    c->calls++;
}

static void put_arguments(chat_writer *c, clp_part_kind part, clp_span escaped)
{
    if (c->mute) {
        return;
    }
    c->argued = 1;
    chunk(c);
    if (c->options.legacy_functions) {
        clp_buffer_lit(c->out, "\"function_call\":{\"arguments\":\"");
        clp_answer_text(c->out, escaped);
        clp_buffer_lit(c->out, "\"}");
    }
    else {
        clp_buffer_printf(c->out, "\"tool_calls\":[{\"index\":%d,", c->calls - 1);
        if (part == CLP_PART_CUSTOM_CALL) {
            clp_buffer_lit(c->out, "\"custom\":{\"input\":\"");
        }
        else {
            clp_buffer_lit(c->out, "\"function\":{\"arguments\":\"");
        }
        clp_answer_text(c->out, escaped);
        clp_buffer_lit(c->out, "\"}}]");
    }
    end_chunk(c);
}

/* A free-text tool is to clients of the function era a function with one string. */
static int is_wrapped(const chat_writer *c, clp_part_kind part)
{
    return c->options.legacy_functions && part == CLP_PART_CUSTOM_CALL;
}

static void put_delta(chat_writer *c, const clp_event *event)
{
    if (is_wrapped(c, event->part)) {
        clp_buffer_span(&c->held, event->text.s);
        return;
    }
    if (is_call(event->part)) {
        put_arguments(c, event->part, event->text.s);
        return;
    }
    if (event->delta == CLP_DELTA_SIGNATURE) {
        put_state(c, event);
        return;
    }
    switch (event->part) {
    case CLP_PART_TEXT:
        chunk(c);
        clp_buffer_lit(c->out, "\"content\":\"");
        break;
    case CLP_PART_REASONING:
        chunk(c);
        clp_buffer_lit(c->out, "\"reasoning_content\":\"");
        break;
    case CLP_PART_REFUSAL:
        chunk(c);
        clp_buffer_lit(c->out, "\"refusal\":\"");
        break;
    default: return;
    }
    clp_answer_text(c->out, event->text.s);
    clp_buffer_putc(c->out, '"');
    end_chunk(c);
}

static void put_close(chat_writer *c, const clp_event *event)
{
    if (is_wrapped(c, event->part)) {
        clp_buffer *object = clp_buffer_make(c->pool, 0), *escaped = clp_buffer_make(c->pool, 0);
        clp_answer_wrap(object, clp_buffer_all(&c->held));
        clp_text_escape(escaped, clp_buffer_all(object), 0);
        put_arguments(c, event->part, clp_buffer_all(escaped));
        clp_buffer_clear(&c->held);
        clp_buffer_release(object);
        clp_buffer_release(escaped);
    }
    /* clients parse the text they have put together, and the empty text is no JSON */
    if (event->part == CLP_PART_TOOL_CALL && !c->argued) {
        put_arguments(c, event->part, CLP_SPAN_LIT("{}"));
    }
}

/* A chunk of their own: texts may have to wait, and clients join the elements. */
static void put_logprobs(chat_writer *c, clp_span elements)
{
    clp_buffer *line = clp_buffer_make(c->pool, 0);
    clp_jw w;

    clp_answer_raw(line, elements);
    chunk(c);
    clp_buffer_lit(c->out, "},\"logprobs\":");
    clp_jw_init(&w, c->out);
    clp_logprobs_write_chat(&w, clp_buffer_all(line));
    clp_buffer_release(line);
    clp_buffer_puts(c->out, c->options.include_usage
                                ? ",\"finish_reason\":null}],\"usage\":null}\n\n"
                                : ",\"finish_reason\":null}]}\n\n");
}

static void put_finish(chat_writer *c, const clp_event *event)
{
    chunk(c);
    clp_buffer_lit(c->out, "},\"logprobs\":null,\"finish_reason\":\"");
    clp_buffer_puts(c->out, finish_reason(c, event->stop));
    clp_buffer_puts(c->out, c->options.include_usage ? "\"}],\"usage\":null}\n\n" : "\"}]}\n\n");
    if (c->options.include_usage) {
        clp_jw w;
        clp_buffer_span(c->out, clp_buffer_all(&c->head));
        clp_buffer_lit(c->out, "],\"usage\":");
        clp_jw_init(&w, c->out);
        write_usage(&w, c, &c->usage);
        clp_buffer_lit(c->out, "}\n\n");
    }
    clp_buffer_lit(c->out, "data: [DONE]\n\n");
}

static void stream_put(clp_writer *writer, const clp_event *event)
{
    chat_writer *c = (chat_writer *)writer;
    clp_chat_memo_put(c->memo, event);
    switch (event->kind) {
    case CLP_EVENT_START:
        clp_usage_merge(&c->usage, &event->usage);
        make_head(c, event);
        chunk(c);
        clp_buffer_lit(c->out, "\"role\":\"assistant\",\"content\":\"\"");
        end_chunk(c);
        break;
    case CLP_EVENT_BLOCK_OPEN: put_open(c, event); break;
    case CLP_EVENT_BLOCK_DELTA: put_delta(c, event); break;
    case CLP_EVENT_BLOCK_CLOSE: put_close(c, event); break;
    case CLP_EVENT_USAGE: clp_usage_merge(&c->usage, &event->usage); break;
    case CLP_EVENT_LOGPROBS: put_logprobs(c, event->text.s); break;
    case CLP_EVENT_FINISH: put_finish(c, event); break;
    case CLP_EVENT_PROBLEM:
        /* and no [DONE], so that nothing looks finished */
        clp_buffer_lit(c->out, "data: ");
        clp_chat_write_problem(event->problem, c->out);
        clp_buffer_lit(c->out, "\n\n");
        break;
    case CLP_EVENT_PING: clp_buffer_puts(c->out, clp_chat_keepalive); break;
    }
}

/* --- documents -------------------------------------------------------------- */

static int has_part(const clp_fold *f, clp_part_kind part)
{
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == part) {
            return 1;
        }
    }
    return 0;
}

/* Blocks without a word are as good as none: thinking that is not shown has only a signature. */
static int has_words(const clp_fold *f, clp_part_kind part)
{
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == part && b->text.n) {
            return 1;
        }
    }
    return 0;
}

static int has_call(const clp_fold *f)
{
    return has_part(f, CLP_PART_TOOL_CALL) || has_part(f, CLP_PART_CUSTOM_CALL);
}

/* All blocks of one kind as one string: they are one answer, nothing goes between. */
static void write_joined(clp_jw *w, const clp_fold *f, clp_part_kind part)
{
    clp_jw_text_open(w);
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == part) {
            clp_jw_text_part(w, clp_text_escaped(clp_buffer_all(&b->text)));
        }
    }
    clp_jw_text_close(w);
}

static void write_arguments(clp_jw *w, chat_writer *c, const clp_folded_block *b)
{
    clp_tool_input input;
    memset(&input, 0, sizeof(input));
    input.arguments = clp_text_escaped(clp_buffer_all(&b->text));
    if (is_wrapped(c, b->part)) {
        clp_buffer *object = clp_buffer_make(c->pool, 0);
        clp_answer_wrap(object, clp_buffer_all(&b->text));
        input.object = clp_buffer_all(object);
    }
    else if (clp_span_starts(input.arguments.s, WRAPPED)) {
        /* as an object it is unwrapped: this client gets the text that the model wrote */
        clp_buffer *object = clp_buffer_make(c->pool, 0);
        clp_text_append_plain(object, input.arguments);
        input.object = clp_buffer_all(object);
    }
    clp_jw_ktext(w, "name", b->name);
    clp_jw_key(w, "arguments");
    clp_tool_input_text(w, &input, c->pool);
}

static void write_state(clp_jw *w, chat_writer *c, const clp_folded_block *state)
{
    if (state && seal(c, state->provider, state->state_kind, clp_buffer_all(&state->signature))) {
        clp_chat_state_write(w, clp_text_escaped(clp_buffer_all(&c->state)));
    }
}

/* A message has one place for the state of its text: the last one counts. */
static const clp_folded_block *state_of_text(const clp_fold *f)
{
    const clp_folded_block *state = NULL;
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == CLP_PART_REASONING && is_of_text(b->state_kind)) {
            state = b;
        }
    }
    return state;
}

/* @param state what stands on it, or NULL */
static void write_call(clp_jw *w, chat_writer *c, const clp_folded_block *b,
                       const clp_folded_block *state)
{
    int custom = b->part == CLP_PART_CUSTOM_CALL;
    clp_jw_object(w);
    clp_jw_kstr(
        w, "id",
        clp_answer_call_id("call_", b->id, c->calls++, CLP_TOOL_ID_CHAT, &c->options, c->pool));
    clp_jw_kstr(w, "type", custom ? "custom" : "function");
    clp_jw_key(w, custom ? "custom" : "function");
    clp_jw_object(w);
    if (custom) {
        clp_jw_ktext(w, "name", b->name);
        clp_jw_ktext(w, "input", clp_text_escaped(clp_buffer_all(&b->text)));
    }
    else {
        write_arguments(w, c, b);
    }
    clp_jw_end_object(w);
    write_state(w, c, state);
    clp_jw_end_object(w);
}

static void write_calls(clp_jw *w, chat_writer *c)
{
    const clp_folded_block *b = c->fold->blocks, *state = NULL;
    if (c->options.legacy_functions) {
        while (!is_call(b->part)) {
            b = b->next;
        }
        clp_jw_key(w, "function_call");
        clp_jw_object(w);
        write_arguments(w, c, b);
        clp_jw_end_object(w);
        return;
    }
    clp_jw_key(w, "tool_calls");
    clp_jw_array(w);
    for (; b; b = b->next) {
        if (is_call(b->part)) {
            write_call(w, c, b, state);
            state = NULL;
        }
        else if (b->part == CLP_PART_REASONING && b->state_kind == CLP_STATE_NEXT_CALL) {
            state = b;
        }
    }
    clp_jw_end_array(w);
}

static void write_message(clp_jw *w, chat_writer *c)
{
    const clp_fold *f = c->fold;
    clp_jw_object(w);
    clp_jw_kstr(w, "role", "assistant");
    clp_jw_key(w, "content");
    if (has_words(f, CLP_PART_TEXT) || !(has_call(f) || has_words(f, CLP_PART_REFUSAL))) {
        write_joined(w, f, CLP_PART_TEXT);
    }
    else {
        clp_jw_null(w);
    }
    write_state(w, c, state_of_text(f));
    if (has_words(f, CLP_PART_REASONING)) {
        clp_jw_key(w, "reasoning_content");
        write_joined(w, f, CLP_PART_REASONING);
    }
    clp_jw_key(w, "refusal");
    if (has_words(f, CLP_PART_REFUSAL)) {
        write_joined(w, f, CLP_PART_REFUSAL);
    }
    else {
        clp_jw_null(w);
    }
    if (has_call(f)) {
        write_calls(w, c);
    }
    clp_jw_end_object(w);
}

static void write_document(chat_writer *c)
{
    const clp_fold *f = c->fold;
    clp_jw w;
    clp_jw_init(&w, c->out);
    clp_jw_object(&w);
    clp_jw_ktext(&w, "id",
                 clp_text_escaped(clp_answer_id("chatcmpl-", f->id, &c->options, c->pool)));
    clp_jw_kstr(&w, "object", "chat.completion");
    clp_jw_kint(&w, "created", c->options.created);
    clp_jw_ktext(&w, "model", clp_text_escaped(clp_answer_model(f->model, &c->options, c->pool)));
    clp_jw_key(&w, "choices");
    clp_jw_array(&w);
    clp_jw_object(&w);
    clp_jw_kint(&w, "index", 0);
    clp_jw_key(&w, "message");
    write_message(&w, c);
    clp_jw_key(&w, "logprobs");
    clp_logprobs_write_chat(&w, clp_buffer_all(&f->logprobs));
    clp_jw_kstr(&w, "finish_reason", finish_reason(c, f->stop));
    clp_jw_end_object(&w);
    clp_jw_end_array(&w);
    clp_jw_key(&w, "usage");
    write_usage(&w, c, &f->usage);
    clp_jw_end_object(&w);
}

static void document_put(clp_writer *writer, const clp_event *event)
{
    chat_writer *c = (chat_writer *)writer;
    clp_chat_memo_put(c->memo, event);
    clp_fold_put(c->fold, event);
    if (event->kind == CLP_EVENT_FINISH) {
        write_document(c);
    }
    else if (event->kind == CLP_EVENT_PROBLEM) {
        clp_chat_write_problem(event->problem, c->out);
    }
}

clp_writer *clp_chat_open_writer(const clp_writer_options *options, clp_buffer *out,
                                 apr_pool_t *pool)
{
    chat_writer *c = apr_pcalloc(pool, sizeof(*c));
    c->writer.put = options->stream ? stream_put : document_put;
    c->pool = pool;
    c->out = out;
    c->options = *options;
    c->memo = clp_chat_memo_make(&c->options, pool);
    c->usage = CLP_USAGE_NONE;
    if (!options->stream) {
        c->fold = clp_fold_make(pool);
    }
    clp_buffer_init(&c->head, pool, 0);
    clp_buffer_init(&c->held, pool, 0);
    clp_buffer_init(&c->state, pool, 0);
    return &c->writer;
}

clp_writer *clp_chat_legacy_open_writer(const clp_writer_options *options, clp_buffer *out,
                                        apr_pool_t *pool)
{
    return clp_chat_open_writer(options, out, pool);
}
