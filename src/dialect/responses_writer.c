/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses.h"

#include <apr_strings.h>

#include "answer_output.h"
#include "problems.h"
#include "responses_output.h"
#include "wire/json_write.h"
#include "wire/text.h"

/*
 * What the strictest clients ask of a stream: response.created first; items added in the order of
 * their output_index; nothing before its part or item; sequence numbers without a gap; every item
 * whole in its output_item.done; one last event that holds the whole output. Items are written
 * when they are whole, and kept for that last event. A document is that event's response.
 */

const char clp_responses_keepalive[] = ": keepalive\n\n";

typedef struct responses_writer {
    clp_writer writer;
    apr_pool_t *pool;
    clp_buffer *out;
    clp_writer_options options;
    clp_usage usage;
    clp_span id;    /* of the response, escaped */
    clp_span model; /* likewise */
    clp_responses_output output;
    clp_part_kind closes; /* what the item is that waits for its end */
    unsigned started : 1;
    unsigned waiting : 1; /* the item's block was closed, its end is not yet told */
} responses_writer;

/* --- the response object ----------------------------------------------------- */

static void write_usage(clp_buffer *out, const clp_usage *u)
{
    apr_int64_t prompt = clp_usage_prompt(u);
    apr_int64_t told = u->output > 0 ? u->output : 0;
    clp_jw jw;
    clp_jw_init(&jw, out);
    clp_jw_object(&jw);
    clp_jw_kint(&jw, "input_tokens", prompt);
    clp_jw_key(&jw, "input_tokens_details");
    clp_jw_object(&jw);
    clp_jw_kint(&jw, "cached_tokens", u->cache_read > 0 ? u->cache_read : 0);
    if (u->cache_write >= 0) {
        clp_jw_kint(&jw, "cache_write_tokens", u->cache_write);
    }
    clp_jw_end_object(&jw);
    clp_jw_kint(&jw, "output_tokens", told);
    clp_jw_key(&jw, "output_tokens_details");
    clp_jw_object(&jw);
    clp_jw_kint(&jw, "reasoning_tokens", u->reasoning > 0 ? u->reasoning : 0);
    clp_jw_end_object(&jw);
    clp_jw_kint(&jw, "total_tokens", prompt + told);
    clp_jw_end_object(&jw);
}

/* The error as it stands in a response; clients find "try again in N s" in the message. */
static void write_error(clp_buffer *out, const clp_problem *p)
{
    const char *code = clp_problems_openai_code(p);
    clp_jw jw;
    clp_jw_init(&jw, out);
    jw.ascii_lines = 1;
    clp_jw_object(&jw);
    clp_jw_kstr(&jw, "code", code ? code : "server_error");
    clp_jw_key(&jw, "message");
    clp_jw_text_open(&jw);
    clp_jw_text_part(&jw, clp_text_str(p->message));
    if (p->cls == CLP_RATE_LIMITED && p->retry_after_ms >= 0 &&
        !strstr(p->message, "try again in")) {
        clp_buffer_printf(out, " Please try again in %" APR_INT64_T_FMT ".%03ds.",
                          p->retry_after_ms / 1000, (int)(p->retry_after_ms % 1000));
    }
    clp_jw_text_close(&jw);
    clp_jw_end_object(&jw);
}

typedef enum phase { IN_PROGRESS, COMPLETED, INCOMPLETE, FAILED } phase;

static void write_response(responses_writer *w, phase now, const char *reason,
                           const clp_problem *problem)
{
    static const char *const words[] = {"in_progress", "completed", "incomplete", "failed"};
    clp_buffer *out = w->out;

    clp_buffer_lit(out, "{\"id\":\"");
    clp_buffer_span(out, w->id);
    clp_buffer_printf(out, "\",\"object\":\"response\",\"created_at\":%" APR_INT64_T_FMT,
                      w->options.created);
    clp_buffer_printf(out, ",\"status\":\"%s\",\"background\":false,\"error\":", words[now]);
    if (problem) {
        write_error(out, problem);
    }
    else {
        clp_buffer_lit(out, "null");
    }
    if (reason) {
        clp_buffer_printf(out, ",\"incomplete_details\":{\"reason\":\"%s\"}", reason);
    }
    else {
        clp_buffer_lit(out, ",\"incomplete_details\":null");
    }
    clp_buffer_lit(out, ",\"model\":\"");
    clp_buffer_span(out, w->model);
    clp_buffer_lit(out, "\",\"output\":[");
    clp_buffer_span(out, clp_buffer_all(&w->output.items));
    clp_buffer_lit(out, "],\"usage\":");
    if (now == IN_PROGRESS || problem) {
        clp_buffer_lit(out, "null");
    }
    else {
        write_usage(out, &w->usage);
    }
    clp_buffer_span(out, clp_responses_echo_members(w->output.echo));
    clp_buffer_putc(out, '}');
}

static void put_response(responses_writer *w, const char *type, phase now, const char *reason,
                         const clp_problem *problem)
{
    clp_responses_output_event(&w->output, type);
    clp_buffer_lit(w->out, ",\"response\":");
    write_response(w, now, reason, problem);
    clp_responses_output_end_event(&w->output);
}

static void start(responses_writer *w, const clp_event *e)
{
    clp_usage_merge(&w->usage, &e->usage);
    w->started = 1;
    w->id = clp_answer_id("resp_", e->id, &w->options, w->pool);
    w->model = clp_answer_model(e->model, &w->options, w->pool);
    if (w->options.stream) {
        put_response(w, "response.created", IN_PROGRESS, NULL, NULL);
        put_response(w, "response.in_progress", IN_PROGRESS, NULL, NULL);
    }
}

/* --- events ------------------------------------------------------------------- */

/* Whether an item is whole shows when the answer goes on, or ends: of one that was cut off, the
 * last item is what the cut went through. */
static void settle(responses_writer *w, int whole)
{
    if (!w->waiting) {
        return;
    }
    w->waiting = 0;
    if (w->closes == CLP_PART_TEXT || w->closes == CLP_PART_REFUSAL) {
        clp_responses_output_close_message(&w->output, w->closes == CLP_PART_REFUSAL, whole);
    }
    else {
        clp_responses_output_close_call(&w->output, w->closes, whole);
    }
}

static void open_block(responses_writer *w, const clp_event *e)
{
    settle(w, 1);
    switch (e->part) {
    case CLP_PART_TEXT: clp_responses_output_open_message(&w->output, 0); break;
    case CLP_PART_REFUSAL: clp_responses_output_open_message(&w->output, 1); break;
    case CLP_PART_REASONING:
    case CLP_PART_REDACTED: clp_responses_output_open_reasoning(&w->output, e); break;
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL: clp_responses_output_open_call(&w->output, e); break;
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: break;
    }
}

static void block_delta(responses_writer *w, const clp_event *e)
{
    if (e->delta == CLP_DELTA_SIGNATURE) {
        clp_responses_output_state(&w->output, e->provider, e->state_kind, e->text);
        return;
    }
    switch (e->part) {
    case CLP_PART_TEXT: clp_responses_output_say(&w->output, 0, e->text.s); break;
    case CLP_PART_REFUSAL: clp_responses_output_say(&w->output, 1, e->text.s); break;
    case CLP_PART_REASONING: clp_responses_output_thought(&w->output, e->text.s); break;
    case CLP_PART_REDACTED: clp_responses_output_keep(&w->output, e->text.s); break;
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL:
        clp_responses_output_arguments(&w->output, e->part, e->text.s);
        break;
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: break;
    }
}

static void close_block(responses_writer *w, const clp_event *e)
{
    switch (e->part) {
    case CLP_PART_TEXT:
    case CLP_PART_REFUSAL:
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL:
        w->waiting = 1;
        w->closes = e->part;
        break;
    case CLP_PART_REDACTED:
        clp_responses_output_state(&w->output, e->provider, e->state_kind,
                                   clp_text_escaped(clp_buffer_all(&w->output.text)));
        clp_buffer_clear(&w->output.text);
        clp_responses_output_close_reasoning(&w->output);
        break;
    case CLP_PART_REASONING: clp_responses_output_close_reasoning(&w->output); break;
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: break;
    }
}

static void finish(responses_writer *w, const clp_event *e)
{
    const char *reason = e->stop == CLP_STOP_LENGTH || e->stop == CLP_STOP_WINDOW
                             ? "max_output_tokens"
                         : e->stop == CLP_STOP_FILTER ? "content_filter"
                                                      : NULL;
    phase now = reason ? INCOMPLETE : COMPLETED;
    settle(w, !reason);
    if (w->options.stream) {
        put_response(w, reason ? "response.incomplete" : "response.completed", now, reason, NULL);
    }
    else {
        write_response(w, now, reason, NULL);
    }
}

/* Before response.created there is no response that could fail. */
static void problem(responses_writer *w, const clp_problem *p)
{
    clp_buffer *error;
    settle(w, 1);
    if (!w->options.stream) {
        clp_problems_write_openai(p, w->out);
        return;
    }
    if (w->started) {
        put_response(w, "response.failed", FAILED, NULL, p);
        return;
    }
    error = clp_buffer_make(w->pool, 0);
    write_error(error, p);
    clp_responses_output_event(&w->output, "error");
    clp_buffer_putc(w->out, ',');
    clp_buffer_append(w->out, error->p + 1, error->n - 2);
    clp_buffer_lit(w->out, ",\"param\":");
    if (p->param) {
        clp_buffer_putc(w->out, '"');
        clp_buffer_span(w->out, clp_answer_escape(clp_text_str(p->param), w->pool));
        clp_buffer_putc(w->out, '"');
    }
    else {
        clp_buffer_lit(w->out, "null");
    }
    clp_responses_output_end_event(&w->output);
}

static void writer_put(clp_writer *writer, const clp_event *e)
{
    responses_writer *w = (responses_writer *)writer;
    switch (e->kind) {
    case CLP_EVENT_START: start(w, e); break;
    case CLP_EVENT_BLOCK_OPEN: open_block(w, e); break;
    case CLP_EVENT_BLOCK_DELTA: block_delta(w, e); break;
    case CLP_EVENT_BLOCK_CLOSE: close_block(w, e); break;
    case CLP_EVENT_USAGE: clp_usage_merge(&w->usage, &e->usage); break;
    case CLP_EVENT_FINISH: finish(w, e); break;
    case CLP_EVENT_PROBLEM: problem(w, e->problem); break;
    case CLP_EVENT_PING:
        if (w->options.stream) {
            clp_buffer_puts(w->out, clp_responses_keepalive);
        }
        break;
    case CLP_EVENT_LOGPROBS: break;
    }
}

clp_writer *clp_responses_open_writer(const clp_writer_options *options, clp_buffer *out,
                                      apr_pool_t *pool)
{
    responses_writer *w = apr_pcalloc(pool, sizeof(*w));
    w->writer.put = writer_put;
    w->pool = pool;
    w->out = out;
    w->options = *options;
    w->usage = CLP_USAGE_NONE;
    w->id = w->model = clp_span_of("", 0);
    clp_responses_output_init(&w->output, &w->options, out, pool);
    return &w->writer;
}
