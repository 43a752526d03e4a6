/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"

#include "answer_output.h"
#include "dialect/fold.h"
#include "dialect/tools.h"
#include "wire/json_write.h"
#include "wire/text.h"

/*
 * What the strictest client library asks of a stream: every event has an event
 * line; message_start first and once; indices 0,1,2… without a gap, one block
 * open at a time; exactly one message_delta, with usage; message_stop last.
 */

const char clp_messages_keepalive[] = "event: ping\ndata: {\"type\":\"ping\"}\n\n";

typedef struct messages_writer {
    clp_writer writer;
    apr_pool_t *pool;
    clp_buffer *out;
    clp_writer_options options;
    clp_usage usage;
    clp_fold *fold;  /* documents */
    clp_buffer held; /* the open block's text, if it can only be told whole */
    int index;       /* of the open block, or of the last one; -1 before the first */
    int calls;
    unsigned refused : 1; /* a refusal was told */
} messages_writer;

static const char *stop_reason(clp_stop stop, int refused)
{
    switch (stop) {
    case CLP_STOP_END: return refused ? "refusal" : "end_turn";
    case CLP_STOP_SEQUENCE: return "stop_sequence";
    case CLP_STOP_LENGTH: return "max_tokens";
    case CLP_STOP_WINDOW: return "model_context_window_exceeded";
    case CLP_STOP_TOOL: return "tool_use";
    case CLP_STOP_FILTER: return "refusal";
    case CLP_STOP_PAUSE: return "pause_turn";
    }
    return "end_turn";
}

static apr_int64_t or_zero(apr_int64_t n)
{
    return n > 0 ? n : 0;
}

/* What goes in: as told, else as estimated. */
static void write_usage(clp_jw *w, const messages_writer *m, const clp_usage *u)
{
    int told = u->input >= 0 || u->cache_read >= 0 || u->cache_write >= 0;
    clp_jw_object(w);
    clp_jw_kint(w, "input_tokens", or_zero(told ? u->input : m->options.input_estimate));
    clp_jw_kint(w, "cache_creation_input_tokens", or_zero(u->cache_write));
    clp_jw_kint(w, "cache_read_input_tokens", or_zero(u->cache_read));
    clp_jw_kint(w, "output_tokens", or_zero(u->output));
    if (u->reasoning >= 0) {
        clp_jw_key(w, "output_tokens_details");
        clp_jw_object(w);
        clp_jw_kint(w, "thinking_tokens", u->reasoning);
        clp_jw_end_object(w);
    }
    clp_jw_end_object(w);
}

static void write_stop(clp_jw *w, clp_stop stop, int refused, clp_text string, clp_span details)
{
    clp_jw_kstr(w, "stop_reason", stop_reason(stop, refused));
    if (stop == CLP_STOP_SEQUENCE && string.s.p) {
        clp_jw_ktext(w, "stop_sequence", string);
    }
    else {
        clp_jw_knull(w, "stop_sequence");
    }
    if (details.p) {
        clp_jw_kraw(w, "stop_details", details);
    }
}

/* The members that every message begins with. */
static void write_head(clp_jw *w, messages_writer *m, clp_text id, clp_text model)
{
    clp_jw_ktext(w, "id", clp_text_escaped(clp_answer_id("msg_", id, &m->options, m->pool)));
    clp_jw_kstr(w, "type", "message");
    clp_jw_kstr(w, "role", "assistant");
    clp_jw_ktext(w, "model", clp_text_escaped(clp_answer_model(model, &m->options, m->pool)));
}

/* --- streams --------------------------------------------------------------- */

static void put_start(messages_writer *m, const clp_event *event)
{
    clp_jw w;
    clp_buffer_lit(m->out, "event: message_start\ndata: ");
    clp_jw_init(&w, m->out);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "type", "message_start");
    clp_jw_key(&w, "message");
    clp_jw_object(&w);
    write_head(&w, m, event->id, event->model);
    clp_jw_key(&w, "content");
    clp_jw_array(&w);
    clp_jw_end_array(&w);
    clp_jw_knull(&w, "stop_reason");
    clp_jw_knull(&w, "stop_sequence");
    clp_jw_key(&w, "usage");
    write_usage(&w, m, &event->usage);
    clp_jw_end_object(&w);
    clp_jw_end_object(&w);
    clp_buffer_lit(m->out, "\n\n");
}

static void put_open_head(messages_writer *m)
{
    m->index++;
    clp_buffer_printf(m->out,
                      "event: content_block_start\n"
                      "data: {\"type\":\"content_block_start\",\"index\":%d,\"content_block\":",
                      m->index);
}

static void put_open_call(messages_writer *m, const clp_event *event)
{
    put_open_head(m);
    clp_buffer_lit(m->out, "{\"type\":\"tool_use\",\"id\":\"");
    clp_buffer_puts(m->out, clp_answer_call_id("toolu_", event->id, m->calls++,
                                               CLP_TOOL_ID_MESSAGES, &m->options, m->pool));
    clp_buffer_lit(m->out, "\",\"name\":\"");
    clp_buffer_span(m->out, clp_answer_escape(event->name, m->pool));
    clp_buffer_lit(m->out, "\",\"input\":{}}}\n\n");
}

static void put_open(messages_writer *m, const clp_event *event)
{
    switch (event->part) {
    case CLP_PART_REFUSAL: m->refused = 1; /* fall through */
    case CLP_PART_TEXT:
        put_open_head(m);
        clp_buffer_lit(m->out, "{\"type\":\"text\",\"text\":\"\"}}\n\n");
        break;
    case CLP_PART_REASONING:
        put_open_head(m);
        clp_buffer_lit(m->out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n");
        break;
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL: put_open_call(m, event); break;
    case CLP_PART_REDACTED:
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: break;
    }
}

static void put_delta_head(messages_writer *m)
{
    clp_buffer_lit(m->out, "event: content_block_delta\n"
                           "data: {\"type\":\"content_block_delta\",\"index\":");
    if (m->index < 10) {
        clp_buffer_putc(m->out, (char)('0' + m->index));
    }
    else {
        clp_buffer_printf(m->out, "%d", m->index);
    }
    clp_buffer_lit(m->out, ",\"delta\":{\"type\":\"");
}

static void put_input_delta(messages_writer *m, clp_span escaped)
{
    put_delta_head(m);
    clp_buffer_lit(m->out, "input_json_delta\",\"partial_json\":\"");
    clp_answer_text(m->out, escaped);
    clp_buffer_lit(m->out, "\"}}\n\n");
}

/* Claude's own state goes out as it is, another provider's in an envelope. */
static int is_native(clp_provider provider)
{
    return provider == CLP_PROVIDER_CLAUDE || provider == CLP_PROVIDER_NONE;
}

static void put_state(messages_writer *m, clp_provider provider, clp_state_kind kind,
                      clp_span escaped)
{
    if (is_native(provider)) {
        clp_answer_text(m->out, escaped);
    }
    else {
        const clp_state state = {provider, kind, {NULL, 0}};
        clp_state_carry(m->out, &state, clp_text_escaped(escaped), m->options.envelope_key);
    }
}

static void put_signature(messages_writer *m, const clp_event *event)
{
    if (is_native(event->provider) || m->options.envelope_key) {
        put_delta_head(m);
        clp_buffer_lit(m->out, "signature_delta\",\"signature\":\"");
        put_state(m, event->provider, event->state_kind, event->text.s);
        clp_buffer_lit(m->out, "\"}}\n\n");
    }
}

static void put_delta(messages_writer *m, const clp_event *event)
{
    if (event->delta == CLP_DELTA_SIGNATURE) {
        if (event->part == CLP_PART_REASONING) {
            put_signature(m, event);
        }
        return;
    }
    switch (event->part) {
    case CLP_PART_TEXT:
    case CLP_PART_REFUSAL:
        put_delta_head(m);
        clp_buffer_lit(m->out, "text_delta\",\"text\":\"");
        break;
    case CLP_PART_REASONING:
        put_delta_head(m);
        clp_buffer_lit(m->out, "thinking_delta\",\"thinking\":\"");
        break;
    case CLP_PART_TOOL_CALL: put_input_delta(m, event->text.s); return;
    case CLP_PART_CUSTOM_CALL:
    case CLP_PART_REDACTED: clp_buffer_span(&m->held, event->text.s); return;
    default: return;
    }
    clp_answer_text(m->out, event->text.s);
    clp_buffer_lit(m->out, "\"}}\n\n");
}

/* A free-text tool is to this protocol's clients a function with one string. */
static void put_custom_input(messages_writer *m)
{
    clp_buffer *json = clp_buffer_make(m->pool, 0), *escaped = clp_buffer_make(m->pool, 0);
    clp_answer_wrap(json, clp_buffer_all(&m->held));
    clp_text_escape(escaped, clp_buffer_all(json), 0);
    put_input_delta(m, clp_buffer_all(escaped));
    clp_buffer_release(json);
    clp_buffer_release(escaped);
}

static void put_close(messages_writer *m, const clp_event *event)
{
    switch (event->part) {
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: return;
    case CLP_PART_REDACTED:
        if (!is_native(event->provider) && !m->options.envelope_key) {
            clp_buffer_clear(&m->held);
            return;
        }
        put_open_head(m);
        clp_buffer_lit(m->out, "{\"type\":\"redacted_thinking\",\"data\":\"");
        put_state(m, event->provider, event->state_kind, clp_buffer_all(&m->held));
        clp_buffer_lit(m->out, "\"}}\n\n");
        break;
    case CLP_PART_CUSTOM_CALL: put_custom_input(m); break;
    default: break;
    }
    clp_buffer_clear(&m->held);
    clp_buffer_printf(m->out,
                      "event: content_block_stop\n"
                      "data: {\"type\":\"content_block_stop\",\"index\":%d}\n\n",
                      m->index);
}

static void put_finish(messages_writer *m, const clp_event *event)
{
    clp_jw w;
    clp_buffer_lit(m->out, "event: message_delta\ndata: ");
    clp_jw_init(&w, m->out);
    w.ascii_lines = 1;
    clp_jw_object(&w);
    clp_jw_kstr(&w, "type", "message_delta");
    clp_jw_key(&w, "delta");
    clp_jw_object(&w);
    write_stop(&w, event->stop, m->refused, event->stop_string, event->stop_details);
    clp_jw_end_object(&w);
    clp_jw_key(&w, "usage");
    write_usage(&w, m, &m->usage);
    clp_jw_end_object(&w);
    clp_buffer_lit(m->out, "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

static void stream_put(clp_writer *writer, const clp_event *event)
{
    messages_writer *m = (messages_writer *)writer;
    switch (event->kind) {
    case CLP_EVENT_START:
        clp_usage_merge(&m->usage, &event->usage);
        put_start(m, event);
        break;
    case CLP_EVENT_BLOCK_OPEN: put_open(m, event); break;
    case CLP_EVENT_BLOCK_DELTA: put_delta(m, event); break;
    case CLP_EVENT_BLOCK_CLOSE: put_close(m, event); break;
    case CLP_EVENT_USAGE: clp_usage_merge(&m->usage, &event->usage); break;
    case CLP_EVENT_FINISH: put_finish(m, event); break;
    case CLP_EVENT_PROBLEM:
        clp_buffer_lit(m->out, "event: error\ndata: ");
        clp_messages_write_problem(event->problem, m->out);
        clp_buffer_lit(m->out, "\n\n");
        break;
    case CLP_EVENT_PING: clp_buffer_puts(m->out, clp_messages_keepalive); break;
    case CLP_EVENT_LOGPROBS: break;
    }
}

/* --- documents -------------------------------------------------------------- */

static clp_text folded_state(const clp_folded_block *b, const clp_buffer *escaped,
                             const messages_writer *m)
{
    if (is_native(b->provider)) {
        return clp_text_escaped(clp_buffer_all(escaped));
    }
    const clp_state state = {b->provider, b->state_kind, {NULL, 0}};
    clp_buffer *sealed = clp_buffer_make(m->pool, 0);
    if (escaped->n) {
        clp_state_carry(sealed, &state, clp_text_escaped(clp_buffer_all(escaped)),
                        m->options.envelope_key);
    }
    return clp_text_escaped(clp_buffer_all(sealed));
}

static clp_text folded_text(const clp_buffer *b)
{
    return clp_text_escaped(clp_buffer_all(b));
}

static void write_call(clp_jw *w, messages_writer *m, const clp_folded_block *b)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "type", "tool_use");
    clp_jw_kstr(w, "id",
                clp_answer_call_id("toolu_", b->id, m->calls++, CLP_TOOL_ID_MESSAGES, &m->options,
                                   m->pool));
    clp_jw_ktext(w, "name", b->name);
    clp_jw_key(w, "input");
    if (b->part == CLP_PART_CUSTOM_CALL) {
        clp_jw_object(w);
        clp_jw_ktext(w, "input", folded_text(&b->text));
        clp_jw_end_object(w);
    }
    else {
        clp_tool_input input;
        memset(&input, 0, sizeof(input));
        input.arguments = folded_text(&b->text);
        clp_tool_input_object(w, &input, m->pool);
    }
    clp_jw_end_object(w);
}

static void write_block(clp_jw *w, messages_writer *m, const clp_folded_block *b)
{
    switch (b->part) {
    case CLP_PART_REFUSAL: m->refused = 1; /* fall through */
    case CLP_PART_TEXT:
        clp_jw_object(w);
        clp_jw_kstr(w, "type", "text");
        clp_jw_ktext(w, "text", folded_text(&b->text));
        clp_jw_end_object(w);
        break;
    case CLP_PART_REASONING:
        clp_jw_object(w);
        clp_jw_kstr(w, "type", "thinking");
        clp_jw_ktext(w, "thinking", folded_text(&b->text));
        clp_jw_ktext(w, "signature", folded_state(b, &b->signature, m));
        clp_jw_end_object(w);
        break;
    case CLP_PART_REDACTED:
        if (!is_native(b->provider) && !m->options.envelope_key) {
            break;
        }
        clp_jw_object(w);
        clp_jw_kstr(w, "type", "redacted_thinking");
        clp_jw_ktext(w, "data", folded_state(b, &b->text, m));
        clp_jw_end_object(w);
        break;
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL: write_call(w, m, b); break;
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: break;
    }
}

static void write_document(messages_writer *m)
{
    const clp_fold *f = m->fold;
    clp_jw w;
    clp_jw_init(&w, m->out);
    clp_jw_object(&w);
    write_head(&w, m, f->id, f->model);
    clp_jw_key(&w, "content");
    clp_jw_array(&w);
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        write_block(&w, m, b);
    }
    clp_jw_end_array(&w);
    write_stop(&w, f->stop, m->refused, f->stop_string, f->stop_details);
    clp_jw_key(&w, "usage");
    write_usage(&w, m, &f->usage);
    clp_jw_end_object(&w);
}

static void document_put(clp_writer *writer, const clp_event *event)
{
    messages_writer *m = (messages_writer *)writer;
    clp_fold_put(m->fold, event);
    if (event->kind == CLP_EVENT_FINISH) {
        write_document(m);
    }
    else if (event->kind == CLP_EVENT_PROBLEM) {
        clp_messages_write_problem(event->problem, m->out);
    }
}

clp_writer *clp_messages_open_writer(const clp_writer_options *options, clp_buffer *out,
                                     apr_pool_t *pool)
{
    messages_writer *m = apr_pcalloc(pool, sizeof(*m));
    m->writer.put = options->stream ? stream_put : document_put;
    m->pool = pool;
    m->out = out;
    m->options = *options;
    m->usage = CLP_USAGE_NONE;
    m->index = -1;
    if (!options->stream) {
        m->fold = clp_fold_make(pool);
    }
    clp_buffer_init(&m->held, pool, 0);
    return &m->writer;
}
