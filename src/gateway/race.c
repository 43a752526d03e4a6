/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "race.h"

#include <apr_general.h>

#include "attempt_record.h"
#include "sched/verdict.h"
#include "wire/log.h"

/* A provider that asks for patience again and again gets no further requests from this one. */
#define WAITS_MAX 2

/* Those who were told the same time do not all come back at the same moment: added to it is up
 * to a quarter of it, but at least up to this much. */
#define SPREAD_MIN apr_time_from_msec(50)

static const clp_judgement broke_off = {CLP_VERDICT_STOP, CLP_FAULT_PROVIDER, "broke off"};
static const clp_judgement cannot_carry = {CLP_VERDICT_NEXT_CHANNEL, CLP_FAULT_NONE,
                                           "its protocol cannot carry the request"};

static void look(void *ctx, clp_attempt *a, clp_transfer_end how);

void clp_race_init(clp_race *race, const clp_exchange_params *params, clp_outcome *outcome,
                   clp_race_listener *listener, void *ctx, apr_pool_t *pool)
{
    memset(race, 0, sizeof(*race));
    race->params = params;
    race->outcome = outcome;
    race->listener = listener;
    race->ctx = ctx;
    clp_attempt_init(&race->attempts[0], params, look, race, pool);
    clp_attempt_init(&race->attempts[1], params, look, race, pool);
    race->lead = &race->attempts[0];
}

void clp_race_stop(clp_race *race, clp_attempt_result how)
{
    race->lead_failed = 0;
    race->next = NULL;
    for (int i = 0; i < 2; i++) {
        if (race->attempts[i].open) {
            clp_attempt_close(race->outcome, &race->attempts[i], how);
        }
        clp_attempt_book(race->outcome, &race->attempts[i], 1);
    }
    clp_plan_done(race->params->plan);
}

static void finish(clp_race *race, clp_race_news news, const clp_attempt *a)
{
    clp_race_stop(race, CLP_ATTEMPT_LOST);
    race->listener(race->ctx, news, a);
}

/* --- what the attempts tell ------------------------------------------------------ */

/* What runs or waits beside the winner is over: booked first, then given back. */
static void lose(clp_race *race, clp_attempt *other)
{
    clp_plan *plan = race->params->plan;

    race->next = NULL;
    race->lead_failed = 0;
    if (other->open) {
        clp_attempt_close(race->outcome, other, CLP_ATTEMPT_LOST);
        clp_log(race->params->subject, CLP_LOG_INFO, 0, 1303,
                "channel %s answered first; channel %s was cancelled",
                race->winner->candidate.channel->name, other->candidate.channel->name);
    }
    clp_attempt_book(race->outcome, other, 1);
    if (other == race->hedge) {
        clp_plan_hedge_failed(plan, CLP_VERDICT_STOP);
    }
    else {
        clp_plan_after(plan, CLP_VERDICT_STOP);
    }
}

static void win(clp_race *race, clp_attempt *a)
{
    if (race->winner) {
        return;
    }
    race->winner = a;
    if (race->hedge) {
        lose(race, a == race->lead ? race->hedge : race->lead);
    }
    clp_plan_answered(race->params->plan, &a->candidate);
    race->listener(race->ctx, CLP_RACE_COMMITTED, a);
}

static void note_problem(clp_race *race, const clp_attempt *a)
{
    const clp_attempt_record *r = clp_attempt_record_of(race->outcome, a);

    if (clp_verdict_better(race->best.problem, r->problem) == r->problem) {
        race->best = *r;
    }
}

/* Of counting: the client did not write what an upstream of another dialect refuses, and it says
 * nothing against an upstream that it does not count. */
static clp_judgement judge_here(const clp_race *race, const clp_attempt *a,
                                const clp_problem *problem, clp_judgement j)
{
    if (race->params->operation != CLP_OP_COUNT_TOKENS) {
        return j;
    }
    if (!a->call.passthrough && j.verdict == CLP_VERDICT_GIVE) {
        j.verdict = CLP_VERDICT_NEXT_CHANNEL;
    }
    if (clp_verdict_no_endpoint(problem)) {
        j.fault = CLP_FAULT_NONE;
    }
    return j;
}

/* It failed before it was committed. */
static void attempt_failed(clp_race *race, clp_attempt *a, const clp_problem *problem,
                           clp_judgement judgement)
{
    clp_verdict verdict;

    judgement = judge_here(race, a, problem, judgement);
    verdict = judgement.verdict;
    clp_attempt_fail(race->outcome, a, CLP_ATTEMPT_FAILED, problem, judgement);
    if (a != race->lead) {
        /* The lead may still succeed, whatever the hedge's upstream thinks of the request. */
        race->hedge = NULL;
        note_problem(race, a);
        clp_attempt_book(race->outcome, a, 1);
        clp_plan_hedge_failed(race->params->plan,
                              verdict == CLP_VERDICT_GIVE ? CLP_VERDICT_NEXT_CHANNEL : verdict);
    }
    else if (verdict == CLP_VERDICT_GIVE) {
        finish(race, CLP_RACE_REFUSED, a);
    }
    else {
        note_problem(race, a);
        race->lead_failed = 1;
        race->verdict = verdict;
    }
}

/* What an attempt has come to after it was told something. */
static void look(void *ctx, clp_attempt *a, clp_transfer_end how)
{
    clp_race *race = ctx;
    const clp_relay *r = a->relay;

    switch (r->state) {
    case CLP_RELAY_WAITING: break;
    case CLP_RELAY_COMMITTED: win(race, a); break;
    case CLP_RELAY_COMPLETE:
        win(race, a);
        clp_attempt_close(race->outcome, a, CLP_ATTEMPT_SERVED);
        finish(race, CLP_RACE_COMPLETE, a);
        break;
    case CLP_RELAY_FAILED:
        attempt_failed(race, a, r->problem,
                       r->upstream.status ? clp_judge_problem(r->problem, a->candidate.channel)
                                          : clp_judge_transfer(how));
        break;
    case CLP_RELAY_BROKEN:
        clp_attempt_fail(race->outcome, a, CLP_ATTEMPT_TRUNCATED, r->problem, broke_off);
        finish(race, CLP_RACE_BROKEN, a);
        break;
    }
}

/* --- what is tried next ------------------------------------------------------------ */

static void begin(clp_race *race, clp_attempt *a, const clp_candidate *candidate)
{
    clp_problem *problem;

    clp_attempt_record_add(race->outcome, candidate, a != race->lead,
                           clp_exchange_clock(race->params));
    problem =
        clp_attempt_begin(a, race->outcome->attempts->nelts - 1, candidate, &race->conversation);
    if (problem) {
        /* This upstream cannot take the request; another kind of upstream may. */
        attempt_failed(race, a, problem, cannot_carry);
    }
}

/* May another attempt begin at this time? */
static int within_bounds(const clp_race *race, apr_time_t at)
{
    const clp_retry_rules *rules = &race->params->retry;
    return race->outcome->attempts->nelts < rules->max_attempts &&
           (!rules->time || at - race->outcome->started < rules->time);
}

/* Between 0 and `most`. */
static apr_interval_time_t random_time(apr_interval_time_t most)
{
    apr_uint32_t n = 0;
    apr_generate_random_bytes((unsigned char *)&n, sizeof(n));
    return (apr_interval_time_t)n % (most + 1);
}

/* Nothing else is left: is there a provider that said it may be asked again soon? */
static int wait_for_provider(clp_race *race, apr_time_t now)
{
    const clp_problem *p = race->best.problem;
    apr_interval_time_t told = apr_time_from_msec(p->retry_after_ms);
    apr_interval_time_t spread = told / 4 > SPREAD_MIN ? told / 4 : SPREAD_MIN;
    apr_time_t at = race->best.ended + told;

    if (p->retry_after_ms < 0 || !race->params->retry.wait_max ||
        told > race->params->retry.wait_max ||
        (p->cls != CLP_RATE_LIMITED && p->cls != CLP_OVERLOADED) || race->waits == WAITS_MAX) {
        return 0;
    }
    at = (at > now ? at : now) + random_time(spread);
    if (!within_bounds(race, at)) {
        return 0;
    }
    race->next = clp_plan_again(race->params->plan, &race->best.candidate);
    race->next_at = at;
    race->waits++;
    return race->next != NULL;
}

/* The lead has failed: see what is tried instead. */
static void go_on(clp_race *race, apr_time_t now)
{
    clp_verdict verdict = within_bounds(race, now) ? race->verdict : CLP_VERDICT_STOP;

    race->lead_failed = 0;
    race->next_at = now;
    race->next = clp_plan_after(race->params->plan, verdict);
    if (race->hedge && (!race->next || race->next->channel == race->hedge->candidate.channel)) {
        /* The walk has come to where the hedge is, or may go no further. */
        clp_attempt_book(race->outcome, race->lead, 1);
        race->lead = race->hedge;
        race->hedge = NULL;
        race->next = NULL;
        return;
    }
    if (!race->next && !wait_for_provider(race, now)) {
        finish(race, CLP_RACE_FAILED, NULL);
        return;
    }
    clp_attempt_book(race->outcome, race->lead,
                     race->next->channel != race->lead->candidate.channel);
}

static void begin_next(clp_race *race)
{
    const clp_candidate *candidate = race->next;
    race->next = NULL;
    begin(race, race->lead, candidate);
}

/* Only of a stream can be told early that its upstream is slow. */
static int may_hedge(const clp_race *race)
{
    return race->params->retry.hedge > 0 && !race->hedged && race->lead->open && !race->winner &&
           race->params->operation == CLP_OP_GENERATE && race->params->sniffed->stream;
}

static apr_time_t hedge_at(const clp_race *race)
{
    return clp_attempt_record_of(race->outcome, race->lead)->started + race->params->retry.hedge;
}

static void begin_hedge(clp_race *race, apr_time_t now)
{
    const clp_candidate *candidate =
        within_bounds(race, now) ? clp_plan_hedge(race->params->plan) : NULL;
    race->hedged = 1;
    if (!candidate) {
        return;
    }
    clp_log(race->params->subject, CLP_LOG_INFO, 0, 1302,
            "channel %s has said nothing for %" APR_INT64_T_FMT
            " ms; channel %s is asked beside it",
            race->lead->candidate.channel->name, apr_time_as_msec(race->params->retry.hedge),
            candidate->channel->name);
    race->hedge = race->lead == &race->attempts[0] ? &race->attempts[1] : &race->attempts[0];
    begin(race, race->hedge, candidate);
}

void clp_race_begin(clp_race *race, apr_time_t now)
{
    race->next = clp_plan_current(race->params->plan);
    clp_race_tick(race, now);
}

void clp_race_tick(clp_race *race, apr_time_t now)
{
    clp_attempt_tick(&race->attempts[0], now);
    clp_attempt_tick(&race->attempts[1], now);
    while (race->lead_failed || (race->next && now >= race->next_at)) {
        if (race->lead_failed) {
            go_on(race, now);
        }
        else {
            begin_next(race);
        }
    }
    if (may_hedge(race) && now >= hedge_at(race)) {
        begin_hedge(race, now);
    }
}

static void sooner(apr_time_t *due, apr_time_t at)
{
    if (at < *due) {
        *due = at;
    }
}

apr_time_t clp_race_due(const clp_race *race)
{
    apr_time_t due = APR_INT64_MAX;

    if (race->lead_failed) {
        return 0;
    }
    if (race->next) {
        sooner(&due, race->next_at);
    }
    for (int i = 0; i < 2; i++) {
        if (race->attempts[i].open && race->attempts[i].grace_ends) {
            sooner(&due, race->attempts[i].grace_ends);
        }
    }
    if (may_hedge(race)) {
        sooner(&due, hedge_at(race));
    }
    return due;
}
