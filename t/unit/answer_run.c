/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "answer_run.h"

#include "dialect/chat.h"
#include "dialect/chat_legacy.h"
#include "dialect/gemini.h"
#include "dialect/guard.h"
#include "dialect/messages.h"
#include "dialect/responses.h"
#include "dialect/tools.h"
#include "wire/text.h"

static const answer_dialect dialects[] = {
    {"messages", clp_messages_open_reader, clp_messages_open_writer},
    {"chat", clp_chat_open_reader, clp_chat_open_writer},
    {"chat_legacy", clp_chat_legacy_open_reader, clp_chat_legacy_open_writer},
    {"responses", clp_responses_open_reader, clp_responses_open_writer},
    {"gemini", clp_gemini_open_reader, clp_gemini_open_writer},
};

const answer_dialect *answer_dialect_by_name(clp_span name)
{
    for (apr_size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
        if (clp_span_is(name, dialects[i].name)) {
            return &dialects[i];
        }
    }
    return NULL;
}

static void put_word(clp_buffer *out, const char *name, clp_text t)
{
    if (t.s.p) {
        clp_buffer_printf(out, " %s=", name);
        clp_text_append_escaped(out, t);
    }
}

static void put_usage(clp_buffer *out, const clp_usage *u)
{
    const apr_int64_t figures[] = {u->input, u->cache_read, u->cache_write, u->output,
                                   u->reasoning};
    clp_buffer_lit(out, " usage=");
    for (int i = 0; i < 5; i++) {
        if (figures[i] < 0) {
            clp_buffer_puts(out, i ? "/-" : "-");
        }
        else {
            clp_buffer_printf(out, i ? "/%" APR_INT64_T_FMT : "%" APR_INT64_T_FMT, figures[i]);
        }
    }
}

void answer_event_line(clp_buffer *out, const clp_event *event)
{
    static const char *const parts[] = {"text",   "reasoning", "redacted", "call",
                                        "custom", "server",    "refusal",  "opaque"};
    static const char *const stops[] = {"end",  "sequence", "length", "window",
                                        "tool", "filter",   "pause"};
    switch (event->kind) {
    case CLP_EVENT_START:
        clp_buffer_lit(out, "START");
        put_word(out, "id", event->id);
        put_word(out, "model", event->model);
        put_usage(out, &event->usage);
        break;
    case CLP_EVENT_BLOCK_OPEN:
        clp_buffer_printf(out, "OPEN %d %s", event->index, parts[event->part]);
        put_word(out, "id", event->id);
        put_word(out, "name", event->name);
        break;
    case CLP_EVENT_BLOCK_DELTA:
        clp_buffer_printf(out, "%s %d %s", event->delta == CLP_DELTA_SIGNATURE ? "SIGN" : "DELTA",
                          event->index, parts[event->part]);
        if (event->delta == CLP_DELTA_SIGNATURE && event->provider != CLP_PROVIDER_NONE) {
            clp_buffer_printf(out, " %c%c", (char)event->provider, (char)event->state_kind);
        }
        clp_buffer_putc(out, '|');
        clp_text_append_escaped(out, event->text);
        clp_buffer_putc(out, '|');
        break;
    case CLP_EVENT_BLOCK_CLOSE: clp_buffer_printf(out, "CLOSE %d", event->index); break;
    case CLP_EVENT_USAGE:
        clp_buffer_lit(out, "USAGE");
        put_usage(out, &event->usage);
        break;
    case CLP_EVENT_FINISH:
        clp_buffer_printf(out, "FINISH %s", stops[event->stop]);
        put_word(out, "string", event->stop_string);
        if (event->stop_details.p) {
            clp_buffer_lit(out, " details=");
            clp_buffer_span(out, event->stop_details);
        }
        put_usage(out, &event->usage);
        break;
    case CLP_EVENT_PROBLEM:
        clp_buffer_printf(out, "PROBLEM %s: %s", clp_problem_class_name(event->problem->cls),
                          event->problem->message);
        break;
    case CLP_EVENT_PING: clp_buffer_lit(out, "PING"); break;
    case CLP_EVENT_LOGPROBS:
        clp_buffer_lit(out, "LOGPROBS ");
        clp_buffer_span(out, event->text.s);
        break;
    }
    clp_buffer_putc(out, '\n');
}

answer_run *answer_run_make(apr_pool_t *pool)
{
    answer_run *run = apr_pcalloc(pool, sizeof(*run));
    run->pool = pool;
    clp_buffer_init(&run->events, pool, 0);
    clp_buffer_init(&run->client, pool, 0);
    return run;
}

typedef struct listener {
    clp_buffer *events;
    clp_fold *fold;
    clp_writer *writer;
} listener;

static void take_event(void *ctx, const clp_event *event)
{
    listener *l = ctx;
    answer_event_line(l->events, event);
    clp_fold_put(l->fold, event);
    if (l->writer) {
        l->writer->put(l->writer, event);
    }
}

/* Bytes of its own for each piece, so that the sanitizers see whoever reads past it. */
static void feed(clp_reader *reader, const char *p, apr_size_t n, apr_pool_t *pool)
{
    char *copy = apr_palloc(pool, n ? n : 1);
    memcpy(copy, p, n);
    reader->feed(reader, copy, n);
    memset(copy, '#', n);
}

void answer_run_go(answer_run *run, const answer_dialect *from, const clp_reader_options *reading,
                   const answer_dialect *to, const clp_writer_options *writing, clp_span input,
                   const apr_size_t *cuts, apr_size_t n_cuts, clp_ending how)
{
    apr_pool_t *pool;
    listener l;
    apr_size_t at = 0;
    if (run->scratch) {
        apr_pool_destroy(run->scratch);
    }
    apr_pool_create(&pool, run->pool);
    run->scratch = pool;
    run->fold = clp_fold_make(pool);
    clp_buffer_clear(&run->events);
    clp_buffer_clear(&run->client);
    l.events = &run->events;
    l.fold = run->fold;
    l.writer = to ? to->open_writer(writing, &run->client, pool) : NULL;
    clp_sink sink = {take_event, &l};
    clp_guard *guard = clp_guard_make(sink, pool);
    clp_reader *reader = from->open_reader(reading, clp_guard_sink(guard), pool);
    for (apr_size_t i = 0; i < n_cuts; i++) {
        feed(reader, input.p + at, cuts[i] - at, pool);
        at = cuts[i];
    }
    feed(reader, input.p + at, input.n - at, pool);
    reader->finish(reader, how);
    run->meaningful = clp_guard_meaningful(guard);
    run->empty = clp_guard_empty(guard);
    run->broken = clp_guard_problem(guard) != NULL;
}

/* One spelling for all that mean the same. */
static void put_text(clp_buffer *out, const clp_buffer *escaped, apr_pool_t *pool)
{
    clp_buffer *plain = clp_buffer_make(pool, 0);
    clp_text_unescape(plain, clp_buffer_all(escaped));
    clp_text_escape(out, clp_buffer_all(plain), 0);
}

static void put_name(clp_buffer *out, clp_text name, apr_pool_t *pool)
{
    clp_buffer *plain = clp_buffer_make(pool, 0);
    clp_text_append_plain(plain, name);
    clp_text_escape(out, clp_buffer_all(plain), 0);
}

/* Another provider's state travels in an envelope. */
static void put_state(clp_buffer *out, const clp_folded_block *b, apr_pool_t *pool)
{
    int foreign = b->provider == CLP_PROVIDER_OPENAI || b->provider == CLP_PROVIDER_GEMINI;
    if (foreign || clp_envelope_like(clp_text_escaped(clp_buffer_all(&b->signature)))) {
        clp_buffer_puts(out, b->signature.n ? "(state)" : "");
    }
    else {
        put_text(out, &b->signature, pool);
    }
}

static void put_blocks(const clp_fold *f, clp_buffer *out, apr_pool_t *pool)
{
    static const char *const words[] = {"text", "thinking", "redacted", "call",
                                        "call", NULL,       "text",     NULL};
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (words[b->part]) {
            clp_buffer_printf(out, "%s ", words[b->part]);
            put_name(out, b->name, pool);
            clp_buffer_putc(out, '|');
            if (b->part == CLP_PART_TOOL_CALL && !b->text.n) {
                clp_buffer_lit(out, "{}");
            }
            put_text(out, &b->text, pool);
            clp_buffer_putc(out, '|');
            put_state(out, b, pool);
            clp_buffer_putc(out, '\n');
        }
    }
}

static void put_joined(const clp_fold *f, clp_part_kind part, clp_buffer *out, apr_pool_t *pool)
{
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == part) {
            put_text(out, &b->text, pool);
        }
    }
    clp_buffer_putc(out, '\n');
}

static void put_calls(const clp_fold *f, clp_buffer *out, apr_pool_t *pool)
{
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == CLP_PART_TOOL_CALL || b->part == CLP_PART_CUSTOM_CALL) {
            clp_buffer_puts(out, b->part == CLP_PART_TOOL_CALL ? "call " : "custom ");
            put_name(out, b->name, pool);
            clp_buffer_putc(out, '|');
            if (b->part == CLP_PART_TOOL_CALL && !b->text.n) {
                clp_buffer_lit(out, "{}");
            }
            put_text(out, &b->text, pool);
            clp_buffer_putc(out, '\n');
        }
    }
}

/* Gemini's calls have objects, whatever was said. */
static void put_objects(const clp_fold *f, clp_buffer *out, apr_pool_t *pool)
{
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == CLP_PART_TOOL_CALL) {
            clp_tool_input input = {{NULL, 0}, clp_text_escaped(clp_buffer_all(&b->text))};
            apr_size_t begin;
            clp_jw w;
            clp_buffer_lit(out, "call ");
            put_name(out, b->name, pool);
            clp_buffer_putc(out, '|');
            begin = out->n;
            clp_jw_init(&w, out);
            clp_tool_input_object(&w, &input, pool);
            for (apr_size_t i = begin; i < out->n; i++) {
                /* it had to fit in a line */
                out->p[i] = (char)(out->p[i] == '\n' || out->p[i] == '\r' ? ' ' : out->p[i]);
            }
            while (out->p[out->n - 1] == ' ') {
                out->n--;
            }
            clp_buffer_putc(out, '\n');
        }
    }
}

static apr_int64_t or_zero(apr_int64_t n)
{
    return n > 0 ? n : 0;
}

/* Refusals are texts there, and what was written to a cache is input. */
static void summarize_gemini(const clp_fold *f, clp_buffer *out, apr_pool_t *pool)
{
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == CLP_PART_TEXT || b->part == CLP_PART_REFUSAL) {
            put_text(out, &b->text, pool);
        }
    }
    clp_buffer_putc(out, '\n');
    put_objects(f, out, pool);
    clp_buffer_printf(out, "%d %ld %ld %ld\n",
                      f->stop == CLP_STOP_LENGTH || f->stop == CLP_STOP_WINDOW,
                      (long)(or_zero(f->usage.input) + or_zero(f->usage.cache_write)),
                      (long)or_zero(f->usage.cache_read), (long)or_zero(f->usage.output));
}

void answer_summary(const answer_run *run, const char *kind, clp_buffer *out)
{
    const clp_fold *f = run->fold;
    int chat = strcmp(kind, "chat") == 0;
    clp_buffer_clear(out);
    if (run->broken) {
        clp_buffer_lit(out, "broken");
        return;
    }
    if (strcmp(kind, "gemini") == 0) {
        summarize_gemini(f, out, run->scratch);
        return;
    }
    if (chat) {
        put_joined(f, CLP_PART_TEXT, out, run->scratch);
        put_joined(f, CLP_PART_REASONING, out, run->scratch);
        put_joined(f, CLP_PART_REFUSAL, out, run->scratch);
        put_calls(f, out, run->scratch);
    }
    else {
        put_blocks(f, out, run->scratch);
    }
    clp_buffer_printf(out, "%d %d %ld %ld %ld %ld\n",
                      f->stop == CLP_STOP_LENGTH || f->stop == CLP_STOP_WINDOW,
                      chat && f->stop == CLP_STOP_FILTER, (long)or_zero(f->usage.input),
                      (long)or_zero(f->usage.cache_read), (long)or_zero(f->usage.cache_write),
                      (long)or_zero(f->usage.output));
}
