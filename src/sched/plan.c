/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/plan.h"

#include <string.h>

#include "wire/text.h"

/* Names in messages are cut here; they come from the client. */
#define NAME_MAX_SHOWN 200

/* What has failed of the channel that is being tried; room for the most that any has. */
typedef struct marks {
    char *keys;
    char *urls;
} marks;

struct clp_plan {
    apr_pool_t *pool;
    const char *model;
    const char *pin_key;
    apr_array_header_t *channels; /* of const clp_channel *, in the order they are tried */
    int channel;                  /* index of the one being tried */
    marks failed;
    int over;
    clp_candidate current;

    int hedge_channel; /* index of the one that the hedge is of, -1 = there was none */
    int hedge_runs;
    marks hedge_failed;
    clp_candidate hedge;
};

static int needs_key(const clp_channel *c)
{
    return c->auth != CLP_AUTH_NONE;
}

static int keys_of(const clp_channel *c)
{
    return c->keys ? c->keys->nelts : 0;
}

static int key_allowed(const clp_plan *plan, const clp_channel *c, int key)
{
    return !plan->pin_key || !strcmp(APR_ARRAY_IDX(c->keys, key, clp_key).id, plan->pin_key);
}

/* The first key from the channel's that is left, or -1. */
static int key_left(const clp_plan *plan, const clp_channel *c, const marks *failed)
{
    for (int i = 0; i < keys_of(c); i++) {
        if (!failed->keys[i] && key_allowed(plan, c, i)) {
            return i;
        }
    }
    return -1;
}

static int url_left(const clp_channel *c, const marks *failed)
{
    for (int i = 0; i < c->urls->nelts; i++) {
        if (!failed->urls[i]) {
            return i;
        }
    }
    return -1;
}

static const clp_channel *channel_at(const clp_plan *plan, int i)
{
    return APR_ARRAY_IDX(plan->channels, i, const clp_channel *);
}

/* The channel's first pair of key and URL that is left; 0 = there is none. */
static int pick(const clp_plan *plan, const clp_channel *c, const marks *failed, clp_candidate *out)
{
    if (c != out->channel) {
        out->channel = c;
        out->model = plan->model ? clp_channel_model(c, plan->model, plan->pool) : NULL;
    }
    out->key_index = needs_key(c) ? key_left(plan, c, failed) : -1;
    out->url_index = url_left(c, failed);
    if (out->url_index < 0 || (out->key_index < 0 && needs_key(c))) {
        return 0;
    }
    out->url = APR_ARRAY_IDX(c->urls, out->url_index, const char *);
    out->key = out->key_index >= 0 ? &APR_ARRAY_IDX(c->keys, out->key_index, clp_key) : NULL;
    return 1;
}

static void clear_marks(marks *m, const clp_channel *c)
{
    memset(m->keys, 0, (apr_size_t)keys_of(c));
    memset(m->urls, 0, (apr_size_t)c->urls->nelts);
}

/* A candidate failed: what of its channel need not be tried again. */
static void mark(marks *m, const clp_candidate *candidate, clp_verdict verdict)
{
    if (verdict == CLP_VERDICT_NEXT_KEY && candidate->key_index >= 0) {
        m->keys[candidate->key_index] = 1;
    }
    else if (verdict == CLP_VERDICT_NEXT_URL) {
        m->urls[candidate->url_index] = 1;
    }
    else {
        memset(m->urls, 1, (apr_size_t)candidate->channel->urls->nelts);
    }
}

/* The walk has come to the channel that the hedge is of: it goes on from there. */
static void take_over_hedge(clp_plan *plan)
{
    marks failed = plan->failed;
    plan->failed = plan->hedge_failed;
    plan->hedge_failed = failed;
    plan->current = plan->hedge;
    plan->hedge_runs = 0;
}

/* Find the next pair, from the current channel on; 0 = there is none. */
static int settle(clp_plan *plan)
{
    for (; plan->channel < plan->channels->nelts; plan->channel++) {
        const clp_channel *c = channel_at(plan, plan->channel);
        if (c != plan->current.channel) {
            int runs = plan->hedge_runs;
            if (plan->channel != plan->hedge_channel) {
                clear_marks(&plan->failed, c);
            }
            else {
                take_over_hedge(plan);
                if (runs) {
                    return 1;
                }
            }
        }
        if (pick(plan, c, &plan->failed, &plan->current)) {
            return 1;
        }
    }
    plan->over = 1;
    return 0;
}

/* Why channels were left out, as far as it decides what the client is told. */
typedef struct left_out {
    int active;  /* channels that are in use at all */
    int serving; /* of those, that serve the model */
} left_out;

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

static int is_usable(const clp_channel *c)
{
    return c->status == CLP_CHANNEL_ACTIVE && c->urls && c->urls->nelts > 0 &&
           (!needs_key(c) || keys_of(c) > 0);
}

/* Keep the order of the configuration among equals. */
static void insert_by_priority(apr_array_header_t *sorted, const clp_channel *c)
{
    int i = sorted->nelts;
    APR_ARRAY_PUSH(sorted, const clp_channel *) = c;
    for (; i > 0 && APR_ARRAY_IDX(sorted, i - 1, const clp_channel *)->priority > c->priority;
         i--) {
        APR_ARRAY_IDX(sorted, i, const clp_channel *) =
            APR_ARRAY_IDX(sorted, i - 1, const clp_channel *);
    }
    APR_ARRAY_IDX(sorted, i, const clp_channel *) = c;
}

static void select_channels(clp_plan *plan, const clp_channel_set *set, const clp_plan_query *q,
                            left_out *out)
{
    for (int i = 0; i < set->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(set->channels, i, const clp_channel *);
        if (!is_usable(c)) {
            continue;
        }
        out->active++;
        if (q->model && !clp_channel_serves(c, q->model)) {
            continue;
        }
        out->serving++;
        if (may_carry(c, q) && (!q->pin_channel || !strcmp(c->name, q->pin_channel))) {
            insert_by_priority(plan->channels, c);
        }
    }
}

static clp_problem *nobody(const left_out *out, const clp_channel_set *set, const clp_plan_query *q,
                           apr_pool_t *pool)
{
    clp_problem *p;
    if (!out->active) {
        p = clp_problem_make(pool, CLP_OVERLOADED,
                             "no upstream channel is configured and active on this gateway; "
                             "its operator has to add or enable one");
        return clp_problem_because(p, pool, "channel set %s has no active channel with a URL%s",
                                   set && set->name ? set->name : "(none)", " and a key");
    }
    if (!out->serving) {
        clp_span shown = clp_utf8_cut(clp_span_str(q->model), NAME_MAX_SHOWN);
        p = clp_problem_make(pool, CLP_NOT_FOUND,
                             "model: %.*s is not served here; ask /v1/models for those that are",
                             (int)shown.n, shown.p);
        p->param = "model";
        p->code = "model_not_found";
        return p;
    }
    if (q->pin_channel) {
        p = clp_problem_make(pool, CLP_NOT_FOUND,
                             "what this request continues is not available here any more; start "
                             "it anew with the whole conversation");
        p->code = "thread_not_found";
        p->details = CLP_SPAN_LIT("{\"error_code\":\"thread_not_found\"}");
        return clp_problem_because(p, pool, "pinned to channel %s%s%s, which is not usable now",
                                   q->pin_channel, q->pin_key ? ", key " : "",
                                   q->pin_key ? q->pin_key : "");
    }
    p = clp_problem_make(pool, CLP_BAD_REQUEST,
                         "thread: message threads are not supported by the upstreams that serve "
                         "this model; send the whole conversation without thread");
    p->param = "thread";
    p->code = "thread_unsupported_request";
    p->details = CLP_SPAN_LIT(
        "{\"error_code\":\"thread_unsupported_request\",\"unsupported\":[\"thread\"]}");
    return p;
}

/* Room for the marks of whichever channel is tried. */
static marks make_marks(const clp_plan *plan)
{
    marks m;
    int keys = 1;
    int urls = 1;
    for (int i = 0; i < plan->channels->nelts; i++) {
        const clp_channel *c = channel_at(plan, i);
        if (keys_of(c) > keys) {
            keys = keys_of(c);
        }
        if (c->urls->nelts > urls) {
            urls = c->urls->nelts;
        }
    }
    m.keys = apr_palloc(plan->pool, (apr_size_t)keys);
    m.urls = apr_palloc(plan->pool, (apr_size_t)urls);
    return m;
}

clp_problem *clp_plan_make(clp_plan **out, const clp_channel_set *set, const clp_plan_query *query,
                           apr_pool_t *pool)
{
    clp_plan *plan = apr_pcalloc(pool, sizeof(*plan));
    left_out why = {0, 0};
    plan->pool = pool;
    plan->model = query->model;
    plan->pin_key = query->pin_key;
    plan->channels = apr_array_make(pool, 8, sizeof(const clp_channel *));
    if (set && set->channels) {
        select_channels(plan, set, query, &why);
    }
    plan->hedge_channel = -1;
    plan->failed = make_marks(plan);
    if (!settle(plan)) {
        *out = NULL;
        return nobody(&why, set, query, pool);
    }
    *out = plan;
    return NULL;
}

const clp_candidate *clp_plan_current(const clp_plan *plan)
{
    return plan->over ? NULL : &plan->current;
}

const clp_candidate *clp_plan_after(clp_plan *plan, clp_verdict verdict)
{
    if (plan->over) {
        return NULL;
    }
    if (verdict == CLP_VERDICT_GIVE || verdict == CLP_VERDICT_STOP) {
        plan->over = 1;
        return NULL;
    }
    mark(&plan->failed, &plan->current, verdict);
    settle(plan);
    return clp_plan_current(plan);
}

const clp_candidate *clp_plan_hedge(clp_plan *plan)
{
    if (plan->over || plan->hedge_channel >= 0) {
        return NULL;
    }
    plan->hedge_failed = make_marks(plan);
    for (int i = plan->channel + 1; i < plan->channels->nelts; i++) {
        const clp_channel *c = channel_at(plan, i);
        clear_marks(&plan->hedge_failed, c);
        if (pick(plan, c, &plan->hedge_failed, &plan->hedge)) {
            plan->hedge_channel = i;
            plan->hedge_runs = 1;
            return &plan->hedge;
        }
    }
    return NULL;
}

void clp_plan_hedge_failed(clp_plan *plan, clp_verdict verdict)
{
    if (plan->hedge_runs) {
        mark(&plan->hedge_failed, &plan->hedge, verdict);
        plan->hedge_runs = 0;
    }
}

const clp_candidate *clp_plan_again(clp_plan *plan, const clp_candidate *candidate)
{
    plan->current = *candidate;
    plan->channel = plan->channels->nelts;
    plan->over = 0;
    return &plan->current;
}
