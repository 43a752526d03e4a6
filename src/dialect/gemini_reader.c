/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini.h"

#include "answer_input.h"
#include "call_text.h"
#include "dialect/tools.h"
#include "gemini_media.h"
#include "gemini_names.h"
#include "json_split.h"
#include "logprobs.h"
#include "problems.h"
#include "wire/text.h"

/* [0].candidates[0].content.parts[0].functionCall.name */
#define RECORD_DEPTH 8

/* Of an error that stands bare between events. */
#define BARE_MAX (64 * 1024)

/* How an answer came. */
typedef enum shape { UNDECIDED, DOCUMENT, EVENTS, ARRAY } shape;

typedef struct gemini_reader {
    clp_reader reader;
    apr_pool_t *pool;
    clp_sink sink;
    apr_size_t max_event;
    apr_table_t *names;
    clp_answer_input *input;
    clp_json_split *split; /* of an array */
    clp_json *json;        /* of its elements */
    clp_json *logprobs;    /* of their likelihoods; NULL until there are any */
    clp_buffer repaired;
    clp_buffer bare;
    clp_buffer text; /* of what is put at once */
    clp_call_text *calls;
    clp_usage usage; /* the last one told */
    clp_part_kind part;
    clp_stop stop;
    shape shape;
    unsigned passive : 1;
    unsigned open : 1; /* a block of kind `part` */
    unsigned told : 1; /* usage was told */
    unsigned started : 1;
    unsigned stopped : 1;  /* a finish reason was told */
    unsigned failed : 1;   /* and it was that of a call gone wrong */
    unsigned usable : 1;   /* there was text or a call */
    unsigned whole : 1;    /* it is a document: nothing will be told later */
    unsigned ended : 1;    /* FINISH or PROBLEM is out */
    unsigned line : 1;     /* events: we stand inside a line */
    unsigned collects : 1; /* events: what comes is no event */
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
    clp_answer_input_stop(r->input);
    put_usage(r);
    e.problem = p;
    clp_sink_put(&r->sink, &e);
}

static void fail(gemini_reader *r, const char *message, const char *cause)
{
    end_with(r, clp_problem_because(clp_problem_make(r->pool, CLP_BAD_GATEWAY, "%s", message),
                                    r->pool, "%s", cause));
}

/* --- blocks -------------------------------------------------------------------------- */

static void close_block(gemini_reader *r)
{
    if (r->open) {
        clp_event e = clp_event_of(CLP_EVENT_BLOCK_CLOSE);
        e.part = r->part;
        r->open = 0;
        clp_sink_put(&r->sink, &e);
    }
}

static void open_block(gemini_reader *r, clp_part_kind part, clp_text id, const char *name)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_OPEN);

    close_block(r);
    r->open = 1;
    r->part = part;
    e.part = part;
    e.id = id;
    e.name = clp_text_str(name);
    clp_sink_put(&r->sink, &e);
}

static void continue_block(gemini_reader *r, clp_part_kind part)
{
    if (!r->open || r->part != part) {
        open_block(r, part, clp_text_str(NULL), NULL);
    }
}

static void put_delta(gemini_reader *r, clp_span escaped)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);

    if (escaped.n) {
        e.part = r->part;
        e.text = clp_text_escaped(escaped);
        clp_sink_put(&r->sink, &e);
    }
}

/* The block of reasoning ends with its state. */
static void put_state(gemini_reader *r, clp_span escaped, clp_state_kind kind)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);

    if (!escaped.n) {
        return;
    }
    continue_block(r, CLP_PART_REASONING);
    e.part = r->part;
    e.delta = CLP_DELTA_SIGNATURE;
    e.provider = CLP_PROVIDER_GEMINI;
    e.state_kind = kind;
    e.text = clp_text_escaped(escaped);
    clp_sink_put(&r->sink, &e);
    close_block(r);
}

/* --- parts ---------------------------------------------------------------------------- */

/* A signed text is a block of its own: its state belongs to it and to nothing else. */
static void read_text(gemini_reader *r, clp_span text, clp_span signature)
{
    if (text.n && signature.n) {
        close_block(r);
    }
    if (text.n) {
        r->usable = 1;
        continue_block(r, CLP_PART_TEXT);
        put_delta(r, text);
    }
    if (signature.n) {
        close_block(r);
        put_state(r, signature, text.n ? CLP_STATE_PREV_TEXT : CLP_STATE_EMPTY_TEXT);
    }
}

static void read_thought(gemini_reader *r, clp_span text, clp_span signature)
{
    if (text.n) {
        continue_block(r, CLP_PART_REASONING);
        put_delta(r, text);
    }
    put_state(r, signature, CLP_STATE_BLOCK);
}

/* The raw object as the text of a string. */
static clp_span args_text(gemini_reader *r, clp_jval args)
{
    clp_buffer_clear(&r->text);
    if (clp_jval_ok(args)) {
        clp_text_escape(&r->text, clp_jval_raw(args), 0);
    }
    return clp_buffer_all(&r->text);
}

static void read_call(gemini_reader *r, clp_jval call, clp_span signature)
{
    const char *upstreams = clp_jval_cstr(clp_jval_get(call, "name"), r->pool);
    const char *name;
    clp_span text;
    int custom;

    if (!upstreams || !*upstreams) {
        fail(r, "The upstream sent a tool call without a name.", "functionCall.name");
        return;
    }
    r->usable = 1;
    put_state(r, signature, CLP_STATE_NEXT_CALL);
    name = clp_tool_names_lookup(r->names, upstreams, &custom);
    open_block(r, custom ? CLP_PART_CUSTOM_CALL : CLP_PART_TOOL_CALL,
               clp_jval_text(clp_jval_get(call, "id")), name);
    if (!r->passive) {
        text = args_text(r, clp_jval_get(call, "args"));
        put_delta(r, custom ? clp_call_text_custom(r->calls, text)
                            : clp_call_text_object(r->calls, text));
    }
    close_block(r);
}

static void put_words(gemini_reader *r, const char *before, clp_jval text, const char *behind)
{
    r->usable = 1;
    continue_block(r, CLP_PART_TEXT);
    put_delta(r, clp_span_str(before));
    put_delta(r, clp_jval_text(text).s);
    put_delta(r, clp_span_str(behind));
}

/* No other protocol's answer can hold a picture. */
static void read_media(gemini_reader *r, clp_jval media)
{
    r->usable = 1;
    continue_block(r, CLP_PART_TEXT);
    clp_buffer_clear(&r->text);
    clp_gemini_note_media(&r->text, media);
    put_delta(r, clp_buffer_all(&r->text));
}

static void read_part(gemini_reader *r, clp_jval v)
{
    clp_span signature = clp_jval_text(clp_gemini_get(v, "thoughtSignature")).s;
    clp_jval call = clp_gemini_get(v, "functionCall");
    clp_jval code = clp_gemini_get(v, "executableCode");
    clp_jval result = clp_gemini_get(v, "codeExecutionResult");
    clp_jval media = clp_gemini_get(v, "inlineData");

    if (!clp_jval_ok(media)) {
        media = clp_gemini_get(v, "fileData");
    }
    if (clp_jval_is_object(call)) {
        read_call(r, call, signature);
    }
    else if (clp_jval_kind(clp_jval_get(v, "thought")) == CLP_JSON_TRUE) {
        read_thought(r, clp_jval_text(clp_jval_get(v, "text")).s, signature);
    }
    else if (clp_jval_is_object(code)) {
        put_words(r, "\\n```\\n", clp_jval_get(code, "code"), "\\n```\\n");
    }
    else if (clp_jval_is_object(result)) {
        put_words(r, "\\n```\\n", clp_jval_get(result, "output"), "\\n```\\n");
    }
    else if (clp_jval_is_object(media)) {
        read_media(r, media);
    }
    else {
        read_text(r, clp_jval_text(clp_jval_get(v, "text")).s, signature);
    }
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
    if (r->failed && !r->usable) {
        fail(r, "The upstream's model made a tool call that cannot be used.", "finishReason");
        return;
    }
    close_block(r);
    r->ended = 1;
    clp_answer_input_stop(r->input);
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

    if (!clp_jval_is_object(result) || r->passive) {
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
        read_part(r, part);
        if (r->ended) {
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

/* --- an array, element by element ------------------------------------------------------------ */

static int on_element(void *ctx, clp_span element)
{
    static const clp_json_limits limits = {4096, RECORD_DEPTH, 0};
    gemini_reader *r = ctx;
    clp_json_error e = clp_json_scan(r->json, element, &limits, NULL);

    if (e == CLP_JSON_UTF8) {
        clp_buffer_clear(&r->repaired);
        clp_utf8_repair(&r->repaired, element);
        e = clp_json_scan(r->json, clp_buffer_all(&r->repaired), &limits, NULL);
    }
    if (e != CLP_JSON_OK) {
        fail(r, "The upstream sent an event that is no valid JSON.", clp_json_error_text(e));
    }
    else {
        read_chunk(r, clp_json_root(r->json));
    }
    return r->ended;
}

static void feed_array(gemini_reader *r, const char *p, apr_size_t n)
{
    switch (clp_json_split_feed(r->split, p, n)) {
    case CLP_JSON_SPLIT_BROKEN:
        fail(r, "The upstream sent an answer that is no valid JSON.", "no array of objects");
        break;
    case CLP_JSON_SPLIT_TOO_LARGE:
        fail(r, "The upstream sent an answer larger than this gateway takes.", "max_event");
        break;
    case CLP_JSON_SPLIT_OK:
    case CLP_JSON_SPLIT_STOPPED: break;
    }
}

/* --- events, and an error between them ---------------------------------------------------------
 */

/* Google ends a stream that fails with a bare error document: a line that begins with a brace
 * cannot be a field. It and all behind it is kept for the end. */
static void feed_events(gemini_reader *r, const char *p, apr_size_t n)
{
    apr_size_t i = 0;

    while (i < n && !r->collects) {
        const char *end;
        if (!r->line && p[i] == '{') {
            r->collects = 1;
            break;
        }
        end = memchr(p + i, '\n', n - i);
        r->line = !end;
        i = end ? (apr_size_t)(end - p) + 1 : n;
    }
    clp_answer_input_feed(r->input, p, i);
    clp_buffer_append(&r->bare, p + i, n - i);
}

static void end_events(gemini_reader *r, clp_ending how)
{
    static const clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_span bare = clp_buffer_all(&r->bare);

    if (bare.n && !r->ended && clp_json_scan(r->json, bare, &limits, NULL) == CLP_JSON_OK &&
        clp_problems_told(clp_json_root(r->json))) {
        end_with(r, clp_gemini_read_problem(200, bare, r->pool));
        return;
    }
    clp_answer_input_finish(r->input, how);
}

static int is_padding(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\xef' || c == '\xbb' ||
           c == '\xbf';
}

static void reader_feed(clp_reader *reader, const char *p, apr_size_t n)
{
    gemini_reader *r = (gemini_reader *)reader;

    while (r->shape == UNDECIDED && n && is_padding(*p)) {
        p++;
        n--;
    }
    if (!n || r->ended) {
        return;
    }
    if (r->shape == UNDECIDED) {
        r->shape = *p == '[' ? ARRAY : *p == '{' ? DOCUMENT : EVENTS;
    }
    if (r->shape == ARRAY) {
        feed_array(r, p, n);
    }
    else if (r->shape == DOCUMENT) {
        clp_answer_input_feed(r->input, p, n);
    }
    else {
        feed_events(r, p, n);
    }
}

static void reader_finish(clp_reader *reader, clp_ending how)
{
    gemini_reader *r = (gemini_reader *)reader;

    if (r->ended) {
        return;
    }
    if (r->shape != ARRAY) {
        end_events(r, how);
        return;
    }
    on_ended(r, clp_json_split_ended(r->split) ? how : CLP_ENDED_CUT);
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
    r->names = options->names;
    r->passive = options->passive != 0;
    r->usage = CLP_USAGE_NONE;
    r->stop = CLP_STOP_END;
    r->input = clp_answer_input_make(pool, options, RECORD_DEPTH, &handler, r);
    r->split = clp_json_split_make(pool, options->max_event, on_element, r);
    r->json = clp_json_make(pool);
    r->calls = clp_call_text_make(pool);
    clp_buffer_init(&r->repaired, pool, 0);
    clp_buffer_init(&r->bare, pool, BARE_MAX);
    clp_buffer_init(&r->text, pool, 0);
    return &r->reader;
}
