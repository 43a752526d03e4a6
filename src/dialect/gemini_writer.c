/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini.h"

#include "answer_output.h"
#include "dialect/tools.h"
#include "carrier.h"
#include "logprobs.h"
#include "wire/json_write.h"
#include "wire/text.h"

/*
 * What the strictest client library asks of a stream: "data: " with the blank,
 * one line, a blank line behind the last event too; no comments, no event
 * lines, no [DONE]; no raw U+2028 or U+2029. Nothing keeps a stream alive, and
 * an error event may pass unnoticed: the connection has to break (breaks_off).
 */

typedef struct gemini_writer {
    clp_writer writer;
    apr_pool_t *pool;
    clp_buffer *out;
    clp_writer_options options;
    clp_usage usage;
    clp_carrier *carrier;
    clp_buffer tail; /* of every chunk: model and id */
    clp_buffer held; /* the open call's arguments, or what a document says so far */
    clp_buffer line; /* JSON on its way into one line */
    clp_buffer logprobs;
    clp_text id; /* of the open call, in the pool */
    clp_text name;
    int calls;
    unsigned shows : 1;   /* the client would see thoughts */
    unsigned begun : 1;   /* something was written: of an array, its beginning */
    unsigned said : 1;    /* something other than reasoning came */
    unsigned parts : 1;   /* documents: a part was written */
    unsigned refused : 1; /* a refusal was told */
} gemini_writer;

static apr_int64_t or_zero(apr_int64_t n)
{
    return n > 0 ? n : 0;
}

static const char *finish_reason(const gemini_writer *g, clp_stop stop)
{
    switch (stop) {
    case CLP_STOP_LENGTH:
    case CLP_STOP_WINDOW: return "MAX_TOKENS";
    case CLP_STOP_FILTER: return "SAFETY";
    case CLP_STOP_END:
    case CLP_STOP_SEQUENCE:
    case CLP_STOP_TOOL:
    case CLP_STOP_PAUSE: break;
    }
    return g->refused ? "SAFETY" : "STOP";
}

static void write_usage(clp_jw *w, const gemini_writer *g)
{
    const clp_usage *u = &g->usage;
    int told = u->input >= 0 || u->cache_read >= 0 || u->cache_write >= 0;
    apr_int64_t prompt = told ? clp_usage_prompt(u) : or_zero(g->options.input_estimate);
    apr_int64_t thought = or_zero(u->reasoning);

    clp_jw_object(w);
    clp_jw_kint(w, "promptTokenCount", prompt);
    clp_jw_kint(w, "candidatesTokenCount", or_zero(or_zero(u->output) - thought));
    clp_jw_kint(w, "totalTokenCount", prompt + or_zero(u->output));
    if (u->cache_read > 0) {
        clp_jw_kint(w, "cachedContentTokenCount", u->cache_read);
    }
    if (thought) {
        clp_jw_kint(w, "thoughtsTokenCount", thought);
    }
    clp_jw_end_object(w);
}

static void make_tail(gemini_writer *g, const clp_event *event)
{
    clp_buffer_lit(&g->tail, "\"modelVersion\":\"");
    clp_buffer_span(&g->tail, clp_answer_model(event->model, &g->options, g->pool));
    clp_buffer_lit(&g->tail, "\",\"responseId\":\"");
    clp_buffer_puts(&g->tail, g->options.id);
    clp_buffer_lit(&g->tail, "\"}");
}

/* --- the shapes: a document, events, an array ------------------------------------------ */

/* What stands in front of a chunk of a stream. */
static void chunk_open(gemini_writer *g)
{
    if (!g->options.array) {
        clp_buffer_lit(g->out, "data: ");
    }
    else {
        clp_buffer_puts(g->out, g->begun ? ",\n" : "[");
    }
    g->begun = 1;
}

static void chunk_close(gemini_writer *g)
{
    if (!g->options.array) {
        clp_buffer_lit(g->out, "\n\n");
    }
}

/* A part up to its members, and from there to its end. A document's parts wait in `held`. */
static clp_buffer *part_open(gemini_writer *g)
{
    if (!g->options.stream) {
        if (g->parts) {
            clp_buffer_putc(g->out, ',');
        }
        else {
            clp_buffer_lit(g->out, "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[");
        }
        g->parts = 1;
        clp_buffer_putc(g->out, '{');
        return g->out;
    }
    chunk_open(g);
    clp_buffer_lit(g->out, "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{");
    return g->out;
}

static void part_close(gemini_writer *g)
{
    clp_buffer_putc(g->out, '}');
    if (g->options.stream) {
        clp_buffer_lit(g->out, "]},\"index\":0}],");
        clp_buffer_span(g->out, clp_buffer_all(&g->tail));
        chunk_close(g);
    }
}

/* --- parts --------------------------------------------------------------------------------- */

static void write_text(gemini_writer *g, clp_span escaped, int thought)
{
    clp_buffer *out = part_open(g);

    clp_buffer_lit(out, "\"text\":\"");
    clp_answer_text(out, escaped);
    clp_buffer_puts(out, thought ? "\",\"thought\":true" : "\"");
    part_close(g);
}

static void write_signature(gemini_writer *g, clp_span signature)
{
    if (signature.n) {
        clp_buffer_lit(g->out, ",\"thoughtSignature\":\"");
        clp_answer_text(g->out, signature);
        clp_buffer_putc(g->out, '"');
    }
}

static void write_args(gemini_writer *g, clp_part_kind part)
{
    clp_tool_input input;
    clp_jw w;

    clp_buffer_clear(&g->line);
    clp_jw_init(&w, &g->line);
    if (part == CLP_PART_CUSTOM_CALL) {
        clp_jw_object(&w);
        clp_jw_ktext(&w, "input", clp_text_escaped(clp_buffer_all(&g->held)));
        clp_jw_end_object(&w);
    }
    else {
        memset(&input, 0, sizeof(input));
        input.arguments = clp_text_escaped(clp_buffer_all(&g->held));
        clp_tool_input_object(&w, &input, g->pool);
    }
    clp_answer_raw(g->out, clp_buffer_all(&g->line));
}

static void write_call(gemini_writer *g, clp_part_kind part)
{
    clp_span signature = clp_carrier_take(g->carrier, g->options.envelope_key);
    clp_buffer *out = part_open(g);

    clp_buffer_lit(out, "\"functionCall\":{\"id\":\"");
    clp_buffer_puts(out, clp_answer_call_id("call_", g->id, g->calls++, CLP_TOOL_ID_MESSAGES,
                                            &g->options, g->pool));
    clp_buffer_lit(out, "\",\"name\":\"");
    clp_buffer_span(out, clp_answer_escape(g->name, g->pool));
    clp_buffer_lit(out, "\",\"args\":");
    write_args(g, part);
    clp_buffer_putc(out, '}');
    write_signature(g, signature);
    part_close(g);
}

/* --- blocks ------------------------------------------------------------------------------------
 */

static int is_call(clp_part_kind part)
{
    return part == CLP_PART_TOOL_CALL || part == CLP_PART_CUSTOM_CALL;
}

static int is_reasoning(clp_part_kind part)
{
    return part == CLP_PART_REASONING || part == CLP_PART_REDACTED;
}

static void put_open(gemini_writer *g, const clp_event *event)
{
    clp_buffer_clear(&g->held);
    if (is_reasoning(event->part)) {
        clp_carrier_block(g->carrier, !g->said);
        return;
    }
    g->said = 1;
    g->refused |= event->part == CLP_PART_REFUSAL;
    if (is_call(event->part)) {
        g->id = clp_text_plain(clp_span_of(NULL, 0));
        if (event->id.s.n) {
            g->id = clp_text_str(clp_text_cstr(event->id, g->pool));
        }
        g->name = clp_text_str(clp_text_cstr(event->name, g->pool));
    }
}

static void put_reasoning(gemini_writer *g, const clp_event *event)
{
    if (event->delta == CLP_DELTA_SIGNATURE) {
        clp_carrier_state(g->carrier, event->provider, event->state_kind, event->text.s);
        return;
    }
    clp_carrier_text(g->carrier, event->text.s);
    if (!g->shows) {
        return;
    }
    if (g->options.stream) {
        write_text(g, event->text.s, 1);
    }
    else {
        clp_buffer_span(&g->held, event->text.s);
    }
}

static void put_delta(gemini_writer *g, const clp_event *event)
{
    switch (event->part) {
    case CLP_PART_TEXT:
    case CLP_PART_REFUSAL:
        if (g->options.stream) {
            write_text(g, event->text.s, 0);
        }
        else {
            clp_buffer_span(&g->held, event->text.s);
        }
        break;
    case CLP_PART_REASONING: put_reasoning(g, event); break;
    case CLP_PART_REDACTED:
        clp_carrier_state(g->carrier, event->provider, event->state_kind, event->text.s);
        break;
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL: clp_buffer_span(&g->held, event->text.s); break;
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: break;
    }
}

static void put_close(gemini_writer *g, const clp_event *event)
{
    if (is_reasoning(event->part)) {
        clp_carrier_close(g->carrier);
    }
    if (is_call(event->part)) {
        write_call(g, event->part);
    }
    else if (!g->options.stream && g->held.n) {
        write_text(g, clp_buffer_all(&g->held), event->part == CLP_PART_REASONING);
    }
    clp_buffer_clear(&g->held);
}

static void put_logprobs(gemini_writer *g, clp_span elements)
{
    if (g->logprobs.n) {
        clp_buffer_putc(&g->logprobs, ',');
    }
    clp_buffer_span(&g->logprobs, elements);
}

/* --- the end
 * --------------------------------------------------------------------------------------- */

/* The last chunk has a text, be it empty: clients look for content in it, and state that found no
 * call stands on it. */
static void put_finish(gemini_writer *g, const clp_event *event)
{
    clp_span signature = clp_carrier_take(g->carrier, g->options.envelope_key);
    clp_jw w;

    if (g->options.stream || !g->parts || signature.n) {
        clp_buffer_lit(part_open(g), "\"text\":\"\"");
        write_signature(g, signature);
        clp_buffer_putc(g->out, '}');
    }
    clp_buffer_lit(g->out, "]},\"finishReason\":\"");
    clp_buffer_puts(g->out, finish_reason(g, event->stop));
    clp_buffer_lit(g->out, "\",\"index\":0");
    if (g->logprobs.n) {
        clp_buffer_clear(&g->line);
        clp_jw_init(&w, &g->line);
        clp_logprobs_write_gemini(&w, clp_buffer_all(&g->logprobs), g->pool);
        clp_buffer_lit(g->out, ",\"logprobsResult\":");
        clp_answer_raw(g->out, clp_buffer_all(&g->line));
    }
    clp_buffer_lit(g->out, "}],\"usageMetadata\":");
    clp_jw_init(&w, g->out);
    write_usage(&w, g);
    clp_buffer_putc(g->out, ',');
    clp_buffer_span(g->out, clp_buffer_all(&g->tail));
    if (g->options.stream) {
        chunk_close(g);
    }
    if (g->options.stream && g->options.array) {
        clp_buffer_lit(g->out, "]\n");
    }
}

static void put_problem(gemini_writer *g, const clp_event *event)
{
    if (!g->options.stream) {
        clp_buffer_clear(g->out);
        clp_gemini_write_problem(event->problem, g->out);
        return;
    }
    chunk_open(g);
    clp_gemini_write_problem(event->problem, g->out);
    chunk_close(g);
    if (g->options.array) {
        clp_buffer_lit(g->out, "]\n");
    }
}

static void put(clp_writer *writer, const clp_event *event)
{
    gemini_writer *g = (gemini_writer *)writer;

    switch (event->kind) {
    case CLP_EVENT_START:
        clp_usage_merge(&g->usage, &event->usage);
        make_tail(g, event);
        break;
    case CLP_EVENT_BLOCK_OPEN: put_open(g, event); break;
    case CLP_EVENT_BLOCK_DELTA: put_delta(g, event); break;
    case CLP_EVENT_BLOCK_CLOSE: put_close(g, event); break;
    case CLP_EVENT_USAGE: clp_usage_merge(&g->usage, &event->usage); break;
    case CLP_EVENT_LOGPROBS: put_logprobs(g, event->text.s); break;
    case CLP_EVENT_FINISH: put_finish(g, event); break;
    case CLP_EVENT_PROBLEM: put_problem(g, event); break;
    case CLP_EVENT_PING: break;
    }
}

clp_writer *clp_gemini_open_writer(const clp_writer_options *options, clp_buffer *out,
                                   apr_pool_t *pool)
{
    gemini_writer *g = apr_pcalloc(pool, sizeof(*g));

    g->writer.put = put;
    g->pool = pool;
    g->out = out;
    g->options = *options;
    g->usage = CLP_USAGE_NONE;
    g->shows = options->request && options->request->reasoning.show == 1;
    g->carrier = clp_carrier_make(pool);
    clp_buffer_init(&g->tail, pool, 0);
    clp_buffer_init(&g->held, pool, 0);
    clp_buffer_init(&g->line, pool, 0);
    clp_buffer_init(&g->logprobs, pool, 0);
    return &g->writer;
}
