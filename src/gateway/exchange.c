/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/exchange.h"

#include <apr_strings.h>

#include "attempt.h"
#include "sched/verdict.h"
#include "upstream/headers.h"
#include "wire/log.h"
#include "wire/text.h"

/* A driver looks up at least this often: an HTTP/2 client that leaves is seen
 * only by looking. */
#define LONGEST_WAIT apr_time_from_msec(500)

struct clp_exchange {
    clp_exchange_params params;
    apr_pool_t *pool;
    clp_outcome outcome;
    clp_conversation *conversation; /* read on the first converted attempt */
    clp_attempt attempt;
    clp_attempt *winner; /* the committed one: its bytes are the client's; NULL = none yet */
    clp_buffer told;     /* what the client is told instead */
    clp_answer_head head;
    int head_ready;
    int keepalive_due;
    int done;
    int broken;
    int noted;               /* where the answer lives is remembered */
    apr_time_t last_taken;   /* when the client last got something */
    const clp_problem *best; /* the most useful failure so far */

    /* Attempts begin in start() and tick() only: a failed one's memory must not go while its
     * transport's callback is still on the stack. */
    const clp_candidate *next; /* to be tried by the next tick */
};

static void look(void *ctx, clp_attempt *a, clp_transfer_end how);

clp_exchange *clp_exchange_make(const clp_exchange_params *params, apr_pool_t *pool)
{
    clp_exchange *x = apr_pcalloc(pool, sizeof(*x));
    x->params = *params;
    x->pool = pool;
    x->outcome.attempts = apr_array_make(pool, 4, sizeof(clp_attempt_record));
    x->outcome.usage = CLP_USAGE_NONE;
    clp_attempt_init(&x->attempt, &x->params, look, x, pool);
    clp_buffer_init(&x->told, pool, 0);
    return x;
}

static clp_attempt_record *record_of(const clp_exchange *x, const clp_attempt *a)
{
    return &APR_ARRAY_IDX(x->outcome.attempts, a->number, clp_attempt_record);
}

static void end(clp_exchange *x, clp_result result)
{
    x->outcome.result = result;
    x->outcome.ended = apr_time_now();
    x->done = 1;
}

static void take_head(clp_exchange *x, const clp_answer_head *head)
{
    if (!x->head_ready) {
        /* An attempt that gives the head is the last: its memory stays. */
        x->head = *head;
        x->head_ready = 1;
        x->outcome.status = head->status;
    }
}

/* --- telling the client of a failure ---------------------------------------- */

static void add_retry_headers(apr_table_t *headers, apr_int64_t ms, apr_pool_t *pool)
{
    if (ms >= 0) {
        apr_table_setn(headers, "Retry-After",
                       apr_psprintf(pool, "%" APR_INT64_T_FMT, (ms + 999) / 1000));
        apr_table_setn(headers, "retry-after-ms", apr_psprintf(pool, "%" APR_INT64_T_FMT, ms));
    }
}

static void tell_in_stream(clp_exchange *x, const clp_problem *problem)
{
    clp_writer_options options;
    clp_writer *writer;
    clp_event e;

    memset(&options, 0, sizeof(options));
    options.stream = 1;
    options.id = clp_random_base62(24, x->pool);
    memset(&e, 0, sizeof(e));
    e.kind = CLP_EVENT_PROBLEM;
    e.problem = problem;
    writer = x->params.client->open_writer(&options, &x->told, x->pool);
    writer->put(writer, &e);
}

static void tell(clp_exchange *x, const clp_problem *problem, clp_result result)
{
    clp_answer_head head;

    x->outcome.problem = problem;
    if (x->params.request_id && (!problem->request_id || !clp_header_id_ok(problem->request_id))) {
        clp_problem *named = clp_problem_copy(problem, x->pool);
        named->request_id = x->params.request_id;
        problem = named;
    }
    if (x->head_ready) {
        tell_in_stream(x, problem);
        end(x, result);
        return;
    }
    x->params.client->write_problem(problem, &x->told);
    clp_relay_plain_head(&head, &x->params, 0, x->pool);
    head.status = x->params.client->problem_status(problem);
    head.length = (apr_int64_t)x->told.n;
    clp_relay_set_request_id(head.headers, x->params.client, problem->request_id);
    add_retry_headers(head.headers, problem->retry_after_ms, x->pool);
    take_head(x, &head);
    end(x, result);
}

/* The client's own fault, told by an upstream of its own protocol: verbatim. */
static void give_verbatim(clp_exchange *x, const clp_attempt *a)
{
    x->outcome.problem = record_of(x, a)->problem;
    clp_buffer_span(&x->told, clp_buffer_all(&a->relay->error_body));
    take_head(x, &a->relay->head);
    end(x, CLP_RESULT_CLIENT_ERROR);
}

/* An upstream may tell in its error what it was sent. */
static const clp_problem *keep_problem(clp_exchange *x, const clp_key *key,
                                       const clp_problem *problem)
{
    clp_problem *kept = clp_problem_copy(problem, x->pool);
    if (key && key->secret) {
        kept->message = clp_hide_secret(kept->message, key->secret, key->mask, x->pool);
        kept->cause = clp_hide_secret(kept->cause, key->secret, key->mask, x->pool);
        kept->param = clp_hide_secret(kept->param, key->secret, key->mask, x->pool);
        kept->code = clp_hide_secret(kept->code, key->secret, key->mask, x->pool);
        kept->request_id = clp_hide_secret(kept->request_id, key->secret, key->mask, x->pool);
        if (clp_holds_secret(kept->details, key->secret)) {
            kept->details = clp_span_of(NULL, 0);
        }
    }
    return kept;
}

static int may_give_verbatim(const clp_exchange *x, const clp_attempt *a)
{
    const clp_key *key = a->candidate.key;
    return a->relay && a->relay->verbatim && !x->head_ready &&
           !(key && clp_holds_secret(clp_buffer_all(&a->relay->error_body), key->secret));
}

/* --- attempts ------------------------------------------------------------------ */

static void log_failure(clp_exchange *x, int number, const clp_attempt_record *r)
{
    /* A client's own fault is nothing an operator has to mend, nor is that an upstream does not
     * count tokens. */
    int harmless =
        clp_problem_is_clients(r->problem) ||
        (x->params.operation == CLP_OP_COUNT_TOKENS && clp_verdict_no_endpoint(r->problem));
    clp_log_level level = harmless ? CLP_LOG_INFO : CLP_LOG_WARNING;
    clp_log(x->params.subject, level, 0, 1300,
            "attempt %d: channel %s, key %s, url %d failed after %" APR_INT64_T_FMT
            " ms: status %d, %s (%s%s%s); then: %s",
            number + 1, r->candidate.channel->name, r->candidate.key ? r->candidate.key->mask : "-",
            r->candidate.url_index, apr_time_as_msec(r->ended - r->started), r->status,
            clp_problem_class_name(r->problem->cls), r->problem->message,
            r->problem->cause ? ": " : "", r->problem->cause ? r->problem->cause : "",
            clp_verdict_name(r->verdict));
}

/* Close the books of an attempt that has come to its end: its transfer goes, its record is
 * complete. Called exactly once for each that began. */
static void close_attempt(clp_exchange *x, clp_attempt *a, const clp_problem *problem,
                          clp_verdict verdict)
{
    clp_attempt_record *r = record_of(x, a);

    clp_attempt_cancel(a);
    r->ended = apr_time_now();
    r->status = a->relay ? a->relay->status : 0;
    if (problem) {
        r->problem = keep_problem(x, a->candidate.key, problem);
        r->verdict = verdict;
        log_failure(x, a->number, r);
    }
}

/* Before the client has the whole answer, or it might go on from it too soon. */
static void note_where(clp_exchange *x, const clp_attempt *a)
{
    const clp_relay *r = a->relay;

    if (r->answer_id && !x->noted) {
        x->noted = 1;
        clp_thread_pins_note(x->params.pins, x->params.scope, r->answer_id, &a->candidate,
                             apr_time_now(), x->params.subject, r->pool);
    }
}

/* What the client got comes from this attempt. */
static void take_answer(clp_exchange *x, const clp_attempt *a)
{
    const clp_relay *r = a->relay;

    if (r->guard) {
        x->outcome.usage = clp_guard_usage(r->guard);
        x->outcome.stop = clp_guard_stop(r->guard);
    }
    x->outcome.first_event = a->first_event;
    x->outcome.request_id = r->request_id ? apr_pstrdup(x->pool, r->request_id) : NULL;
    x->outcome.converted = !a->call.passthrough;
}

/* The client did not write what a counting upstream of another dialect refuses. */
static clp_verdict verdict_here(const clp_exchange *x, const clp_attempt *a, clp_verdict verdict)
{
    int foreign = x->params.operation == CLP_OP_COUNT_TOKENS && !a->call.passthrough;
    return foreign && verdict == CLP_VERDICT_GIVE ? CLP_VERDICT_NEXT_CHANNEL : verdict;
}

/* What it means for the client that nobody is left to ask. */
static clp_result result_of(const clp_exchange *x)
{
    return x->params.operation != CLP_OP_COUNT_TOKENS && clp_problem_is_clients(x->best)
               ? CLP_RESULT_CLIENT_ERROR
               : CLP_RESULT_FAILED;
}

/* It failed before it was committed: go on to the next candidate or to the client. */
static void attempt_failed(clp_exchange *x, clp_attempt *a, const clp_problem *problem,
                           clp_verdict verdict)
{
    const clp_candidate *next;

    verdict = verdict_here(x, a, verdict);
    close_attempt(x, a, problem, verdict);
    problem = record_of(x, a)->problem;
    if (verdict == CLP_VERDICT_GIVE) {
        clp_plan_after(x->params.plan, verdict);
        if (may_give_verbatim(x, a)) {
            give_verbatim(x, a);
        }
        else {
            tell(x, problem, CLP_RESULT_CLIENT_ERROR);
        }
        return;
    }
    x->best = clp_verdict_better(x->best, problem);
    next = x->outcome.attempts->nelts < x->params.max_attempts
               ? clp_plan_after(x->params.plan, verdict)
               : NULL;
    if (!next) {
        tell(x, x->best, result_of(x));
        return;
    }
    x->next = next;
}

/* What an attempt has come to after it was told something. */
static void look(void *ctx, clp_attempt *a, clp_transfer_end how)
{
    clp_exchange *x = ctx;
    clp_relay *r = a->relay;

    switch (r->state) {
    case CLP_RELAY_WAITING: break;
    case CLP_RELAY_COMMITTED:
        x->winner = a;
        take_head(x, &r->head);
        note_where(x, a);
        break;
    case CLP_RELAY_COMPLETE:
        x->winner = a;
        take_head(x, &r->head);
        note_where(x, a);
        take_answer(x, a);
        close_attempt(x, a, NULL, CLP_VERDICT_STOP);
        end(x, CLP_RESULT_OK);
        break;
    case CLP_RELAY_FAILED:
        attempt_failed(
            x, a, r->problem,
            r->status ? clp_judge_problem(r->problem, record_of(x, a)->candidate.channel).verdict
                      : clp_verdict_of_transfer(how));
        break;
    case CLP_RELAY_BROKEN:
        take_answer(x, a);
        close_attempt(x, a, r->problem, CLP_VERDICT_STOP);
        x->outcome.problem = record_of(x, a)->problem;
        x->broken = r->cut;
        end(x, CLP_RESULT_TRUNCATED);
        break;
    }
}

static void try_next(clp_exchange *x)
{
    clp_attempt_record *r = apr_array_push(x->outcome.attempts);
    clp_problem *problem;

    memset(r, 0, sizeof(*r));
    r->candidate = *x->next;
    r->started = apr_time_now();
    x->next = NULL;
    problem = clp_attempt_begin(&x->attempt, x->outcome.attempts->nelts - 1, &r->candidate,
                                &x->conversation);
    if (problem) {
        /* This upstream cannot take the request; another kind of upstream may. */
        attempt_failed(x, &x->attempt, problem, CLP_VERDICT_NEXT_CHANNEL);
    }
}

void clp_exchange_start(clp_exchange *x, apr_time_t now)
{
    x->outcome.started = now;
    x->last_taken = now;
    x->next = clp_plan_current(x->params.plan);
    clp_exchange_tick(x, now);
}

/* --- the driver's side ------------------------------------------------------------ */

static int may_keep_alive(const clp_exchange *x)
{
    int closing = x->winner && x->winner->grace_ends;
    return x->params.keepalive > 0 && x->params.client->keepalive && !x->done && !closing &&
           x->params.sniffed->stream && x->params.operation == CLP_OP_GENERATE;
}

void clp_exchange_tick(clp_exchange *x, apr_time_t now)
{
    while (x->next && !x->done) {
        try_next(x);
    }
    if (x->done) {
        return;
    }
    clp_attempt_tick(&x->attempt, now);
    if (may_keep_alive(x) && now - x->last_taken >= x->params.keepalive) {
        if (!x->head_ready) {
            clp_answer_head head;
            clp_relay_plain_head(&head, &x->params, 1, x->pool);
            take_head(x, &head);
        }
        x->keepalive_due = 1;
    }
}

apr_interval_time_t clp_exchange_wait(const clp_exchange *x, apr_time_t now)
{
    apr_interval_time_t wait = LONGEST_WAIT;
    if (x->next) {
        return 0;
    }
    if (x->attempt.grace_ends && x->attempt.grace_ends - now < wait) {
        wait = x->attempt.grace_ends - now;
    }
    if (may_keep_alive(x) && x->last_taken + x->params.keepalive - now < wait) {
        wait = x->last_taken + x->params.keepalive - now;
    }
    return wait > 0 ? wait : 0;
}

const clp_answer_head *clp_exchange_head(const clp_exchange *x)
{
    return x->head_ready ? &x->head : NULL;
}

clp_span clp_exchange_output(clp_exchange *x)
{
    if (!x->head_ready) {
        return clp_span_of("", 0);
    }
    if (x->keepalive_due) {
        return clp_span_str(x->params.client->keepalive);
    }
    if (!x->winner) {
        return clp_buffer_all(&x->told);
    }
    return clp_span_of(x->winner->out.p, x->winner->relay->sendable);
}

void clp_exchange_taken(clp_exchange *x, apr_time_t now)
{
    x->last_taken = now;
    if (x->keepalive_due) {
        x->keepalive_due = 0;
    }
    else if (x->winner) {
        clp_relay_sent(x->winner->relay);
    }
    else {
        clp_buffer_clear(&x->told);
    }
}

void clp_exchange_abort(clp_exchange *x)
{
    if (x->done) {
        return;
    }
    if (!record_of(x, &x->attempt)->ended) {
        if (x->attempt.relay) {
            take_answer(x, &x->attempt);
        }
        close_attempt(x, &x->attempt, NULL, CLP_VERDICT_STOP);
    }
    x->next = NULL;
    x->winner = NULL; /* what it still has to say reaches nobody */
    x->broken = 1;
    end(x, CLP_RESULT_CLIENT_GONE);
}

int clp_exchange_done(const clp_exchange *x)
{
    return x->done;
}

int clp_exchange_broken(const clp_exchange *x)
{
    return x->broken;
}

const clp_outcome *clp_exchange_outcome(const clp_exchange *x)
{
    return &x->outcome;
}
