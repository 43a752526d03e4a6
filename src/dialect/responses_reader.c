/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses.h"

#include <apr_strings.h>

#include "answer_input.h"
#include "problems.h"
#include "responses_items.h"

/* response.output[0].content[0].text; response.usage.input_tokens_details.cached_tokens */
#define RECORD_DEPTH 7

typedef struct responses_reader {
    clp_reader reader;
    apr_pool_t *pool;
    clp_sink sink;
    clp_answer_input *input;
    clp_responses_items *items; /* NULL when passive */
    unsigned started : 1;
    unsigned ended : 1; /* FINISH or PROBLEM is out */
} responses_reader;

static void end_with(responses_reader *r, const clp_problem *p)
{
    if (!r->ended) {
        clp_event e = clp_event_of(CLP_EVENT_PROBLEM);
        r->ended = 1;
        e.problem = p;
        clp_answer_input_stop(r->input);
        clp_sink_put(&r->sink, &e);
    }
}

static clp_usage read_usage(clp_jval u)
{
    clp_usage usage = CLP_USAGE_NONE;
    clp_jval in = clp_jval_get(u, "input_tokens_details");
    apr_int64_t prompt = clp_answer_count(clp_jval_get(u, "input_tokens"));
    usage.cache_read = clp_answer_count(clp_jval_get(in, "cached_tokens"));
    usage.cache_write = clp_answer_count(clp_jval_get(in, "cache_write_tokens"));
    if (prompt >= 0) {
        prompt -= (usage.cache_read > 0 ? usage.cache_read : 0) +
                  (usage.cache_write > 0 ? usage.cache_write : 0);
        usage.input = prompt > 0 ? prompt : 0;
    }
    usage.output = clp_answer_count(clp_jval_get(u, "output_tokens"));
    usage.reasoning = clp_answer_count(
        clp_jval_get(clp_jval_get(u, "output_tokens_details"), "reasoning_tokens"));
    return usage;
}

static void start(responses_reader *r, clp_jval response)
{
    if (!r->started && clp_jval_is_object(response)) {
        clp_event e = clp_event_of(CLP_EVENT_START);
        r->started = 1;
        e.id = clp_jval_text(clp_jval_get(response, "id"));
        e.model = clp_jval_text(clp_jval_get(response, "model"));
        clp_sink_put(&r->sink, &e);
    }
}

static clp_stop stop_of(clp_jval response)
{
    clp_jval reason = clp_jval_get(clp_jval_get(response, "incomplete_details"), "reason");
    if (!clp_jval_str_is(clp_jval_get(response, "status"), "incomplete") &&
        !clp_jval_is_string(reason)) {
        return CLP_STOP_END;
    }
    return clp_jval_str_is(reason, "content_filter") ? CLP_STOP_FILTER : CLP_STOP_LENGTH;
}

/* The response as it is at its end: what the events left out, usage, why it ended. */
static void finish(responses_reader *r, clp_jval response)
{
    clp_jval usage = clp_jval_get(response, "usage");
    start(r, response);
    if (r->items) {
        clp_responses_items_end(r->items, clp_jval_get(response, "output"));
        if (clp_responses_items_problem(r->items)) {
            end_with(r, clp_responses_items_problem(r->items));
            return;
        }
    }
    if (clp_jval_is_object(usage)) {
        clp_event e = clp_event_of(CLP_EVENT_USAGE);
        e.usage = read_usage(usage);
        clp_sink_put(&r->sink, &e);
    }
    clp_event e = clp_event_of(CLP_EVENT_FINISH);
    e.stop = stop_of(response);
    r->ended = 1;
    clp_answer_input_stop(r->input);
    clp_sink_put(&r->sink, &e);
}

static void fail(responses_reader *r, clp_jval told)
{
    clp_jval usage = clp_jval_get(told, "usage");
    if (clp_jval_is_object(usage)) {
        clp_event e = clp_event_of(CLP_EVENT_USAGE);
        e.usage = read_usage(usage);
        clp_sink_put(&r->sink, &e);
    }
    end_with(r, clp_responses_read_problem(200, clp_jval_raw(told), r->pool));
}

static void cancelled(responses_reader *r)
{
    end_with(r, clp_problem_make(r->pool, CLP_BAD_GATEWAY, "The upstream cancelled its answer."));
}

/* For passthrough: what opens and what is said, wherever it belongs. */
static void put_passive(responses_reader *r, clp_jval root, clp_span type)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);
    if (clp_span_is(type, "response.output_item.added")) {
        e.kind = CLP_EVENT_BLOCK_OPEN;
        e.part = clp_responses_item_part(clp_jval_get(clp_jval_get(root, "item"), "type"));
        clp_sink_put(&r->sink, &e);
        return;
    }
    if (clp_span_is(type, "response.output_text.delta")) {
        e.part = CLP_PART_TEXT;
    }
    else if (clp_span_is(type, "response.refusal.delta")) {
        e.part = CLP_PART_REFUSAL;
    }
    else if (clp_span_is(type, "response.reasoning_summary_text.delta") ||
             clp_span_is(type, "response.reasoning_text.delta")) {
        e.part = CLP_PART_REASONING;
    }
    else {
        return;
    }
    e.text = clp_jval_text(clp_jval_get(root, "delta"));
    clp_sink_put(&r->sink, &e);
}

static void on_event(void *ctx, clp_jval root)
{
    responses_reader *r = ctx;
    clp_span type = clp_jval_text(clp_jval_get(root, "type")).s;
    clp_jval response = clp_jval_get(root, "response");
    if (clp_span_is(type, "response.completed") || clp_span_is(type, "response.incomplete") ||
        clp_span_is(type, "response.done")) {
        finish(r, response);
    }
    else if (clp_span_is(type, "response.failed")) {
        fail(r, response);
    }
    else if (clp_span_is(type, "response.cancelled")) {
        cancelled(r);
    }
    else if (clp_span_is(type, "error") || (!type.n && clp_problems_told(root))) {
        fail(r, root);
    }
    else if (clp_span_is(type, "response.created") || clp_span_is(type, "response.queued") ||
             clp_span_is(type, "response.in_progress")) {
        start(r, response);
    }
    else if (clp_span_is(type, "keepalive")) {
        clp_event e = clp_event_of(CLP_EVENT_PING);
        clp_sink_put(&r->sink, &e);
    }
    else if (!r->items) {
        put_passive(r, root, type);
    }
    else {
        clp_responses_items_event(r->items, root, type);
        if (clp_responses_items_problem(r->items)) {
            end_with(r, clp_responses_items_problem(r->items));
        }
    }
}

/* OpenAI sends none; where one comes before the last event, that one is missing. */
static void on_done(void *ctx)
{
    responses_reader *r = ctx;
    end_with(r, clp_problem_because(clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                                     "The upstream's answer broke off before its "
                                                     "end."),
                                    r->pool, "[DONE] without response.completed"));
}

static void on_document(void *ctx, clp_jval root)
{
    responses_reader *r = ctx;
    clp_jval status = clp_jval_get(root, "status");
    if (clp_jval_str_is(status, "failed") || !clp_jval_nil(clp_jval_get(root, "error")) ||
        (!clp_jval_is_array(clp_jval_get(root, "output")) && clp_problems_told(root))) {
        fail(r, root);
    }
    else if (clp_jval_str_is(status, "cancelled")) {
        cancelled(r);
    }
    else if (!clp_jval_is_array(clp_jval_get(root, "output"))) {
        end_with(r, clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                     "The upstream sent a document that is no answer."));
    }
    else if (!r->items &&
             (clp_jval_str_is(status, "queued") || clp_jval_str_is(status, "in_progress"))) {
        /* in the background: the client will ask for it */
        finish(r, root);
    }
    else if (clp_jval_str_is(status, "queued") || clp_jval_str_is(status, "in_progress")) {
        end_with(r, clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                     "The upstream has not finished its answer."));
    }
    else {
        finish(r, root);
    }
}

static void on_broken(void *ctx, clp_problem *p)
{
    end_with(ctx, p);
}

static void on_ended(void *ctx, clp_ending how)
{
    responses_reader *r = ctx;
    end_with(r, clp_problem_because(clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                                     "The upstream's answer broke off before its "
                                                     "end."),
                                    r->pool, "%s",
                                    how == CLP_ENDED_CUT ? "cut" : "no response.completed"));
}

static void reader_feed(clp_reader *reader, const char *p, apr_size_t n)
{
    responses_reader *r = (responses_reader *)reader;
    clp_answer_input_feed(r->input, p, n);
}

static void reader_finish(clp_reader *reader, clp_ending how)
{
    responses_reader *r = (responses_reader *)reader;
    clp_answer_input_finish(r->input, how);
}

clp_reader *clp_responses_open_reader(const clp_reader_options *options, clp_sink sink,
                                      apr_pool_t *pool)
{
    static const clp_answer_handler handler = {on_event, on_done, on_document, on_broken, on_ended};
    responses_reader *r = apr_pcalloc(pool, sizeof(*r));
    r->reader.feed = reader_feed;
    r->reader.finish = reader_finish;
    r->pool = pool;
    r->sink = sink;
    r->input = clp_answer_input_make(pool, options, RECORD_DEPTH, &handler, r);
    if (!options->passive) {
        r->items = clp_responses_items_make(sink, options->names, options->max_event, pool);
    }
    return &r->reader;
}
