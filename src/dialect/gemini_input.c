/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_input.h"

#include "gemini.h"
#include "json_split.h"
#include "problems.h"
#include "wire/text.h"

/* Of an error that stands bare between events. */
#define BARE_MAX (64 * 1024)

typedef enum shape { UNDECIDED, DOCUMENT, EVENTS, ARRAY } shape;

struct clp_gemini_input {
    apr_pool_t *pool;
    const clp_answer_handler *handler;
    void *ctx;
    apr_uint32_t record_depth;
    clp_answer_input *inner; /* of a document, or events */
    clp_json_split *split;   /* of an array */
    clp_json *json;          /* of its elements */
    clp_buffer repaired;
    clp_buffer bare;
    shape shape;
    unsigned stopped : 1;
    unsigned line : 1;     /* events: we stand inside a line */
    unsigned collects : 1; /* events: what comes is no event */
};

static void break_off(clp_gemini_input *in, const char *message, const char *cause)
{
    in->handler->broken(
        in->ctx, clp_problem_because(clp_problem_make(in->pool, CLP_BAD_GATEWAY, "%s", message),
                                     in->pool, "%s", cause));
}

static int on_element(void *ctx, clp_span element)
{
    clp_gemini_input *in = ctx;
    const clp_json_limits limits = {4096, in->record_depth, 0};
    clp_json_error e = clp_json_scan(in->json, element, &limits, NULL);

    if (e == CLP_JSON_UTF8) {
        clp_buffer_clear(&in->repaired);
        clp_utf8_repair(&in->repaired, element);
        e = clp_json_scan(in->json, clp_buffer_all(&in->repaired), &limits, NULL);
    }
    if (e != CLP_JSON_OK) {
        break_off(in, "The upstream sent an event that is no valid JSON.", clp_json_error_text(e));
    }
    else {
        in->handler->event(in->ctx, clp_json_root(in->json));
    }
    return in->stopped;
}

static void feed_array(clp_gemini_input *in, const char *p, apr_size_t n)
{
    switch (clp_json_split_feed(in->split, p, n)) {
    case CLP_JSON_SPLIT_BROKEN:
        break_off(in, "The upstream sent an answer that is no valid JSON.", "no array of objects");
        break;
    case CLP_JSON_SPLIT_TOO_LARGE:
        break_off(in, "The upstream sent an answer larger than this gateway takes.", "max_event");
        break;
    case CLP_JSON_SPLIT_OK:
    case CLP_JSON_SPLIT_STOPPED: break;
    }
}

/* Google ends a stream that fails with a bare error document: a line that begins with a brace
 * cannot be a field. It and all behind it is kept for the end. */
static void feed_events(clp_gemini_input *in, const char *p, apr_size_t n)
{
    apr_size_t i = 0;

    while (i < n && !in->collects) {
        const char *end;
        if (!in->line && p[i] == '{') {
            in->collects = 1;
            break;
        }
        end = memchr(p + i, '\n', n - i);
        in->line = !end;
        i = end ? (apr_size_t)(end - p) + 1 : n;
    }
    clp_answer_input_feed(in->inner, p, i);
    clp_buffer_append(&in->bare, p + i, n - i);
}

static void end_events(clp_gemini_input *in, clp_ending how)
{
    static const clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_span bare = clp_buffer_all(&in->bare);

    if (bare.n && !in->stopped && clp_json_scan(in->json, bare, &limits, NULL) == CLP_JSON_OK &&
        clp_problems_told(clp_json_root(in->json))) {
        in->handler->broken(in->ctx, clp_gemini_read_problem(200, bare, in->pool));
        return;
    }
    clp_answer_input_finish(in->inner, how);
}

static int is_padding(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\xef' || c == '\xbb' ||
           c == '\xbf';
}

void clp_gemini_input_feed(clp_gemini_input *in, const char *p, apr_size_t n)
{
    while (in->shape == UNDECIDED && n && is_padding(*p)) {
        p++;
        n--;
    }
    if (!n || in->stopped) {
        return;
    }
    if (in->shape == UNDECIDED) {
        in->shape = *p == '[' ? ARRAY : *p == '{' ? DOCUMENT : EVENTS;
    }
    if (in->shape == ARRAY) {
        feed_array(in, p, n);
    }
    else if (in->shape == DOCUMENT) {
        clp_answer_input_feed(in->inner, p, n);
    }
    else {
        feed_events(in, p, n);
    }
}

void clp_gemini_input_finish(clp_gemini_input *in, clp_ending how)
{
    if (in->stopped) {
        return;
    }
    if (in->shape != ARRAY) {
        end_events(in, how);
        return;
    }
    in->handler->ended(in->ctx, clp_json_split_ended(in->split) ? how : CLP_ENDED_CUT);
}

void clp_gemini_input_stop(clp_gemini_input *in)
{
    in->stopped = 1;
    clp_answer_input_stop(in->inner);
}

clp_gemini_input *clp_gemini_input_make(apr_pool_t *pool, const clp_reader_options *options,
                                        apr_uint32_t record_depth,
                                        const clp_answer_handler *handler, void *ctx)
{
    clp_gemini_input *in = apr_pcalloc(pool, sizeof(*in));

    in->pool = pool;
    in->handler = handler;
    in->ctx = ctx;
    in->record_depth = record_depth;
    in->inner = clp_answer_input_make(pool, options, record_depth, handler, ctx);
    in->split = clp_json_split_make(pool, options->max_event, on_element, in);
    in->json = clp_json_make(pool);
    clp_buffer_init(&in->repaired, pool, 0);
    clp_buffer_init(&in->bare, pool, BARE_MAX);
    return in;
}
