/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/plan.h"

#include <string.h>

#include "refusal.h"
#include "visit.h"

struct clp_plan {
    apr_pool_t *pool;
    clp_plan_query query;
    clp_selection selection;
    clp_visitor visitor;
    int channel; /* index of the option being visited; the last resorts come behind the last */
    int last_resort;
    int tried; /* there was a candidate */
    int over;

    /* The walk's visit and the hedge's; they change places when the walk comes to the hedge. */
    clp_visit visits[2];
    clp_visit *current;
    clp_visit *hedge;
    int hedge_channel; /* index of the option that the hedge is of, -1 = there was none */
    int hedge_runs;
};

/* What is tried when the walk is at its end, one after the other, each once in a request. */
enum { RESORT_ASSUMED, RESORT_FORCED, RESORTS };

static clp_option *option_at(clp_plan *plan, int i)
{
    return &plan->selection.options[i];
}

/* --- last resorts -------------------------------------------------------------------------- */

/* The option with the key that has rested longest for what was assumed. */
static clp_option *find_assumed(clp_plan *plan)
{
    clp_option *best = NULL;
    for (int i = 0; i < plan->selection.n; i++) {
        clp_option *o = option_at(plan, i);
        if (o->assumed_end && (!best || o->assumed_end < best->assumed_end)) {
            best = o;
        }
    }
    return best;
}

static int is_less_bad(const clp_option *a, const clp_option *b)
{
    int percent_a = clp_breaker_percent(a->tripped, &a->channel->breaker);
    int percent_b = clp_breaker_percent(b->tripped, &b->channel->breaker);
    return percent_a != percent_b
               ? percent_a < percent_b
               : clp_word_get(&a->tripped->opened_at) < clp_word_get(&b->tripped->opened_at);
}

/* The same one for every request, as long as nobody knows better: so it is one that is probed,
 * not all. */
static clp_option *find_least_bad(clp_plan *plan)
{
    clp_option *best = NULL;
    for (int i = 0; i < plan->selection.n; i++) {
        clp_option *o = option_at(plan, i);
        if (o->tripped && !o->tried && (!best || is_less_bad(o, best))) {
            best = o;
        }
    }
    return best;
}

static int resort(clp_plan *plan, apr_time_t now)
{
    while (plan->last_resort < RESORTS) {
        int forced = plan->last_resort++ == RESORT_FORCED;
        clp_option *o = forced ? find_least_bad(plan) : find_assumed(plan);
        if (!o) {
            continue;
        }
        clp_visit_begin(plan->current, o, forced ? CLP_VISIT_FORCED : CLP_VISIT_ASSUMED);
        if (clp_visit_next(plan->current, &plan->visitor, now)) {
            o->tried = 1;
            plan->current->candidate.pick = forced ? CLP_PICK_FORCED : CLP_PICK_ASSUMED;
            return 1;
        }
    }
    return 0;
}

/* --- the walk ------------------------------------------------------------------------------- */

/* The walk has come to the channel that the hedge is of: it goes on from there. */
static void take_over_hedge(clp_plan *plan)
{
    clp_visit *v = plan->current;
    plan->current = plan->hedge;
    plan->hedge = v;
    plan->hedge_runs = 0;
}

static int visit_next(clp_plan *plan, clp_option *o, apr_time_t now)
{
    int before = plan->tried;
    if (!clp_visit_next(plan->current, &plan->visitor, now)) {
        return 0;
    }
    plan->current->candidate.pick =
        before ? CLP_PICK_FAILOVER : clp_selection_pick(&plan->selection, o, &plan->query);
    o->tried = 1;
    plan->tried = 1;
    return 1;
}

/* Find the next pair, from the current channel on; 0 = there is none. */
static int settle(clp_plan *plan)
{
    apr_time_t now = clp_visitor_now(&plan->visitor);
    for (; plan->channel < plan->selection.n; plan->channel++) {
        clp_option *o = option_at(plan, plan->channel);
        if (o != plan->current->option) {
            int runs = plan->hedge_runs;
            if (plan->channel != plan->hedge_channel) {
                clp_visit_begin_ranked(plan->current, o);
            }
            else {
                take_over_hedge(plan);
                if (runs) {
                    return 1;
                }
            }
        }
        if (visit_next(plan, o, now)) {
            return 1;
        }
    }
    if (resort(plan, now)) {
        return 1;
    }
    plan->over = 1;
    return 0;
}

/* --- the plan -------------------------------------------------------------------------------- */

static apr_status_t cleanup(void *plan)
{
    clp_plan_done(plan);
    return APR_SUCCESS;
}

clp_problem *clp_plan_make(clp_plan **out, const clp_channel_set *set, const clp_plan_query *query,
                           apr_pool_t *pool)
{
    clp_plan *plan = apr_pcalloc(pool, sizeof(*plan));
    *out = NULL;
    plan->pool = pool;
    plan->query = *query;
    clp_visitor_init(&plan->visitor, &plan->selection, set, &plan->query, 0, pool);
    plan->current = &plan->visits[0];
    plan->hedge = &plan->visits[1];
    plan->hedge_channel = -1;
    clp_visit_init(plan->current, &plan->selection, pool);
    if (!settle(plan)) {
        return plan->visitor.obstacle
                   ? clp_refusal_wait(plan->visitor.obstacle, plan->visitor.until,
                                      clp_visitor_now(&plan->visitor), pool)
                   : clp_refusal_make(&plan->selection, set, query, pool);
    }
    apr_pool_cleanup_register(pool, plan, cleanup, apr_pool_cleanup_null);
    *out = plan;
    return NULL;
}

const clp_candidate *clp_plan_current(const clp_plan *plan)
{
    return plan->over ? NULL : &plan->current->candidate;
}

const clp_candidate *clp_plan_after(clp_plan *plan, clp_verdict verdict)
{
    if (plan->over) {
        return NULL;
    }
    clp_visit_failed(plan->current, &plan->visitor, verdict);
    if (verdict == CLP_VERDICT_GIVE || verdict == CLP_VERDICT_STOP) {
        plan->over = 1;
        return NULL;
    }
    settle(plan);
    return clp_plan_current(plan);
}

const clp_candidate *clp_plan_hedge(clp_plan *plan)
{
    apr_time_t now = clp_visitor_now(&plan->visitor);
    if (plan->over || plan->hedge_channel >= 0) {
        return NULL;
    }
    clp_visit_init(plan->hedge, &plan->selection, plan->pool);
    for (int i = plan->channel + 1; i < plan->selection.n; i++) {
        clp_visit_begin_ranked(plan->hedge, option_at(plan, i));
        if (clp_visit_next(plan->hedge, &plan->visitor, now)) {
            plan->hedge->candidate.pick = CLP_PICK_HEDGE;
            option_at(plan, i)->tried = 1;
            plan->tried = 1;
            plan->hedge_channel = i;
            plan->hedge_runs = 1;
            return &plan->hedge->candidate;
        }
    }
    return NULL;
}

void clp_plan_hedge_failed(clp_plan *plan, clp_verdict verdict)
{
    if (plan->hedge_runs) {
        clp_visit_failed(plan->hedge, &plan->visitor, verdict);
        plan->hedge_runs = 0;
    }
}

const clp_candidate *clp_plan_again(clp_plan *plan, const clp_candidate *candidate)
{
    clp_lease_end(&plan->current->lease, plan->query.tables);
    clp_visit_again(plan->current, &plan->visitor, candidate, clp_visitor_now(&plan->visitor));
    plan->channel = plan->selection.n;
    plan->last_resort = RESORTS;
    plan->over = 0;
    return &plan->current->candidate;
}

/* A hedge is of another channel than the current candidate. */
void clp_plan_sent(clp_plan *plan, const clp_candidate *candidate)
{
    for (int i = 0; i < 2; i++) {
        clp_visit *v = &plan->visits[i];
        if (v->lease.held && v->candidate.channel == candidate->channel) {
            clp_lease_sent(&v->lease);
        }
    }
}

void clp_plan_answered(clp_plan *plan, const clp_candidate *candidate)
{
    for (int i = 0; i < 2; i++) {
        clp_lease *l = &plan->visits[i].lease;
        if (l->held && l->probe == candidate->probe) {
            clp_lease_free_probe(l);
        }
    }
}

void clp_plan_done(clp_plan *plan)
{
    for (int i = 0; i < 2; i++) {
        clp_lease_free_probe(&plan->visits[i].lease);
        clp_lease_end(&plan->visits[i].lease, plan->query.tables);
    }
    plan->over = 1;
}

const char *clp_pick_name(clp_pick c)
{
    switch (c) {
    case CLP_PICK_PRIORITY: return "priority";
    case CLP_PICK_STRATEGY: return "strategy";
    case CLP_PICK_PROMOTION: return "promotion";
    case CLP_PICK_AFFINITY: return "affinity";
    case CLP_PICK_PIN: return "pin";
    case CLP_PICK_FAILOVER: return "failover";
    case CLP_PICK_HEDGE: return "hedge";
    case CLP_PICK_AGAIN: return "again";
    case CLP_PICK_ASSUMED: return "assumed";
    case CLP_PICK_FORCED: return "forced";
    }
    return "unknown";
}
