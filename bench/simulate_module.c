/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/* The rules of this module, by its own code. */
#include "simulate.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "sched_world.h"

#define MAX_ATTEMPTS 10 /* ClaudeMaxAttempts */
#define AFFINITY     apr_time_from_sec(30 * 60)

static void *make(apr_pool_t *pool)
{
    const char *keys = "k0";
    const char *text = "strategy=failover";
    for (int i = 1; i < SIM_KEYS; i++) {
        keys = apr_psprintf(pool, "%s+k%d", keys, i);
    }
    for (int i = 0; i < SIM_CHANNELS; i++) {
        text = apr_psprintf(pool, "%s c%02d(k=%s)", text, i, keys);
    }
    return sched_world_make(text, pool);
}

static int take(sim_request *r, const clp_candidate *c)
{
    if (!c) {
        return 0;
    }
    r->target.channel = atoi(c->channel->name + 1);
    r->target.key = c->key_index;
    return 1;
}

static int first(void *self, sim_request *r, apr_time_t now)
{
    sched_world *w = self;
    clp_plan *plan;
    sched_clock = now;
    sched_conversation(w, r->conversation, r->pool);
    w->query.random = 1;
    if (clp_plan_make(&plan, w->set, &w->query, r->pool)) {
        return 0;
    }
    r->state = plan;
    return take(r, clp_plan_current(plan));
}

/* How the table of failures reads the outcome. */
static const struct {
    clp_verdict verdict;
    clp_booked booked;
} readings[] = {
    [SIM_SERVED] = {CLP_VERDICT_STOP, CLP_BOOKED_SUCCESS},
    [SIM_BAD_REQUEST] = {CLP_VERDICT_GIVE, CLP_BOOKED_CLIENT_ERROR},
    [SIM_RATE_LIMIT] = {CLP_VERDICT_NEXT_KEY, CLP_BOOKED_RATE_LIMITED},
    [SIM_NO_CREDIT] = {CLP_VERDICT_NEXT_KEY, CLP_BOOKED_QUOTA},
    [SIM_DOWN] = {CLP_VERDICT_NEXT_URL, CLP_BOOKED_SERVER_ERROR},
    [SIM_SILENT] = {CLP_VERDICT_NEXT_URL, CLP_BOOKED_TRANSPORT},
};

static int next(void *self, sim_request *r, sim_outcome outcome, apr_time_t told, apr_time_t now)
{
    clp_plan *plan = r->state;
    clp_candidate failed = *clp_plan_current(plan);
    sched_result result = {.result = readings[outcome].booked, .retry_at = told};
    const clp_candidate *c;
    sched_clock = now;
    c = r->attempts < MAX_ATTEMPTS ? clp_plan_after(plan, readings[outcome].verdict) : NULL;
    result.left = !c || c->channel != failed.channel;
    sched_book(self, &failed, &result);
    if (!c) {
        clp_plan_done(plan);
    }
    return take(r, c);
}

static void served(void *self, sim_request *r, apr_time_t now)
{
    sched_world *w = self;
    const clp_candidate *c = clp_plan_current(r->state);
    sched_result result = {.result = CLP_BOOKED_SUCCESS, .left = 1};
    sched_clock = now;
    sched_book(w, c, &result);
    clp_affinity_put(w->affinity,
                     clp_conversation_id_make(CLP_PROTOCOL_MESSAGES, r->conversation, r->pool),
                     c->channel, c->key, now + AFFINITY);
    clp_plan_done(r->state);
}

static int knows(void *self, int channel, apr_time_t now)
{
    const sched_world *w = self;
    const clp_channel *c = APR_ARRAY_IDX(w->set->channels, channel, const clp_channel *);
    return clp_breaker_look(&w->tables->channels[c->row.row].circuit, &c->breaker, now) ==
           CLP_BREAKER_OPEN;
}

const sim_rules sim_this_module = {"this module", make, first, next, served, knows};
