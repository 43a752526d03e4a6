/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini.h"

#include "gemini_input.h"
#include "gemini_names.h"
#include "gemini_parts.h"
#include "logprobs.h"
#include "problems.h"

/* [0].candidates[0].content.parts[0].functionCall.name */
#define RECORD_DEPTH 8

typedef struct gemini_reader {
    clp_reader reader;
    apr_pool_t *pool;
    clp_sink sink;
    clp_gemini_input *input;
    clp_gemini_parts parts;
    clp_json *logprobs; /* scanned; NULL until there are any */
    clp_buffer text;    /* of what is put at once */
    clp_usage usage;    /* the last one told */
    clp_stop stop;
    unsigned told : 1; /* usage was told */
    unsigned started : 1;
    unsigned stopped : 1; /* a finish reason was told */
    unsigned failed : 1;  /* and it was that of a call gone wrong */
    unsigned whole : 1;   /* it is a document: nothing will be told later */
    unsigned ended : 1;   /* FINISH or PROBLEM is out */
} gemini_reader;

/* --- endings ---------------------------------------------------------------------- */

static void put_usage(gemini_reader *r)
{
    if (r->told) {
        clp_event e = clp_event_of(CLP_EVENT_USAGE);
        e.usage = r->usage;
        clp_sink_put(&r->sink, &e);
    }
}

static void end_with(gemini_reader *r, const clp_problem *p)
{
    clp_event e = clp_event_of(CLP_EVENT_PROBLEM);

    if (r->ended) {
        return;
    }
    r->ended = 1;
    clp_gemini_input_stop(r->input);
    put_usage(r);
    e.problem = p;
    clp_sink_put(&r->sink, &e);
}

static void fail(gemini_reader *r, const char *message, const char *cause)
{
    end_with(r, clp_problem_because(clp_problem_make(r->pool, CLP_BAD_GATEWAY, "%s", message),
                                    r->pool, "%s", cause));
}

/* --- usage, finish --------------------------------------------------------------------- */

static apr_int64_t count(clp_jval u, const char *name)
{
    return clp_answer_count(clp_gemini_get(u, name));
}

static apr_int64_t or_zero(apr_int64_t n)
{
    return n > 0 ? n : 0;
}

static void read_usage(gemini_reader *r, clp_jval u)
{
    apr_int64_t prompt = count(u, "promptTokenCount");
    apr_int64_t said = count(u, "candidatesTokenCount");
    apr_int64_t thought = count(u, "thoughtsTokenCount");

    if (!clp_jval_is_object(u)) {
        return;
    }
    r->told = 1;
    r->usage = CLP_USAGE_NONE;
    r->usage.cache_read = count(u, "cachedContentTokenCount");
    if (prompt >= 0) {
        prompt += or_zero(count(u, "toolUsePromptTokenCount")) - or_zero(r->usage.cache_read);
        r->usage.input = or_zero(prompt);
    }
    if (said >= 0 || thought >= 0) {
        r->usage.output = or_zero(said) + or_zero(thought);
    }
    r->usage.reasoning = thought;
}

static int starts(clp_span s, const char *prefix)
{
    return clp_span_starts(s, prefix);
}

static void read_finish(gemini_reader *r, clp_span reason)
{
    static const char *const filters[] = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT",
                                          "SPII",   "LANGUAGE",   NULL};
    clp_stop stop = CLP_STOP_END;

    if (!reason.n) {
        return;
    }
    if (clp_span_is(reason, "MAX_TOKENS")) {
        stop = CLP_STOP_LENGTH;
    }
    else if (starts(reason, "IMAGE_")) {
        stop = CLP_STOP_FILTER;
    }
    for (const char *const *f = filters; *f; f++) {
        if (clp_span_is(reason, *f)) {
            stop = CLP_STOP_FILTER;
        }
    }
    if (starts(reason, "MALFORMED_") || starts(reason, "UNEXPECTED_TOOL_CALL") ||
        starts(reason, "TOO_MANY_TOOL_CALLS") || starts(reason, "MISSING_THOUGHT_SIGNATURE")) {
        r->failed = 1;
    }
    /* a late STOP does not undo what was told before */
    if (!r->stopped || r->stop == CLP_STOP_END) {
        r->stop = stop;
    }
    r->stopped = 1;
}

static void finish(gemini_reader *r)
{
    clp_event e = clp_event_of(CLP_EVENT_FINISH);

    if (r->ended) {
        return;
    }
    if (r->failed && !r->parts.usable) {
        fail(r, "The upstream's model made a tool call that cannot be used.", "finishReason");
        return;
    }
    clp_gemini_parts_close(&r->parts);
    r->ended = 1;
    clp_gemini_input_stop(r->input);
    put_usage(r);
    e.stop = r->stop;
    clp_sink_put(&r->sink, &e);
}

/* --- chunks -------------------------------------------------------------------------------- */

static void start(gemini_reader *r, clp_jval root)
{
    clp_event e = clp_event_of(CLP_EVENT_START);

    if (r->started) {
        return;
    }
    r->started = 1;
    e.id = clp_jval_text(clp_gemini_get(root, "responseId"));
    e.model = clp_jval_text(clp_gemini_get(root, "modelVersion"));
    if (r->told && (r->whole || r->usage.cache_read >= 0)) {
        /* without word of the cache the figure for input may shrink later */
        e.usage = r->usage;
    }
    clp_sink_put(&r->sink, &e);
}

static void read_logprobs(gemini_reader *r, clp_jval candidate)
{
    clp_jval result = clp_gemini_get(candidate, "logprobsResult");
    clp_event e = clp_event_of(CLP_EVENT_LOGPROBS);

    if (!clp_jval_is_object(result) || r->parts.passive) {
        return;
    }
    if (!r->logprobs) {
        r->logprobs = clp_json_make(r->pool);
    }
    clp_buffer_clear(&r->text);
    clp_logprobs_of_gemini(&r->text, clp_jval_raw(result), r->logprobs);
    e.text = clp_text_plain(clp_buffer_all(&r->text));
    if (e.text.s.n) {
        clp_sink_put(&r->sink, &e);
    }
}

static void read_candidate(gemini_reader *r, clp_jval v)
{
    clp_jval parts = clp_jval_get(clp_jval_get(v, "content"), "parts");

    CLP_JVAL_EACH (part, clp_jval_is_array(parts) ? parts : CLP_JVAL_NONE) {
        if (!clp_gemini_parts_read(&r->parts, part)) {
            fail(r, "The upstream sent a tool call without a name.", "functionCall.name");
            return;
        }
    }
    read_logprobs(r, v);
    read_finish(r, clp_jval_text(clp_gemini_get(v, "finishReason")).s);
}

static void read_blocked(gemini_reader *r, clp_jval root)
{
    clp_jval reason = clp_gemini_get(clp_gemini_get(root, "promptFeedback"), "blockReason");

    if (clp_jval_is_string(reason) && !clp_jval_str_is(reason, "BLOCK_REASON_UNSPECIFIED")) {
        start(r, root);
        r->stop = CLP_STOP_FILTER;
        r->stopped = 1;
    }
}

static void read_chunk(gemini_reader *r, clp_jval root)
{
    clp_jval candidates = clp_jval_get(root, "candidates");

    if (r->ended) {
        return;
    }
    if (clp_problems_told(root) &&
        (!clp_jval_is_array(candidates) || !clp_jval_nil(clp_jval_get(root, "error")))) {
        end_with(r, clp_gemini_read_problem(200, clp_jval_raw(root), r->pool));
        return;
    }
    read_usage(r, clp_gemini_get(root, "usageMetadata"));
    if (clp_jval_count(candidates) || r->told) {
        start(r, root);
    }
    CLP_JVAL_EACH (v, clp_jval_is_array(candidates) ? candidates : CLP_JVAL_NONE) {
        if (clp_jval_count_or(clp_jval_get(v, "index"), 0) == 0 && !r->ended) {
            read_candidate(r, v);
        }
    }
    read_blocked(r, root);
}

/* Some relays put the array that Google would have sent into one event. */
static void on_event(void *ctx, clp_jval root)
{
    gemini_reader *r = ctx;

    if (!clp_jval_is_array(root)) {
        read_chunk(r, root);
        return;
    }
    CLP_JVAL_EACH (v, root) {
        read_chunk(r, v);
    }
}

/* Google sends none; relays do. What finish reason was told decides. */
static void on_done(void *ctx)
{
    (void)ctx;
}

static void on_ended(void *ctx, clp_ending how)
{
    gemini_reader *r = ctx;

    if (r->stopped) {
        finish(r);
        return;
    }
    fail(r, "The upstream's answer broke off before its end.",
         how == CLP_ENDED_CUT ? "cut" : "no finishReason");
}

static void on_document(void *ctx, clp_jval root)
{
    gemini_reader *r = ctx;

    r->whole = 1;
    on_event(r, root);
    if (r->stopped) {
        finish(r);
    }
    else {
        fail(r,
             clp_jval_ok(clp_jval_get(root, "candidates"))
                 ? "The upstream's answer broke off before its end."
                 : "The upstream sent a document that is no answer.",
             "no finishReason");
    }
}

static void on_broken(void *ctx, clp_problem *p)
{
    end_with(ctx, p);
}

static void reader_feed(clp_reader *reader, const char *p, apr_size_t n)
{
    clp_gemini_input_feed(((gemini_reader *)reader)->input, p, n);
}

static void reader_finish(clp_reader *reader, clp_ending how)
{
    clp_gemini_input_finish(((gemini_reader *)reader)->input, how);
}

clp_reader *clp_gemini_open_reader(const clp_reader_options *options, clp_sink sink,
                                   apr_pool_t *pool)
{
    static const clp_answer_handler handler = {on_event, on_done, on_document, on_broken, on_ended};
    gemini_reader *r = apr_pcalloc(pool, sizeof(*r));

    r->reader.feed = reader_feed;
    r->reader.finish = reader_finish;
    r->pool = pool;
    r->sink = sink;
    r->usage = CLP_USAGE_NONE;
    r->stop = CLP_STOP_END;
    r->input = clp_gemini_input_make(pool, options, RECORD_DEPTH, &handler, r);
    clp_gemini_parts_init(&r->parts, options, sink, pool);
    clp_buffer_init(&r->text, pool, 0);
    return &r->reader;
}
