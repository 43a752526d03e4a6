/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/guard.h"

#include "wire/buffer.h"
#include "wire/text.h"

struct clp_guard {
    apr_pool_t *pool;
    clp_sink to;
    clp_usage usage;
    clp_stop stop;
    clp_problem *problem;
    clp_part_kind part;        /* of the open block */
    clp_provider provider;     /* likewise */
    clp_state_kind state_kind; /* likewise */
    int index;                 /* of the open block, or of the last one; -1 before the first */
    unsigned started : 1;
    unsigned open : 1;
    unsigned called : 1; /* a client tool was called */
    unsigned filled : 1; /* something came that is worth an answer */
    unsigned ended : 1;
    clp_surrogate_hold hold;
    clp_buffer signature; /* of the open block */
    clp_buffer escaped;   /* a plain text, spelled as the inside of a JSON string */
    clp_buffer joined;    /* a delta with the half before it */
};

static int is_call(clp_part_kind part)
{
    return part == CLP_PART_TOOL_CALL || part == CLP_PART_CUSTOM_CALL;
}

static void start(clp_guard *g, const clp_event *event)
{
    clp_event e = event ? *event : clp_event_of(CLP_EVENT_START);
    clp_usage_merge(&g->usage, &e.usage);
    e.usage = g->usage;
    g->started = 1;
    clp_sink_put(&g->to, &e);
}

static void put_delta(clp_guard *g, clp_delta_kind kind, clp_span escaped)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);
    e.part = g->part;
    e.provider = g->provider;
    e.state_kind = g->state_kind;
    e.index = g->index;
    e.delta = kind;
    e.text = clp_text_escaped(escaped);
    clp_sink_put(&g->to, &e);
}

static void close_block(clp_guard *g)
{
    if (!g->open) {
        return;
    }
    clp_span rest = clp_surrogate_end(&g->hold);
    if (rest.n) {
        put_delta(g, CLP_DELTA_TEXT, rest);
    }
    if (g->signature.n) {
        put_delta(g, CLP_DELTA_SIGNATURE, clp_buffer_all(&g->signature));
        clp_buffer_clear(&g->signature);
    }
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_CLOSE);
    e.part = g->part;
    e.provider = g->provider;
    e.state_kind = g->state_kind;
    e.index = g->index;
    g->open = 0;
    clp_sink_put(&g->to, &e);
}

static void open_block(clp_guard *g, const clp_event *event)
{
    close_block(g);
    clp_event e = *event;
    e.index = ++g->index;
    g->part = e.part;
    g->provider = e.provider;
    g->state_kind = e.state_kind;
    g->open = 1;
    if (is_call(e.part)) {
        g->called = 1;
    }
    if (is_call(e.part) || e.part == CLP_PART_REDACTED || e.part == CLP_PART_SERVER_TOOL) {
        g->filled = 1;
    }
    clp_sink_put(&g->to, &e);
}

static void end_with(clp_guard *g, const clp_problem *problem)
{
    clp_event e = clp_event_of(CLP_EVENT_PROBLEM);
    g->problem = clp_problem_copy(problem, g->pool);
    g->ended = 1;
    e.problem = g->problem;
    clp_sink_put(&g->to, &e);
}

static void delta(clp_guard *g, const clp_event *event)
{
    if (event->text.s.n == 0) {
        return;
    }
    if (!g->open || g->part != event->part) {
        if (is_call(event->part)) {
            end_with(g, clp_problem_make(g->pool, CLP_BAD_GATEWAY,
                                         "The upstream sent input for a tool call that is not "
                                         "open."));
            return;
        }
        clp_event e = clp_event_of(CLP_EVENT_BLOCK_OPEN);
        e.part = event->part;
        open_block(g, &e);
    }
    if (event->provider != CLP_PROVIDER_NONE) {
        g->provider = event->provider;
        g->state_kind = event->state_kind;
    }
    clp_span text = event->text.s;
    if (!event->text.escaped) {
        clp_buffer_clear(&g->escaped);
        clp_text_escape(&g->escaped, text, 0);
        text = clp_buffer_all(&g->escaped);
    }
    g->filled = 1;
    if (event->delta == CLP_DELTA_SIGNATURE) {
        clp_buffer_clear(&g->signature);
        clp_buffer_span(&g->signature, text);
        return;
    }
    text = clp_surrogate_pass(&g->hold, text, &g->joined);
    if (text.n) {
        put_delta(g, CLP_DELTA_TEXT, text);
    }
}

static void usage(clp_guard *g, const clp_usage *told)
{
    clp_event e = clp_event_of(CLP_EVENT_USAGE);
    clp_usage_merge(&g->usage, told);
    e.usage = g->usage;
    clp_sink_put(&g->to, &e);
}

static void finish(clp_guard *g, const clp_event *event)
{
    clp_event e = *event;
    close_block(g);
    if (e.stop == CLP_STOP_END && g->called) {
        e.stop = CLP_STOP_TOOL;
    }
    else if (e.stop == CLP_STOP_TOOL && !g->called) {
        e.stop = CLP_STOP_END;
    }
    g->stop = e.stop;
    g->ended = 1;
    e.usage = g->usage;
    clp_sink_put(&g->to, &e);
}

static void guard_put(void *ctx, const clp_event *event)
{
    clp_guard *g = ctx;
    if (g->ended) {
        return;
    }
    if (!g->started && event->kind != CLP_EVENT_START && event->kind != CLP_EVENT_PROBLEM &&
        event->kind != CLP_EVENT_PING) {
        start(g, NULL);
    }
    switch (event->kind) {
    case CLP_EVENT_START:
        if (!g->started) {
            start(g, event);
        }
        else {
            usage(g, &event->usage);
        }
        break;
    case CLP_EVENT_BLOCK_OPEN: open_block(g, event); break;
    case CLP_EVENT_BLOCK_DELTA: delta(g, event); break;
    case CLP_EVENT_BLOCK_CLOSE: close_block(g); break;
    case CLP_EVENT_USAGE: usage(g, &event->usage); break;
    case CLP_EVENT_LOGPROBS: clp_sink_put(&g->to, event); break;
    case CLP_EVENT_FINISH: finish(g, event); break;
    case CLP_EVENT_PROBLEM: end_with(g, event->problem); break;
    case CLP_EVENT_PING: clp_sink_put(&g->to, event); break;
    }
}

clp_guard *clp_guard_make(clp_sink to, apr_pool_t *pool)
{
    clp_guard *g = apr_pcalloc(pool, sizeof(*g));
    g->pool = pool;
    g->to = to;
    g->usage = CLP_USAGE_NONE;
    g->index = -1;
    clp_buffer_init(&g->signature, pool, 0);
    clp_buffer_init(&g->escaped, pool, 0);
    clp_buffer_init(&g->joined, pool, 0);
    return g;
}

clp_sink clp_guard_sink(clp_guard *g)
{
    clp_sink s = {guard_put, g};
    return s;
}

int clp_guard_meaningful(const clp_guard *g)
{
    return g->filled || (g->ended && !g->problem);
}

int clp_guard_empty(const clp_guard *g)
{
    return g->ended && !g->problem && !g->filled && g->stop == CLP_STOP_END && g->usage.output <= 0;
}

int clp_guard_ended(const clp_guard *g)
{
    return g->ended;
}

const clp_problem *clp_guard_problem(const clp_guard *g)
{
    return g->problem;
}

clp_usage clp_guard_usage(const clp_guard *g)
{
    return g->usage;
}

clp_stop clp_guard_stop(const clp_guard *g)
{
    return g->stop;
}
