/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "answer_input.h"

#include "wire/sse.h"
#include "wire/text.h"

/* Answers nest deeper than requests may: tool input that a model made up. */
#define ANSWER_DEPTH 4096

struct clp_answer_input {
    apr_pool_t *pool;
    const clp_answer_handler *handler;
    void *ctx;
    clp_body_kind kind; /* as declared, then as found */
    clp_json_limits limits;
    clp_json *json;
    clp_sse *sse;
    clp_buffer document;
    clp_buffer repaired;
    unsigned decided : 1;
    unsigned finishing : 1; /* what is delivered now may have been cut off */
    unsigned cut : 1;       /* and was */
    unsigned stopped : 1;
};

static void broken(clp_answer_input *in, clp_problem *p)
{
    if (!in->stopped) {
        in->stopped = 1;
        in->handler->broken(in->ctx, p);
    }
}

/* Scan, and once more with U+FFFD for what was no UTF-8. */
static clp_json_error scan(clp_answer_input *in, clp_span text, apr_size_t *where)
{
    clp_json_error e = clp_json_scan(in->json, text, &in->limits, where);
    if (e == CLP_JSON_UTF8) {
        clp_buffer_clear(&in->repaired);
        clp_utf8_repair(&in->repaired, text);
        e = clp_json_scan(in->json, clp_buffer_all(&in->repaired), &in->limits, where);
    }
    return e;
}

static int deliver(clp_answer_input *in, clp_span data)
{
    apr_size_t where = 0;
    if (clp_sse_is_done(data)) {
        in->handler->done(in->ctx);
        return 1;
    }
    if (scan(in, data, &where) != CLP_JSON_OK) {
        return 0;
    }
    in->handler->event(in->ctx, clp_json_root(in->json));
    return 1;
}

static clp_span take_line(clp_span *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    clp_span line = clp_span_of(rest->p, end ? (apr_size_t)(end - rest->p) : rest->n);
    apr_size_t used = line.n + (end ? 1 : 0);
    *rest = clp_span_of(rest->p + used, rest->n - used);
    return line;
}

/* Broken servers leave out the blank line between events. */
static int deliver_lines(clp_answer_input *in, clp_span data)
{
    apr_size_t where;
    clp_span rest = data;
    while (rest.n) {
        clp_span line = take_line(&rest);
        if (!clp_sse_is_done(line) && scan(in, line, &where) != CLP_JSON_OK) {
            return 0;
        }
    }
    rest = data;
    while (rest.n && !in->stopped) {
        deliver(in, take_line(&rest));
    }
    return 1;
}

static int on_event(void *ctx, const clp_sse_event *event)
{
    clp_answer_input *in = ctx;
    if (!deliver(in, event->data) && !(event->lines > 1 && deliver_lines(in, event->data))) {
        if (in->finishing) {
            in->cut = 1;
        }
        else {
            apr_size_t where = 0;
            clp_json_error e = scan(in, event->data, &where);
            broken(in, clp_problem_because(
                           clp_problem_make(in->pool, CLP_BAD_GATEWAY,
                                            "The upstream sent an event that is no valid JSON."),
                           in->pool, "%s at byte %" APR_SIZE_T_FMT " of %" APR_SIZE_T_FMT,
                           clp_json_error_text(e), where, event->data.n));
        }
    }
    return in->stopped;
}

static void check_size(clp_answer_input *in, int too_large)
{
    if (too_large) {
        broken(in, clp_problem_make(in->pool, CLP_BAD_GATEWAY,
                                    "The upstream sent an answer larger than this gateway "
                                    "takes."));
    }
}

static int is_padding(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\xef' || c == '\xbb' ||
           c == '\xbf';
}

clp_body_kind clp_body_kind_found(clp_body_kind declared, const char *p, apr_size_t n)
{
    while (n && is_padding(*p)) {
        p++;
        n--;
    }
    if (n == 0) {
        return CLP_BODY_UNKNOWN;
    }
    if (*p == '{' || *p == '[' || *p == '<') {
        return CLP_BODY_JSON;
    }
    if (declared == CLP_BODY_SSE) {
        return CLP_BODY_SSE;
    }
    /* data, event, id, retry, a comment */
    return *p && strchr("deir:", *p) ? CLP_BODY_SSE : CLP_BODY_JSON;
}

void clp_answer_input_feed(clp_answer_input *in, const char *p, apr_size_t n)
{
    if (in->stopped) {
        return;
    }
    if (!in->decided) {
        while (n && is_padding(*p)) {
            p++;
            n--;
        }
        if (n == 0) {
            return;
        }
        in->kind = clp_body_kind_found(in->kind, p, n);
        in->decided = 1;
    }
    if (in->kind == CLP_BODY_SSE) {
        check_size(in, clp_sse_feed(in->sse, p, n) == CLP_SSE_TOO_LARGE);
    }
    else {
        clp_buffer_append(&in->document, p, n);
        check_size(in, in->document.overflow);
    }
}

static void finish_document(clp_answer_input *in)
{
    apr_size_t where = 0;
    clp_json_error e = scan(in, clp_buffer_all(&in->document), &where);
    if (e == CLP_JSON_OK) {
        in->stopped = 1;
        in->handler->document(in->ctx, clp_json_root(in->json));
        return;
    }
    broken(in, clp_problem_because(
                   clp_problem_make(in->pool, CLP_BAD_GATEWAY,
                                    e == CLP_JSON_TRUNCATED
                                        ? "The upstream's answer broke off before its end."
                                        : "The upstream sent an answer that is no valid JSON."),
                   in->pool, "%s at byte %" APR_SIZE_T_FMT " of %" APR_SIZE_T_FMT,
                   clp_json_error_text(e), where, in->document.n));
}

void clp_answer_input_finish(clp_answer_input *in, clp_ending how)
{
    if (in->stopped) {
        return;
    }
    in->finishing = 1;
    if (!in->decided) {
        broken(in, clp_problem_make(in->pool, CLP_BAD_GATEWAY,
                                    how == CLP_ENDED_CLEANLY
                                        ? "The upstream sent an empty answer."
                                        : "The upstream's answer broke off before its end."));
        return;
    }
    if (in->kind != CLP_BODY_SSE) {
        finish_document(in);
        return;
    }
    check_size(in, clp_sse_finish(in->sse) == CLP_SSE_TOO_LARGE);
    if (!in->stopped) {
        in->stopped = 1;
        in->handler->ended(in->ctx, in->cut ? CLP_ENDED_CUT : how);
    }
}

void clp_answer_input_stop(clp_answer_input *in)
{
    in->stopped = 1;
}

clp_answer_input *clp_answer_input_make(apr_pool_t *pool, const clp_reader_options *options,
                                        apr_uint32_t record_depth,
                                        const clp_answer_handler *handler, void *ctx)
{
    clp_answer_input *in = apr_pcalloc(pool, sizeof(*in));
    in->pool = pool;
    in->handler = handler;
    in->ctx = ctx;
    in->kind = options->body;
    in->limits.max_depth = ANSWER_DEPTH;
    in->limits.record_depth = record_depth;
    in->json = clp_json_make(pool);
    in->sse = clp_sse_make(pool, options->max_event, on_event, in);
    clp_buffer_init(&in->document, pool, options->max_event);
    clp_buffer_init(&in->repaired, pool, 0);
    return in;
}
