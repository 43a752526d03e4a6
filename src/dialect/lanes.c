/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "lanes.h"

#include "call_text.h"

struct clp_lanes {
    apr_pool_t *pool;
    clp_sink to;
    apr_size_t cap;
    apr_size_t waiting; /* bytes */
    int overflow;
    clp_lane *first; /* open ones */
    clp_lane *last;
    clp_lane *live;
    clp_lane *spare;
    clp_call_text *whole;
};

static int is_call(const clp_lane *lane)
{
    return lane->part == CLP_PART_TOOL_CALL || lane->part == CLP_PART_CUSTOM_CALL;
}

static clp_event event_of(clp_event_kind kind, const clp_lane *lane)
{
    clp_event e = clp_event_of(kind);
    e.part = lane->part;
    e.provider = lane->provider;
    e.state_kind = lane->state_kind;
    return e;
}

static void put_delta(clp_lanes *l, const clp_lane *lane, clp_delta_kind kind, clp_span escaped)
{
    if (escaped.n) {
        clp_event e = event_of(CLP_EVENT_BLOCK_DELTA, lane);
        e.delta = kind;
        e.text = clp_text_escaped(escaped);
        clp_sink_put(&l->to, &e);
    }
}

static void put_waiting(clp_lanes *l, clp_lane *lane)
{
    put_delta(l, lane, CLP_DELTA_TEXT, clp_buffer_all(&lane->text));
    l->waiting -= lane->text.n;
    clp_buffer_clear(&lane->text);
    put_delta(l, lane, CLP_DELTA_SIGNATURE, clp_buffer_all(&lane->signature));
    l->waiting -= lane->signature.n;
    clp_buffer_clear(&lane->signature);
}

/* The state that stands on a call is a block in front of it. */
static void put_call_state(clp_lanes *l, clp_lane *lane)
{
    static const clp_event_kind kinds[] = {CLP_EVENT_BLOCK_OPEN, CLP_EVENT_BLOCK_DELTA,
                                           CLP_EVENT_BLOCK_CLOSE};

    for (int i = 0; lane->signature.n && i < 3; i++) {
        clp_event e = event_of(kinds[i], lane);
        e.part = CLP_PART_REASONING;
        if (e.kind == CLP_EVENT_BLOCK_DELTA) {
            e.delta = CLP_DELTA_SIGNATURE;
            e.text = clp_text_escaped(clp_buffer_all(&lane->signature));
        }
        clp_sink_put(&l->to, &e);
    }
    l->waiting -= lane->signature.n;
    clp_buffer_clear(&lane->signature);
    lane->provider = CLP_PROVIDER_NONE;
}

static void begin(clp_lanes *l, clp_lane *lane)
{
    clp_event e;

    if (is_call(lane)) {
        put_call_state(l, lane);
    }
    e = event_of(CLP_EVENT_BLOCK_OPEN, lane);
    e.id = lane->id.n ? clp_text_escaped(clp_buffer_all(&lane->id)) : clp_text_str(NULL);
    e.name = lane->name.n ? clp_text_plain(clp_buffer_all(&lane->name)) : clp_text_str(NULL);
    lane->live = 1;
    l->live = lane;
    clp_sink_put(&l->to, &e);
    if (!lane->whole) {
        put_waiting(l, lane);
    }
}

static void put_whole(clp_lanes *l, clp_lane *lane)
{
    clp_span text = clp_buffer_all(&lane->text);
    text = lane->part == CLP_PART_CUSTOM_CALL ? clp_call_text_custom(l->whole, text)
                                              : clp_call_text_object(l->whole, text);
    put_delta(l, lane, CLP_DELTA_TEXT, text);
    l->waiting -= lane->text.n;
    clp_buffer_clear(&lane->text);
}

static void drop(clp_lanes *l, clp_lane *lane)
{
    clp_lane *before = NULL;
    for (clp_lane *at = l->first; at && at != lane; at = at->next) {
        before = at;
    }
    if (before) {
        before->next = lane->next;
    }
    else {
        l->first = lane->next;
    }
    if (l->last == lane) {
        l->last = before;
    }
    l->waiting -= lane->text.n + lane->signature.n;
    lane->next = l->spare;
    l->spare = lane;
}

static void end(clp_lanes *l, clp_lane *lane)
{
    if (!lane->texted) {
        clp_lanes_text(l, lane, clp_buffer_all(&lane->fallback));
    }
    if (lane->whole) {
        put_whole(l, lane);
    }
    clp_event e = event_of(CLP_EVENT_BLOCK_CLOSE, lane);
    l->live = NULL;
    clp_sink_put(&l->to, &e);
    drop(l, lane);
}

static clp_lane *next_waiting(const clp_lanes *l)
{
    clp_lane *text = NULL;
    for (clp_lane *lane = l->first; lane; lane = lane->next) {
        if (lane->ready && !lane->live) {
            if (is_call(lane)) {
                return lane;
            }
            if (!text) {
                text = lane;
            }
        }
    }
    return text;
}

/* Open what waits, until one is live for which more may come. */
static void advance(clp_lanes *l)
{
    clp_lane *lane;
    while (!l->live && (lane = next_waiting(l)) != NULL) {
        begin(l, lane);
        if (lane->closed) {
            end(l, lane);
        }
    }
}

clp_lanes *clp_lanes_make(clp_sink to, apr_size_t cap, apr_pool_t *pool)
{
    clp_lanes *l = apr_pcalloc(pool, sizeof(*l));
    l->pool = pool;
    l->to = to;
    l->cap = cap;
    l->whole = clp_call_text_make(pool);
    return l;
}

clp_lane *clp_lanes_add(clp_lanes *l, clp_part_kind part)
{
    clp_lane *lane = l->spare;
    if (lane) {
        l->spare = lane->next;
        clp_buffer_clear(&lane->id);
        clp_buffer_clear(&lane->name);
        clp_buffer_clear(&lane->text);
        clp_buffer_clear(&lane->fallback);
        clp_buffer_clear(&lane->signature);
    }
    else {
        lane = apr_pcalloc(l->pool, sizeof(*lane));
        clp_buffer_init(&lane->id, l->pool, 0);
        clp_buffer_init(&lane->name, l->pool, 0);
        clp_buffer_init(&lane->text, l->pool, 0);
        clp_buffer_init(&lane->fallback, l->pool, 0);
        clp_buffer_init(&lane->signature, l->pool, 0);
    }
    lane->next = NULL;
    lane->part = part;
    lane->key = 0;
    lane->provider = CLP_PROVIDER_NONE;
    lane->state_kind = CLP_STATE_BLOCK;
    lane->ready = lane->live = lane->closed = lane->whole = lane->texted = 0;
    if (l->last) {
        l->last->next = lane;
    }
    else {
        l->first = lane;
    }
    l->last = lane;
    return lane;
}

void clp_lanes_ready(clp_lanes *l, clp_lane *lane)
{
    lane->ready = 1;
    advance(l);
}

static void hold(clp_lanes *l, clp_buffer *b, clp_span escaped)
{
    if (l->cap && escaped.n > l->cap - l->waiting) {
        l->overflow = 1;
        return;
    }
    l->waiting += escaped.n;
    clp_buffer_span(b, escaped);
}

void clp_lanes_text(clp_lanes *l, clp_lane *lane, clp_span escaped)
{
    if (escaped.n == 0) {
        return;
    }
    lane->texted = 1;
    if (lane->live && !lane->whole) {
        put_delta(l, lane, CLP_DELTA_TEXT, escaped);
    }
    else {
        hold(l, &lane->text, escaped);
    }
}

void clp_lanes_signature(clp_lanes *l, clp_lane *lane, clp_span escaped)
{
    if (lane->live) {
        if (!is_call(lane)) {
            put_delta(l, lane, CLP_DELTA_SIGNATURE, escaped);
        }
        return;
    }
    l->waiting -= lane->signature.n;
    clp_buffer_clear(&lane->signature);
    hold(l, &lane->signature, escaped);
}

void clp_lanes_close(clp_lanes *l, clp_lane *lane)
{
    lane->closed = 1;
    if (lane->live) {
        end(l, lane);
        advance(l);
    }
}

void clp_lanes_close_all(clp_lanes *l)
{
    for (clp_lane *lane = l->first; lane; lane = lane->next) {
        lane->closed = 1;
    }
    if (l->live) {
        end(l, l->live);
    }
    advance(l);
    while (l->first) {
        drop(l, l->first);
    }
}

clp_lane *clp_lanes_live(const clp_lanes *l)
{
    return l->live;
}

clp_lane *clp_lanes_first(const clp_lanes *l)
{
    return l->first;
}

int clp_lanes_waiting(const clp_lanes *l)
{
    return next_waiting(l) != NULL;
}

int clp_lanes_overflow(const clp_lanes *l)
{
    return l->overflow;
}
