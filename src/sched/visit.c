/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "visit.h"

#include <string.h>

/* When to ask again for what somebody else is probing. */
#define PROBED_FOR apr_time_from_sec(2)

static int keys_of(const clp_channel *c)
{
    return c->auth != CLP_AUTH_NONE ? c->keys->nelts : 0;
}

static const clp_key *key_at(const clp_channel *c, int i)
{
    return &APR_ARRAY_IDX(c->keys, i, clp_key);
}

void clp_visit_init(clp_visit *v, const clp_selection *s, apr_pool_t *pool)
{
    int keys = 1;
    int urls = 1;
    for (int i = 0; i < s->n; i++) {
        const clp_channel *c = s->options[i].channel;
        keys = keys_of(c) > keys ? keys_of(c) : keys;
        urls = c->urls->nelts > urls ? c->urls->nelts : urls;
    }
    memset(v, 0, sizeof(*v));
    v->keys = apr_palloc(pool, (apr_size_t)keys);
    v->urls = apr_palloc(pool, (apr_size_t)urls);
}

/* --- the order of keys --------------------------------------------------------------------- */

static int first_key(const clp_visitor *by, const clp_option *o)
{
    const clp_channel *c = o->channel;
    int n = keys_of(c);
    apr_uint64_t turn = by->random;
    if (n < 2 || c->key_order == CLP_KEYS_ORDERED) {
        return 0;
    }
    if (c->key_order == CLP_KEYS_ROTATE && o->row != CLP_NO_ROW) {
        apr_uint64_t *cursor = &by->query->tables->channels[o->row].cursor;
        turn = by->peek ? clp_word_get(cursor) : clp_word_add(cursor, 1) - 1;
    }
    return (int)(turn % (apr_uint64_t)n);
}

/* The i-th key of the visit's order, from -1 on; -1 = none in this place. */
static int key_in_order(const clp_visit *v, int i)
{
    int n = keys_of(v->option->channel);
    int key;
    if (i < 0 || n == 0) {
        return v->bound;
    }
    key = (v->first + i) % n;
    return key == v->bound ? -1 : key;
}

void clp_visit_begin(clp_visit *v, clp_option *option, clp_visit_mode mode)
{
    v->option = option;
    v->mode = mode;
    v->ready = 0;
}

void clp_visit_begin_ranked(clp_visit *v, clp_option *option)
{
    clp_visit_begin(v, option,
                    option->rank == CLP_RANK_PROMOTED ? CLP_VISIT_PROMOTED : CLP_VISIT_PLAIN);
}

/* What need not be known of a channel that is skipped. */
static void prepare(clp_visit *v, const clp_visitor *by)
{
    const clp_channel *c = v->option->channel;
    v->ready = 1;
    memset(v->keys, 0, (apr_size_t)keys_of(c));
    memset(v->urls, 0, (apr_size_t)c->urls->nelts);
    v->first = first_key(by, v->option);
    v->bound = -1;
    if (by->selection->is_bound && clp_affinity_is_channel(&by->selection->bound, c) &&
        keys_of(c)) {
        v->bound = clp_affinity_key(&by->selection->bound, c);
    }
    memset(&v->candidate, 0, sizeof(v->candidate));
    v->candidate.channel = c;
    if (by->query->model) {
        v->candidate.model = clp_channel_model(c, by->query->model, by->pool);
        v->candidate.model_id = clp_row_id(clp_span_str(v->candidate.model));
    }
}

/* --- what stands in the way ----------------------------------------------------------------- */

static void note_tripped(clp_visit *v, const clp_circuit *c)
{
    clp_option *o = v->option;
    if (!o->tripped || clp_word_get(&c->open_until) < clp_word_get(&o->tripped->open_until)) {
        o->tripped = c;
    }
}

static void note_assumed(clp_visit *v, int key, apr_time_t until)
{
    clp_option *o = v->option;
    if (!o->assumed_end || until < o->assumed_end) {
        o->assumed_end = until;
        o->assumed_key = key;
    }
}

static clp_circuit *channel_circuit(const clp_visit *v, const clp_visitor *by)
{
    return v->option->row == CLP_NO_ROW ? NULL
                                        : &by->query->tables->channels[v->option->row].circuit;
}

static clp_row_ref pair_ref(const clp_channel *c, int key, int url)
{
    static const clp_row_ref none = {CLP_NO_ROW, 0};
    int n = keys_of(c) ? keys_of(c) : 1;
    return c->circuits ? c->circuits[url * n + (key < 0 ? 0 : key)] : none;
}

static clp_circuit *pair_circuit(const clp_visit *v, const clp_visitor *by, int key, int url)
{
    clp_row_ref ref = pair_ref(v->option->channel, key, url);
    unsigned row =
        by->query->tables ? clp_tables_row(by->query->tables, CLP_TABLE_CIRCUITS, ref) : CLP_NO_ROW;
    return row == CLP_NO_ROW ? NULL : &by->query->tables->circuits[row].circuit;
}

static unsigned key_row(const clp_visit *v, const clp_visitor *by, int key)
{
    return by->query->tables && key >= 0 ? clp_tables_row(by->query->tables, CLP_TABLE_KEYS,
                                                          key_at(v->option->channel, key)->row)
                                         : CLP_NO_ROW;
}

static clp_breaker_state state_of(const clp_visit *v, const clp_circuit *c, apr_time_t now)
{
    return c ? clp_breaker_look(c, &v->option->channel->breaker, now) : CLP_BREAKER_CLOSED;
}

/* May the channel as a whole be asked? */
static int channel_lets(clp_visit *v, clp_visitor *by, apr_time_t now)
{
    const clp_circuit *c = channel_circuit(v, by);
    apr_time_t until;
    if (!c) {
        return 1;
    }
    if (clp_cooling_look(&by->query->tables->channels[v->option->row].cooling, now, &until)) {
        clp_visitor_note(by, CLP_OBSTACLE_BUSY, until);
        return 0;
    }
    if ((v->mode == CLP_VISIT_PLAIN || v->mode == CLP_VISIT_ASSUMED) &&
        state_of(v, c, now) == CLP_BREAKER_OPEN) {
        note_tripped(v, c);
        return 0;
    }
    return 1;
}

static int key_lets(clp_visit *v, clp_visitor *by, int key, apr_time_t now)
{
    const clp_channel *c = v->option->channel;
    unsigned row = key_row(v, by, key);
    apr_time_t until = 0;
    if (key < 0) {
        return 1;
    }
    if (v->keys[key] ||
        (by->query->pin_key && strcmp(key_at(c, key)->id, by->query->pin_key) != 0) ||
        (v->mode == CLP_VISIT_ASSUMED && key != v->option->assumed_key)) {
        return 0;
    }
    if (row == CLP_NO_ROW) {
        return 1;
    }
    switch (
        clp_cooling_look_key(&by->query->tables->keys[row], v->candidate.model_id, now, &until)) {
    case CLP_COOLING_NOT: return 1;
    case CLP_COOLING_TOLD: clp_visitor_note(by, CLP_OBSTACLE_KEYS, until); return 0;
    case CLP_COOLING_ASSUMED: break;
    }
    if (v->mode == CLP_VISIT_ASSUMED || v->mode == CLP_VISIT_FORCED) {
        return 1;
    }
    note_assumed(v, key, until);
    return 0;
}

/* --- taking ---------------------------------------------------------------------------------- */

static void fill(clp_visit *v, int key, int url)
{
    const clp_channel *c = v->option->channel;
    v->candidate.key_index = key;
    v->candidate.key = key >= 0 ? key_at(c, key) : NULL;
    v->candidate.url_index = url;
    v->candidate.url = APR_ARRAY_IDX(c->urls, url, const char *);
    v->candidate.circuit = pair_ref(c, key, url);
    v->candidate.probe = v->lease.probe;
}

static clp_lease_answer lease(clp_visit *v, clp_visitor *by, int key, int url, apr_time_t now)
{
    clp_circuit *circuits[] = {channel_circuit(v, by), pair_circuit(v, by, key, url)};
    clp_lease_request want = {.channel = v->option->channel,
                              .channel_row = v->option->row,
                              .key_row = key_row(v, by, key),
                              .peek = by->peek};
    apr_time_t until = 0;
    clp_lease_answer answer;
    for (int i = 0; i < 2 && v->mode != CLP_VISIT_PROMOTED; i++) {
        if (state_of(v, circuits[i], now) != CLP_BREAKER_CLOSED) {
            want.circuits[i] = circuits[i];
        }
    }
    answer = clp_lease_take(&v->lease, by->query->tables, &want, now, &until);
    if (answer == CLP_LEASE_PROBED) {
        clp_visitor_note(by, CLP_OBSTACLE_PROBED, now + PROBED_FOR);
    }
    else if (answer != CLP_LEASE_OK) {
        clp_visitor_note(by, CLP_OBSTACLE_FULL, until);
    }
    return answer;
}

/* A pair by its number in the order of visit: keys first, for prompts are cached by account. */
typedef struct pair {
    int key;
    int url;
} pair;

/* A forced visit goes to one pair only: the first of the least failures. */
static int least_bad(clp_visit *v, clp_visitor *by, apr_time_t now, pair *best)
{
    const clp_channel *c = v->option->channel;
    int least = 101;
    for (int i = -1; i < keys_of(c); i++) {
        int key = key_in_order(v, i);
        if ((keys_of(c) && key < 0) || !key_lets(v, by, key, now)) {
            continue;
        }
        for (int url = 0; url < c->urls->nelts; url++) {
            const clp_circuit *circuit = pair_circuit(v, by, key, url);
            int percent = circuit ? clp_breaker_percent(circuit, &c->breaker) : 0;
            if (!v->urls[url] && percent < least) {
                least = percent;
                best->key = key;
                best->url = url;
            }
        }
    }
    return least <= 100;
}

/* The key's first URL that lets the request through: 1; -1 = the channel lets none through. */
static int try_key(clp_visit *v, clp_visitor *by, int key, apr_time_t now)
{
    const clp_channel *c = v->option->channel;
    if (!key_lets(v, by, key, now)) {
        return 0;
    }
    for (int url = 0; url < c->urls->nelts; url++) {
        const clp_circuit *circuit = pair_circuit(v, by, key, url);
        if (v->urls[url]) {
            continue;
        }
        if (v->mode != CLP_VISIT_PROMOTED && state_of(v, circuit, now) == CLP_BREAKER_OPEN) {
            note_tripped(v, circuit);
            continue;
        }
        switch (lease(v, by, key, url, now)) {
        case CLP_LEASE_OK: fill(v, key, url); return 1;
        case CLP_LEASE_CHANNEL_FULL: return -1;
        case CLP_LEASE_KEY_FULL: return 0;
        case CLP_LEASE_PROBED: break;
        }
    }
    return 0;
}

static int force(clp_visit *v, clp_visitor *by, apr_time_t now)
{
    pair p;
    if (!least_bad(v, by, now, &p) || lease(v, by, p.key, p.url, now) != CLP_LEASE_OK) {
        return 0;
    }
    fill(v, p.key, p.url);
    return 1;
}

int clp_visit_next(clp_visit *v, clp_visitor *by, apr_time_t now)
{
    int n = keys_of(v->option->channel);
    if (!channel_lets(v, by, now)) {
        return 0;
    }
    if (!v->ready) {
        prepare(v, by);
    }
    if (v->mode == CLP_VISIT_FORCED) {
        return force(v, by, now);
    }
    if (!n) {
        return try_key(v, by, -1, now) > 0;
    }
    for (int i = -1; i < n; i++) {
        int key = key_in_order(v, i);
        int found = key >= 0 ? try_key(v, by, key, now) : 0;
        if (found) {
            return found > 0;
        }
    }
    return 0;
}

void clp_visit_failed(clp_visit *v, clp_visitor *by, clp_verdict verdict)
{
    clp_lease_end(&v->lease, by->query->tables);
    if (verdict == CLP_VERDICT_NEXT_KEY && v->candidate.key_index >= 0) {
        v->keys[v->candidate.key_index] = 1;
    }
    else if (verdict == CLP_VERDICT_NEXT_URL) {
        v->urls[v->candidate.url_index] = 1;
    }
    else {
        memset(v->urls, 1, (apr_size_t)v->candidate.channel->urls->nelts);
    }
}

void clp_visit_again(clp_visit *v, clp_visitor *by, const clp_candidate *candidate, apr_time_t now)
{
    const clp_plan_query *q = by->query;
    const clp_channel *c = candidate->channel;
    clp_lease_request want = {.channel = c, .unlimited = 1};
    apr_time_t until;
    if (q->tables) {
        want.channel_row = clp_tables_row(q->tables, CLP_TABLE_CHANNELS, c->row);
        want.key_row = candidate->key
                           ? clp_tables_row(q->tables, CLP_TABLE_KEYS, candidate->key->row)
                           : CLP_NO_ROW;
    }
    clp_lease_take(&v->lease, q->tables, &want, now, &until);
    v->candidate = *candidate;
    v->candidate.pick = CLP_PICK_AGAIN;
    v->candidate.probe = 0;
}
