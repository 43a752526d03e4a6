/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "race.h"

#include <apr_general.h>

#include "echo.h"
#include "sched/standing.h"
#include "sched/verdict.h"
#include "shown.h"
#include "wire/log.h"
#include "wire/text.h"

/* A provider that asks for patience again and again gets no further requests from this one. */
#define WAITS_MAX 2

/* Those who were told the same time do not all come back at the same moment: added to it is up
 * to a quarter of it, but at least up to this much. */
#define SPREAD_MIN apr_time_from_msec(50)

static const clp_judgement nothing = {CLP_VERDICT_STOP, CLP_FAULT_NONE, "no failure"};
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

clp_attempt_record *clp_race_record(const clp_race *race, const clp_attempt *a)
{
    return &APR_ARRAY_IDX(race->outcome->attempts, a->number, clp_attempt_record);
}

/* --- the end of an attempt ----------------------------------------------------- */

/* An upstream may tell in its error what it was sent. */
static const clp_problem *keep_problem(const clp_attempt *a, const clp_problem *problem)
{
    const clp_candidate *asked = &a->candidate;
    apr_pool_t *pool = a->parent;
    clp_problem *kept = clp_problem_copy(problem, pool);

    kept->message = clp_shown_hide(kept->message, asked, pool);
    kept->cause = clp_shown_hide(kept->cause, asked, pool);
    kept->param = clp_shown_hide(kept->param, asked, pool);
    kept->code = clp_shown_hide(kept->code, asked, pool);
    kept->request_id = clp_shown_hide(kept->request_id, asked, pool);
    if (clp_shown_in(kept->details, asked, pool)) {
        kept->details = clp_span_of(NULL, 0);
    }
    return kept;
}

/* For the log: without what the upstream quotes of the request. */
static const char *unquoted(const clp_race *race, const clp_attempt *a, const char *text)
{
    return text ? clp_echo_hide(text, race->params->body, race->params->sniffed->model, a->parent)
                : NULL;
}

static void log_failure(const clp_race *race, const clp_attempt *a, const clp_attempt_record *r)
{
    /* A client's own fault is nothing an operator has to mend, nor is that an upstream does not
     * count tokens. */
    int harmless =
        clp_problem_is_clients(r->problem) ||
        (race->params->operation == CLP_OP_COUNT_TOKENS && clp_verdict_no_endpoint(r->problem));
    clp_log_level level = harmless ? CLP_LOG_INFO : CLP_LOG_WARNING;
    const char *message, *cause;

    if (!clp_log_wants(race->params->subject, level)) {
        return;
    }
    message = unquoted(race, a, r->problem->message);
    cause = unquoted(race, a, r->problem->cause);
    clp_log(race->params->subject, level, 0, 1300,
            "attempt %d: channel %s, key %s, url %d failed after %" APR_INT64_T_FMT
            " ms: status %d, %s (%s%s%s); then: %s",
            a->number + 1, r->candidate.channel->name,
            r->candidate.key ? r->candidate.key->mask : "-", r->candidate.url_index,
            apr_time_as_msec(r->ended - r->started), r->status,
            clp_problem_class_name(r->problem->cls), message, cause ? ": " : "", cause ? cause : "",
            clp_verdict_name(r->judgement.verdict));
}

static clp_booked booked_of(const clp_attempt *a, const clp_attempt_record *r)
{
    clp_booked booked;

    switch (r->result) {
    case CLP_ATTEMPT_SERVED: return CLP_BOOKED_SUCCESS;
    case CLP_ATTEMPT_TRUNCATED: return CLP_BOOKED_TRUNCATED;
    case CLP_ATTEMPT_LOST: return CLP_BOOKED_HEDGE_LOST;
    case CLP_ATTEMPT_RUNNING:
    case CLP_ATTEMPT_ABORTED: return CLP_BOOKED_ABORTED;
    case CLP_ATTEMPT_FAILED: break;
    }
    booked = clp_booked_of(r->problem, r->judgement.fault);
    return r->judgement.fault == CLP_FAULT_PROVIDER && booked != CLP_BOOKED_TIMEOUT && a->relay
               ? a->relay->failure
               : booked;
}

/* Close the books of an attempt: its transfer goes, its record is complete. Every attempt that
 * began comes here, once. */
static void close_attempt(clp_race *race, clp_attempt *a, clp_attempt_result result,
                          const clp_problem *problem, clp_judgement judgement)
{
    clp_attempt_record *r = clp_race_record(race, a);

    clp_attempt_cancel(a);
    a->open = 0;
    a->unbooked = 1;
    r->result = result;
    r->ended = clp_exchange_clock(race->params);
    r->first_event = a->first_event;
    if (a->relay) {
        r->status = a->relay->upstream.status;
        r->usage = a->relay->guard ? clp_guard_usage(a->relay->guard) : r->usage;
    }
    if (problem) {
        r->problem = keep_problem(a, problem);
        r->judgement = judgement;
        log_failure(race, a, r);
    }
    r->booked = booked_of(a, r);
}

/* Book what was closed. Of a lead that failed before the commit it is not known at once whether
 * the request leaves the channel with it; all others are booked right away. */
static void book(const clp_race *race, clp_attempt *a, int left)
{
    if (a->unbooked && race->params->account) {
        clp_account_attempt(race->params->account, clp_race_record(race, a), left);
    }
    a->unbooked = 0;
}

void clp_race_stop(clp_race *race, clp_attempt_result how)
{
    race->lead_failed = 0;
    race->next = NULL;
    for (int i = 0; i < 2; i++) {
        if (race->attempts[i].open) {
            close_attempt(race, &race->attempts[i], how, NULL, nothing);
        }
        book(race, &race->attempts[i], 1);
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
        close_attempt(race, other, CLP_ATTEMPT_LOST, NULL, nothing);
        clp_log(race->params->subject, CLP_LOG_INFO, 0, 1303,
                "channel %s answered first; channel %s was cancelled",
                race->winner->candidate.channel->name, other->candidate.channel->name);
    }
    book(race, other, 1);
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
    const clp_attempt_record *r = clp_race_record(race, a);

    race->best = clp_verdict_better(race->best, r->problem);
    if (race->best == r->problem) {
        race->best_from = r->candidate;
        race->best_booked = r->booked;
        race->best_at = r->ended;
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
    close_attempt(race, a, CLP_ATTEMPT_FAILED, problem, judgement);
    if (a != race->lead) {
        /* The lead may still succeed, whatever the hedge's upstream thinks of the request. */
        race->hedge = NULL;
        note_problem(race, a);
        book(race, a, 1);
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
        close_attempt(race, a, CLP_ATTEMPT_SERVED, NULL, nothing);
        finish(race, CLP_RACE_COMPLETE, a);
        break;
    case CLP_RELAY_FAILED:
        attempt_failed(race, a, r->problem,
                       r->upstream.status ? clp_judge_problem(r->problem, a->candidate.channel)
                                          : clp_judge_transfer(how));
        break;
    case CLP_RELAY_BROKEN:
        close_attempt(race, a, CLP_ATTEMPT_TRUNCATED, r->problem, broke_off);
        finish(race, CLP_RACE_BROKEN, a);
        break;
    }
}

/* --- what is tried next ------------------------------------------------------------ */

static void begin(clp_race *race, clp_attempt *a, const clp_candidate *candidate)
{
    clp_attempt_record *r = apr_array_push(race->outcome->attempts);
    clp_problem *problem;

    memset(r, 0, sizeof(*r));
    r->candidate = *candidate;
    r->started = clp_exchange_clock(race->params);
    r->usage = CLP_USAGE_NONE;
    r->hedge = a != race->lead;
    problem = clp_attempt_begin(a, race->outcome->attempts->nelts - 1, &r->candidate,
                                &race->conversation);
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
    const clp_problem *p = race->best;
    apr_interval_time_t told = apr_time_from_msec(p->retry_after_ms);
    apr_interval_time_t spread = told / 4 > SPREAD_MIN ? told / 4 : SPREAD_MIN;
    apr_time_t at = race->best_at + told;

    if (p->retry_after_ms < 0 || !race->params->retry.wait_max ||
        told > race->params->retry.wait_max ||
        (p->cls != CLP_RATE_LIMITED && p->cls != CLP_OVERLOADED) || race->waits == WAITS_MAX) {
        return 0;
    }
    at = (at > now ? at : now) + random_time(spread);
    if (!within_bounds(race, at)) {
        return 0;
    }
    race->next = clp_plan_again(race->params->plan, &race->best_from);
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
        book(race, race->lead, 1);
        race->lead = race->hedge;
        race->hedge = NULL;
        race->next = NULL;
        return;
    }
    if (!race->next && !wait_for_provider(race, now)) {
        finish(race, CLP_RACE_FAILED, NULL);
        return;
    }
    book(race, race->lead, race->next->channel != race->lead->candidate.channel);
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
    return clp_race_record(race, race->lead)->started + race->params->retry.hedge;
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
