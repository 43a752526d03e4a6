/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "attempt_record.h"

#include "echo.h"
#include "sched/standing.h"
#include "sched/verdict.h"
#include "shown.h"
#include "wire/log.h"

void clp_attempt_record_add(clp_outcome *outcome, const clp_candidate *candidate, int hedge,
                            apr_time_t now)
{
    clp_attempt_record *r = apr_array_push(outcome->attempts);

    memset(r, 0, sizeof(*r));
    r->candidate = *candidate;
    r->started = now;
    r->usage = CLP_USAGE_NONE;
    r->hedge = hedge;
}

clp_attempt_record *clp_attempt_record_of(const clp_outcome *outcome, const clp_attempt *a)
{
    return &APR_ARRAY_IDX(outcome->attempts, a->number, clp_attempt_record);
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
static const char *unquoted(const clp_attempt *a, const char *text)
{
    return text ? clp_echo_hide(text, a->params->body, a->params->sniffed->model, a->parent) : NULL;
}

static void log_failure(const clp_attempt *a, const clp_attempt_record *r)
{
    const clp_exchange_params *params = a->params;
    /* A client's own fault is nothing an operator has to mend, nor is that an upstream does not
     * count tokens. */
    int harmless =
        clp_problem_is_clients(r->problem) ||
        (params->operation == CLP_OP_COUNT_TOKENS && clp_verdict_no_endpoint(r->problem));
    clp_log_level level = harmless ? CLP_LOG_INFO : CLP_LOG_WARNING;
    const char *message, *cause;

    if (!clp_log_wants(params->subject, level)) {
        return;
    }
    message = unquoted(a, r->problem->message);
    cause = unquoted(a, r->problem->cause);
    clp_log(params->subject, level, 0, 1300,
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

/* All but its problem and how it is booked. */
static clp_attempt_record *complete(const clp_outcome *outcome, clp_attempt *a,
                                    clp_attempt_result result)
{
    clp_attempt_record *r = clp_attempt_record_of(outcome, a);

    clp_attempt_cancel(a);
    a->open = 0;
    a->unbooked = 1;
    r->result = result;
    r->ended = clp_exchange_clock(a->params);
    r->first_event = a->first_event;
    if (a->relay) {
        r->status = a->relay->upstream.status;
        r->usage = a->relay->guard ? clp_guard_usage(a->relay->guard) : r->usage;
    }
    return r;
}

void clp_attempt_close(const clp_outcome *outcome, clp_attempt *a, clp_attempt_result result)
{
    clp_attempt_record *r = complete(outcome, a, result);

    r->booked = booked_of(a, r);
}

void clp_attempt_fail(const clp_outcome *outcome, clp_attempt *a, clp_attempt_result result,
                      const clp_problem *problem, clp_judgement judgement)
{
    clp_attempt_record *r = complete(outcome, a, result);

    r->problem = keep_problem(a, problem);
    r->judgement = judgement;
    log_failure(a, r);
    r->booked = booked_of(a, r);
}

void clp_attempt_book(const clp_outcome *outcome, clp_attempt *a, int left)
{
    if (a->unbooked && a->params->account) {
        clp_account_attempt(a->params->account, clp_attempt_record_of(outcome, a), left);
    }
    a->unbooked = 0;
}
