/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat.h"
#include "chat_legacy.h"

#include "answer_input.h"
#include "chat_blocks.h"
#include "chat_state.h"
#include "logprobs.h"
#include "problems.h"
#include "think_tags.h"

/* choices[0].delta.content[0].thinking[0].text */
#define RECORD_DEPTH 8
/* choices[0].delta.content, .tool_calls */
#define RECORD_DEPTH_PASSIVE 4

typedef struct chat_reader {
    clp_reader reader;
    apr_pool_t *pool;
    clp_sink sink;
    clp_answer_input *input;
    clp_chat_blocks *blocks; /* NULL when passive */
    clp_think_tags *tags;    /* NULL without the trait */
    clp_usage usage;         /* the last one told */
    clp_stop stop;
    unsigned told : 1; /* usage was told */
    unsigned started : 1;
    unsigned stopped : 1; /* a finish reason was told */
    unsigned whole : 1;   /* it is a document: nothing will be told later */
    unsigned called : 1;  /* passive: a call was opened */
    unsigned ended : 1;   /* FINISH or PROBLEM is out */
} chat_reader;

/* Only now: of several reports the last one counts, and it counts once. */
static void put_usage(chat_reader *r)
{
    if (r->told) {
        clp_event e = clp_event_of(CLP_EVENT_USAGE);
        e.usage = r->usage;
        clp_sink_put(&r->sink, &e);
    }
}

static void end_with(chat_reader *r, const clp_problem *p)
{
    if (r->ended) {
        return;
    }
    clp_event e = clp_event_of(CLP_EVENT_PROBLEM);
    r->ended = 1;
    clp_answer_input_stop(r->input);
    put_usage(r);
    e.problem = p;
    clp_sink_put(&r->sink, &e);
}

static void put_text(void *ctx, clp_part_kind part, clp_span escaped)
{
    chat_reader *r = ctx;
    if (escaped.n == 0) {
        return;
    }
    if (r->blocks) {
        clp_chat_blocks_text(r->blocks, part, escaped);
        return;
    }
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);
    e.part = part;
    e.text = clp_text_escaped(escaped);
    clp_sink_put(&r->sink, &e);
}

static void finish(chat_reader *r)
{
    if (r->tags) {
        clp_think_tags_end(r->tags, put_text, r);
    }
    if (r->blocks) {
        clp_chat_blocks_end(r->blocks);
        if (clp_chat_blocks_problem(r->blocks)) {
            end_with(r, clp_chat_blocks_problem(r->blocks));
            return;
        }
    }
    clp_event e = clp_event_of(CLP_EVENT_FINISH);
    r->ended = 1;
    clp_answer_input_stop(r->input);
    put_usage(r);
    e.stop = r->stop;
    clp_sink_put(&r->sink, &e);
}

/* A report is the whole of it: what an earlier one named and this one does not is none. Kept, a
 * figure of the cache would be counted twice, for this report's input holds it too. */
static apr_int64_t retold(apr_int64_t now, apr_int64_t before)
{
    return now < 0 && before >= 0 ? 0 : now;
}

static void read_usage(chat_reader *r, clp_jval u)
{
    if (!clp_jval_is_object(u)) {
        return;
    }
    clp_jval in = clp_jval_get(u, "prompt_tokens_details");
    clp_jval out = clp_jval_get(u, "completion_tokens_details");
    apr_int64_t prompt = clp_answer_count(clp_jval_get(u, "prompt_tokens"));
    apr_int64_t read = clp_answer_count(clp_jval_get(in, "cached_tokens"));
    apr_int64_t write = clp_answer_count(clp_jval_get(in, "cache_write_tokens"));
    if (read < 0) {
        read = clp_answer_count(clp_jval_get(u, "prompt_cache_hit_tokens"));
    }
    if (read < 0) {
        read = clp_answer_count(clp_jval_get(u, "cached_tokens"));
    }
    clp_usage before = r->told ? r->usage : CLP_USAGE_NONE;
    r->told = 1;
    r->usage = CLP_USAGE_NONE;
    if (prompt >= 0) {
        prompt -= (read > 0 ? read : 0) + (write > 0 ? write : 0);
        r->usage.input = prompt > 0 ? prompt : 0;
    }
    r->usage.cache_read = retold(read, before.cache_read);
    r->usage.cache_write = retold(write, before.cache_write);
    r->usage.output = clp_answer_count(clp_jval_get(u, "completion_tokens"));
    r->usage.reasoning =
        retold(clp_answer_count(clp_jval_get(out, "reasoning_tokens")), before.reasoning);
}

static void start(chat_reader *r, clp_jval root)
{
    if (r->started) {
        return;
    }
    clp_event e = clp_event_of(CLP_EVENT_START);
    r->started = 1;
    e.id = clp_jval_text(clp_jval_get(root, "id"));
    e.model = clp_jval_text(clp_jval_get(root, "model"));
    if (r->told && (r->whole || r->usage.cache_read >= 0)) {
        /* without word of the cache the figure for input may shrink later */
        e.usage = r->usage;
    }
    clp_sink_put(&r->sink, &e);
}

/* --- one choice's delta or message ---------------------------------------- */

static void put_content(chat_reader *r, clp_jval text)
{
    clp_span s = clp_jval_text(text).s;
    if (s.n == 0) {
        return;
    }
    if (r->tags) {
        clp_think_tags_pass(r->tags, s, put_text, r);
    }
    else {
        put_text(r, CLP_PART_TEXT, s);
    }
}

/* Content in parts: what some servers answer with, reasoning among them. */
static void read_parts(chat_reader *r, clp_jval parts)
{
    CLP_JVAL_EACH (part, parts) {
        clp_jval thinking = clp_jval_get(part, "thinking");
        if (clp_jval_is_string(thinking)) {
            put_text(r, CLP_PART_REASONING, clp_jval_text(thinking).s);
        }
        CLP_JVAL_EACH (thought, thinking) {
            put_text(r, CLP_PART_REASONING, clp_jval_text(clp_jval_get(thought, "text")).s);
        }
        put_content(r, clp_jval_get(part, "text"));
        put_text(r, CLP_PART_REFUSAL, clp_jval_text(clp_jval_get(part, "refusal")).s);
    }
}

/* The names under which servers send reasoning; the same text under two of them counts once. */
static void read_reasoning(chat_reader *r, clp_jval from)
{
    static const char *const names[] = {"reasoning_content", "reasoning", NULL};
    for (const char *const *name = names; *name; name++) {
        clp_span text = clp_jval_text(clp_jval_get(from, *name)).s;
        if (text.n) {
            put_text(r, CLP_PART_REASONING, text);
            return;
        }
    }
    clp_jval details = clp_jval_get(from, "reasoning_details");
    CLP_JVAL_EACH (detail, details) {
        put_text(r, CLP_PART_REASONING, clp_jval_text(clp_jval_get(detail, "text")).s);
        put_text(r, CLP_PART_REASONING, clp_jval_text(clp_jval_get(detail, "summary")).s);
    }
}

static void read_state(chat_reader *r, clp_jval from)
{
    clp_text state = clp_chat_state_of(from);
    if (state.s.n && r->blocks) {
        clp_chat_blocks_state(r->blocks, state);
    }
}

static void read_calls(chat_reader *r, clp_jval from, int whole)
{
    clp_jval calls = clp_jval_get(from, "tool_calls");
    clp_jval function = clp_jval_get(from, "function_call");
    if (!r->blocks) {
        int any =
            clp_jval_is_object(function) || (clp_jval_is_array(calls) && clp_jval_raw(calls).n > 2);
        if (any && !r->called) {
            clp_event e = clp_event_of(CLP_EVENT_BLOCK_OPEN);
            r->called = 1;
            e.part = CLP_PART_TOOL_CALL;
            clp_sink_put(&r->sink, &e);
        }
        return;
    }
    if (clp_jval_is_array(calls)) {
        CLP_JVAL_EACH (entry, calls) {
            clp_chat_blocks_call(r->blocks, entry, whole);
        }
    }
    if (clp_jval_is_object(function)) {
        clp_chat_blocks_function(r->blocks, function, whole);
    }
}

/* Ended by the server's trouble, not by the model. */
static int is_failure(clp_span reason)
{
    return clp_span_is(reason, "error") || clp_span_is(reason, "abort") ||
           clp_span_is(reason, "network_error") ||
           clp_span_is(reason, "insufficient_system_resource");
}

static clp_stop stop_of(clp_span reason)
{
    static const struct {
        const char *word;
        clp_stop stop;
    } words[] = {
        {"length", CLP_STOP_LENGTH},         {"tool_calls", CLP_STOP_TOOL},
        {"content_filter", CLP_STOP_FILTER}, {"function_call", CLP_STOP_TOOL},
        {"max_tokens", CLP_STOP_LENGTH},     {"tool_use", CLP_STOP_TOOL},
        {"sensitive", CLP_STOP_FILTER},      {"refusal", CLP_STOP_FILTER},
        {"model_length", CLP_STOP_WINDOW},   {"model_context_window_exceeded", CLP_STOP_WINDOW},
    };
    for (apr_size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (clp_span_is(reason, words[i].word)) {
            return words[i].stop;
        }
    }
    return CLP_STOP_END;
}

static void read_finish(chat_reader *r, clp_jval choice)
{
    clp_span reason = clp_jval_text(clp_jval_get(choice, "finish_reason")).s;
    if (reason.n == 0) {
        return;
    }
    if (is_failure(reason)) {
        end_with(r, clp_problem_because(
                        clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                         "The upstream gave up in the middle of its answer."),
                        r->pool, "finish_reason %.*s", (int)(reason.n < 40 ? reason.n : 40),
                        reason.p));
        return;
    }
    /* a late "stop" does not undo what was told before */
    if (!r->stopped || r->stop == CLP_STOP_END) {
        r->stop = stop_of(reason);
    }
    r->stopped = 1;
}

static void read_logprobs(chat_reader *r, clp_jval choice)
{
    clp_span elements = clp_logprobs_of_chat(choice);
    clp_event e = clp_event_of(CLP_EVENT_LOGPROBS);

    if (elements.n && r->blocks) {
        e.text = clp_text_plain(elements);
        clp_sink_put(&r->sink, &e);
    }
}

/* Reasoning, text, tools, finish: a chunk may carry all of them. */
static void read_choice(chat_reader *r, clp_jval choice)
{
    clp_jval from = clp_jval_get(choice, "delta");
    int whole = 0;
    if (!clp_jval_is_object(from)) {
        from = clp_jval_get(choice, "message");
        whole = 1;
    }
    clp_jval content = clp_jval_get(from, "content");
    read_reasoning(r, from);
    if (clp_jval_is_array(content)) {
        read_parts(r, content);
    }
    else {
        put_content(r, content);
    }
    read_state(r, from);
    put_text(r, CLP_PART_REFUSAL, clp_jval_text(clp_jval_get(from, "refusal")).s);
    read_calls(r, from, whole);
    if (r->blocks && clp_chat_blocks_problem(r->blocks)) {
        end_with(r, clp_chat_blocks_problem(r->blocks));
        return;
    }
    read_logprobs(r, choice);
    read_finish(r, choice);
    read_usage(r, clp_jval_get(choice, "usage"));
}

static void read_answer(chat_reader *r, clp_jval root)
{
    clp_jval choices = clp_jval_get(root, "choices");
    read_usage(r, clp_jval_get(root, "usage"));
    if (clp_jval_count(choices) > 0 || r->told) {
        start(r, root);
    }
    CLP_JVAL_EACH (choice, choices) {
        /* a request for several answers is never converted, only passed on */
        if (!r->blocks || clp_jval_count_or(clp_jval_get(choice, "index"), 0) == 0) {
            read_choice(r, choice);
        }
        if (r->ended) {
            return;
        }
    }
}

static int is_error(clp_jval root)
{
    return clp_problems_told(root) && (!clp_jval_is_array(clp_jval_get(root, "choices")) ||
                                       !clp_jval_nil(clp_jval_get(root, "error")));
}

static void on_event(void *ctx, clp_jval root)
{
    chat_reader *r = ctx;
    if (is_error(root)) {
        end_with(r, clp_chat_read_problem(200, root.doc->text, r->pool));
        return;
    }
    read_answer(r, root);
}

static void on_done(void *ctx)
{
    finish(ctx);
}

static void on_document(void *ctx, clp_jval root)
{
    chat_reader *r = ctx;
    if (is_error(root)) {
        end_with(r, clp_chat_read_problem(200, root.doc->text, r->pool));
        return;
    }
    r->whole = 1;
    read_answer(r, root);
    if (clp_jval_count(clp_jval_get(root, "choices")) == 0) {
        end_with(r, clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                     "The upstream sent a document that is no answer."));
    }
    else if (!r->ended) {
        finish(r);
    }
}

static void on_broken(void *ctx, clp_problem *p)
{
    end_with(ctx, p);
}

static void on_ended(void *ctx, clp_ending how)
{
    chat_reader *r = ctx;
    if (r->stopped) {
        finish(r);
        return;
    }
    end_with(
        r, clp_problem_because(clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                                "The upstream's answer broke off before its end."),
                               r->pool, "%s",
                               how == CLP_ENDED_CUT ? "cut" : "no finish_reason and no [DONE]"));
}

static void reader_feed(clp_reader *reader, const char *p, apr_size_t n)
{
    chat_reader *r = (chat_reader *)reader;
    clp_answer_input_feed(r->input, p, n);
}

static void reader_finish(clp_reader *reader, clp_ending how)
{
    chat_reader *r = (chat_reader *)reader;
    clp_answer_input_finish(r->input, how);
}

clp_reader *clp_chat_open_reader(const clp_reader_options *options, clp_sink sink, apr_pool_t *pool)
{
    static const clp_answer_handler handler = {on_event, on_done, on_document, on_broken, on_ended};
    chat_reader *r = apr_pcalloc(pool, sizeof(*r));
    r->reader.feed = reader_feed;
    r->reader.finish = reader_finish;
    r->pool = pool;
    r->sink = sink;
    r->usage = CLP_USAGE_NONE;
    r->stop = CLP_STOP_END;
    r->input = clp_answer_input_make(
        pool, options, options->passive ? RECORD_DEPTH_PASSIVE : RECORD_DEPTH, &handler, r);
    if (!options->passive) {
        r->blocks = clp_chat_blocks_make(sink, options->names, options->max_event, pool);
        if (options->traits && options->traits->think_tags == 1) {
            r->tags = apr_palloc(pool, sizeof(*r->tags));
            clp_think_tags_init(r->tags, pool);
        }
    }
    return &r->reader;
}

clp_reader *clp_chat_legacy_open_reader(const clp_reader_options *options, clp_sink sink,
                                        apr_pool_t *pool)
{
    return clp_chat_open_reader(options, sink, pool);
}
