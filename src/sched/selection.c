/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "selection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "state/children.h"

/* Of so many requests by lowest latency one goes to any channel. */
#define EXPLORE_ONE_OF 20

/* The finishing function of SplitMix64: every bit of the result depends on every bit. */
apr_uint64_t clp_selection_mix(apr_uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* --- who takes part ----------------------------------------------------------------------- */

static int may_carry(const clp_channel *c, const clp_plan_query *q)
{
    if (q->counting && !c->dialect->read_count) {
        return 0;
    }
    if (q->other_dialects) {
        return c->dialect != q->client;
    }
    if (!q->own_dialect && !q->thread) {
        return 1;
    }
    return c->dialect == q->client && (!q->thread || c->traits.threads);
}

clp_obstacle clp_selection_excludes(const clp_channel *c, const clp_plan_query *q)
{
    if (c->status != CLP_CHANNEL_ACTIVE) {
        return CLP_OBSTACLE_STATUS;
    }
    if (!c->urls->nelts || (c->auth != CLP_AUTH_NONE && !c->keys->nelts)) {
        return CLP_OBSTACLE_EMPTY;
    }
    if (q->model && !clp_channel_serves(c, q->model)) {
        return CLP_OBSTACLE_MODEL;
    }
    if (!may_carry(c, q)) {
        return CLP_OBSTACLE_PROTOCOL;
    }
    return q->pin_channel && strcmp(c->name, q->pin_channel) != 0 ? CLP_OBSTACLE_PIN
                                                                  : CLP_OBSTACLE_NONE;
}

static void add_options(clp_selection *s, const clp_channel_set *set, const clp_plan_query *q)
{
    for (int i = 0; i < set->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(set->channels, i, const clp_channel *);
        clp_obstacle o = clp_selection_excludes(c, q);
        s->active += o != CLP_OBSTACLE_STATUS && o != CLP_OBSTACLE_EMPTY;
        s->serving += o == CLP_OBSTACLE_NONE || o == CLP_OBSTACLE_PROTOCOL || o == CLP_OBSTACLE_PIN;
        if (o == CLP_OBSTACLE_NONE) {
            clp_option *option = &s->options[s->n++];
            option->channel = c;
            option->row =
                q->tables ? clp_tables_row(q->tables, CLP_TABLE_CHANNELS, c->row) : CLP_NO_ROW;
            option->rank = CLP_RANK_OTHER;
            option->index = i;
        }
    }
}

/* --- who goes before all others ------------------------------------------------------------ */

static void find_promoted(clp_selection *s, const clp_plan_query *q, apr_time_t now)
{
    clp_protocol protocol = clp_protocol_of(q->client);
    for (int i = 0; i < s->n; i++) {
        if (clp_channel_promoted_for(s->options[i].channel, now) >> protocol & 1) {
            s->options[i].rank = CLP_RANK_PROMOTED;
            return;
        }
    }
}

static void find_bound(clp_selection *s, const clp_plan_query *q, apr_time_t now)
{
    if (!q->conversation || !q->affinity ||
        !clp_affinity_get(q->affinity, q->conversation, now, &s->bound)) {
        return;
    }
    for (int i = 0; i < s->n; i++) {
        clp_option *o = &s->options[i];
        if (clp_affinity_is_channel(&s->bound, o->channel)) {
            s->is_bound = 1;
            if (o->rank == CLP_RANK_OTHER) {
                o->rank = CLP_RANK_BOUND;
            }
        }
    }
}

/* --- the order ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const clp_option *x = a;
    const clp_option *y = b;
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    if (x->channel->priority != y->channel->priority) {
        return x->channel->priority < y->channel->priority ? -1 : 1;
    }
    if (x->turn != y->turn) {
        return x->turn < y->turn ? -1 : 1;
    }
    return x->index - y->index;
}

static void sort(clp_selection *s)
{
    qsort(s->options, (apr_size_t)s->n, sizeof(*s->options), compare);
}

/* --- whose turn it is among equals ---------------------------------------------------------- */

/* More than 0 and less than 1. */
static double fraction(apr_uint64_t random)
{
    return ((double)(random >> 11) + 0.5) / 9007199254740992.0;
}

/* The one with the smallest of these numbers is each of them with a chance like its weight. */
static double lot(apr_uint64_t random, apr_uint32_t weight)
{
    return -log(fraction(clp_selection_mix(random))) / (weight ? weight : 1);
}

/* The same set takes turns with itself only; a few sets may share a word, which does no harm. */
static apr_uint64_t next_turn(const clp_channel_set *set, const clp_plan_query *q, int peek)
{
    apr_uint64_t h = set->name ? clp_row_id(clp_span_str(set->name)) : 0;
    apr_uint64_t *cursor = &q->tables->head->cursors[h % CLP_CURSORS];
    return peek ? clp_word_get(cursor) : clp_word_add(cursor, 1) - 1;
}

static int are_equals(const clp_option *a, const clp_option *b)
{
    return a->rank == b->rank && a->channel->priority == b->channel->priority;
}

static void take_turns(clp_selection *s, apr_uint64_t turn)
{
    int end;
    sort(s);
    for (int i = 0; i < s->n; i = end) {
        for (end = i + 1; end < s->n && are_equals(&s->options[i], &s->options[end]); end++) {
        }
        for (int k = i; k < end; k++) {
            int n = end - i;
            s->options[k].turn = (k - i + n - (int)(turn % (apr_uint64_t)n)) % n;
        }
    }
}

static double busy(const clp_option *o, const clp_plan_query *q)
{
    double n =
        o->row == CLP_NO_ROW ? 0 : (double)clp_in_flight(q->tables, CLP_TABLE_CHANNELS, o->row);
    return n / (o->channel->weight ? o->channel->weight : 1);
}

static double latency(const clp_option *o, const clp_plan_query *q)
{
    return o->row == CLP_NO_ROW ? 0
                                : (double)clp_word_get(&q->tables->channels[o->row].first_token_us);
}

/* A hash of conversation and channel for who leaves the choice open. */
static void set_open_turns(clp_selection *s, const clp_plan_query *q, apr_uint64_t random)
{
    apr_uint64_t seed =
        q->conversation ? clp_row_id(clp_span_str(q->conversation->identity)) : random;
    for (int i = 0; i < s->n; i++) {
        const clp_channel *c = s->options[i].channel;
        s->options[i].turn =
            lot(seed ^ c->id, q->strategy == CLP_STRATEGY_WEIGHTED ? c->weight : 1);
    }
}

static void set_turns(clp_selection *s, const clp_channel_set *set, const clp_plan_query *q,
                      int peek, apr_uint64_t random)
{
    switch (q->strategy) {
    case CLP_STRATEGY_FAILOVER: break;
    case CLP_STRATEGY_ROUND_ROBIN:
        if (!q->conversation && q->tables) {
            take_turns(s, next_turn(set, q, peek));
            break;
        }
        set_open_turns(s, q, random);
        break;
    case CLP_STRATEGY_RANDOM:
    case CLP_STRATEGY_WEIGHTED: set_open_turns(s, q, random); break;
    case CLP_STRATEGY_LEAST_BUSY:
        for (int i = 0; i < s->n; i++) {
            s->options[i].turn = busy(&s->options[i], q);
        }
        break;
    case CLP_STRATEGY_LOWEST_LATENCY:
        for (int i = 0; i < s->n; i++) {
            s->options[i].turn = latency(&s->options[i], q);
        }
        if (s->n && random % EXPLORE_ONE_OF == 0) {
            s->options[clp_selection_mix(random) % (apr_uint64_t)s->n].turn = -1;
        }
        break;
    }
}

void clp_selection_make(clp_selection *s, const clp_channel_set *set, const clp_plan_query *q,
                        apr_time_t now, int peek, apr_uint64_t random, apr_pool_t *pool)
{
    memset(s, 0, sizeof(*s));
    if (!set || !set->channels) {
        return;
    }
    s->options = apr_pcalloc(pool, sizeof(*s->options) * (apr_size_t)(set->channels->nelts + 1));
    add_options(s, set, q);
    find_promoted(s, q, now);
    find_bound(s, q, now);
    set_turns(s, set, q, peek, random);
    sort(s);
}

clp_pick clp_selection_pick(const clp_selection *s, const clp_option *o, const clp_plan_query *q)
{
    if (o->rank == CLP_RANK_PROMOTED) {
        return CLP_PICK_PROMOTION;
    }
    if (q->pin_channel) {
        return CLP_PICK_PIN;
    }
    if (o->rank == CLP_RANK_BOUND) {
        return CLP_PICK_AFFINITY;
    }
    return q->strategy != CLP_STRATEGY_FAILOVER && s->n > 1 ? CLP_PICK_STRATEGY : CLP_PICK_PRIORITY;
}
