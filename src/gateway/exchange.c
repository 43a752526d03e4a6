/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/exchange.h"

#include <apr_strings.h>

#include "gateway/thread_pins.h"
#include "relay.h"
#include "sched/verdict.h"
#include "upstream/headers.h"
#include "wire/log.h"
#include "wire/text.h"

/* A driver looks up at least this often: an HTTP/2 client that leaves is seen
 * only by looking. */
#define LONGEST_WAIT apr_time_from_msec(500)

/* An upstream whose answer is whole may take this long to end its body, so
 * that its connection can be used again. The client waits for none of it. */
#define GRACE apr_time_from_msec(500)

/* What an upstream says of its failure is worth waiting for, but not for long. */
#define ERROR_GRACE apr_time_from_sec(15)

struct clp_exchange {
    clp_exchange_params params;
    apr_pool_t *pool;
    clp_outcome outcome;
    clp_conversation *conversation; /* read on the first converted attempt */
    clp_buffer out;                 /* bytes for the client, of one attempt at a time */
    clp_answer_head head;
    int head_ready;
    int keepalive_due;
    int done;
    int broken;
    apr_time_t last_taken;   /* when the client last got something */
    apr_time_t grace_ends;   /* 0 = none runs */
    const clp_problem *best; /* the most useful failure so far */

    /* Attempts begin in start() and tick() only: a failed one's memory must not go while its
     * transport's callback is still on the stack. */
    const clp_candidate *next; /* to be tried by the next tick */

    /* the attempt that runs */
    apr_pool_t *attempt_pool;
    clp_call call;
    clp_relay *relay;
    clp_transfer *transfer; /* NULL once it ended */
};

clp_exchange *clp_exchange_make(const clp_exchange_params *params, apr_pool_t *pool)
{
    clp_exchange *x = apr_pcalloc(pool, sizeof(*x));
    x->params = *params;
    x->pool = pool;
    x->outcome.attempts = apr_array_make(pool, 4, sizeof(clp_attempt));
    x->outcome.usage = CLP_USAGE_NONE;
    clp_buffer_init(&x->out, pool, 0);
    return x;
}

static clp_attempt *attempt(clp_exchange *x)
{
    return &APR_ARRAY_IDX(x->outcome.attempts, x->outcome.attempts->nelts - 1, clp_attempt);
}

static void cancel_transfer(clp_exchange *x)
{
    if (x->transfer) {
        x->params.transport->cancel(x->params.transport, x->transfer);
        x->transfer = NULL;
    }
}

static void end(clp_exchange *x, clp_result result)
{
    cancel_transfer(x);
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
    writer = x->params.client->open_writer(&options, &x->out, x->pool);
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
    clp_buffer_clear(&x->out);
    if (x->head_ready) {
        tell_in_stream(x, problem);
        end(x, result);
        return;
    }
    x->params.client->write_problem(problem, &x->out);
    clp_relay_plain_head(&head, &x->params, 0, x->pool);
    head.status = x->params.client->problem_status(problem);
    head.length = (apr_int64_t)x->out.n;
    clp_relay_set_request_id(head.headers, x->params.client, problem->request_id);
    add_retry_headers(head.headers, problem->retry_after_ms, x->pool);
    take_head(x, &head);
    end(x, result);
}

/* The client's own fault, told by an upstream of its own protocol: verbatim. */
static void give_verbatim(clp_exchange *x)
{
    clp_relay *r = x->relay;
    x->outcome.problem = attempt(x)->problem;
    clp_buffer_clear(&x->out);
    clp_buffer_span(&x->out, clp_buffer_all(&r->error_body));
    take_head(x, &r->head);
    end(x, CLP_RESULT_CLIENT_ERROR);
}

/* An upstream may tell in its error what it was sent. */
static const clp_problem *keep_problem(clp_exchange *x, const clp_problem *problem)
{
    const clp_key *key = attempt(x)->candidate.key;
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

static int may_give_verbatim(const clp_exchange *x, const clp_candidate *candidate)
{
    return x->relay && x->relay->verbatim && !x->head_ready &&
           !(candidate->key &&
             clp_holds_secret(clp_buffer_all(&x->relay->error_body), candidate->key->secret));
}

/* --- attempts ------------------------------------------------------------------ */

static void log_failure(clp_exchange *x, const clp_attempt *a)
{
    /* A client's own fault is nothing an operator has to mend. */
    clp_log_level level = clp_problem_is_clients(a->problem) ? CLP_LOG_INFO : CLP_LOG_WARNING;
    clp_log(x->params.subject, level, 0, 1300,
            "attempt %d: channel %s, key %s, url %d failed after %" APR_INT64_T_FMT
            " ms: status %d, %s (%s%s%s); then: %s",
            x->outcome.attempts->nelts, a->candidate.channel->name,
            a->candidate.key ? a->candidate.key->mask : "-", a->candidate.url_index,
            apr_time_as_msec(a->ended - a->started), a->status,
            clp_problem_class_name(a->problem->cls), a->problem->message,
            a->problem->cause ? ": " : "", a->problem->cause ? a->problem->cause : "",
            clp_verdict_name(a->verdict));
}

/* Close the books of the running attempt with what went wrong, and go on to
 * the next candidate or to the client. */
static void attempt_failed(clp_exchange *x, const clp_problem *problem, clp_verdict verdict)
{
    clp_attempt *a = attempt(x);
    const clp_candidate *next;

    x->next = NULL;
    a->ended = apr_time_now();
    a->status = x->relay ? x->relay->status : 0;
    a->problem = keep_problem(x, problem);
    a->verdict = verdict;
    cancel_transfer(x);
    log_failure(x, a);
    if (verdict == CLP_VERDICT_GIVE) {
        clp_plan_after(x->params.plan, verdict);
        if (may_give_verbatim(x, &a->candidate)) {
            give_verbatim(x);
        }
        else {
            tell(x, a->problem, CLP_RESULT_CLIENT_ERROR);
        }
        return;
    }
    x->best = clp_verdict_better(x->best, a->problem);
    next = x->outcome.attempts->nelts < x->params.max_attempts
               ? clp_plan_after(x->params.plan, verdict)
               : NULL;
    if (!next) {
        tell(x, x->best,
             clp_problem_is_clients(x->best) ? CLP_RESULT_CLIENT_ERROR : CLP_RESULT_FAILED);
        return;
    }
    clp_buffer_clear(&x->out);
    x->next = next;
}

static void served(clp_exchange *x)
{
    clp_relay *r = x->relay;
    clp_attempt *a = attempt(x);
    a->ended = apr_time_now();
    a->status = r->status;
    if (r->guard) {
        x->outcome.usage = clp_guard_usage(r->guard);
        x->outcome.stop = clp_guard_stop(r->guard);
    }
    x->outcome.request_id = r->request_id ? apr_pstrdup(x->pool, r->request_id) : NULL;
    x->outcome.converted = !x->call.passthrough;
    if (r->answer_id) {
        clp_thread_pins_note(x->params.pins, x->params.scope, r->answer_id, &a->candidate, a->ended,
                             r->pool);
    }
}

/* What the relay has come to after it was told something. */
static void look(clp_exchange *x, clp_transfer_end how)
{
    clp_relay *r = x->relay;

    if (!x->outcome.first_event && r->guard && clp_guard_meaningful(r->guard)) {
        x->outcome.first_event = apr_time_now();
    }
    switch (r->state) {
    case CLP_RELAY_WAITING: break;
    case CLP_RELAY_COMMITTED:
        take_head(x, &r->head);
        if (!x->grace_ends && r->guard && clp_guard_ended(r->guard) && x->transfer) {
            x->grace_ends = apr_time_now() + GRACE;
        }
        break;
    case CLP_RELAY_COMPLETE:
        take_head(x, &r->head);
        served(x);
        end(x, CLP_RESULT_OK);
        break;
    case CLP_RELAY_FAILED:
        attempt_failed(x, r->problem,
                       r->status ? clp_verdict_of_problem(r->problem)
                                 : clp_verdict_of_transfer(how));
        break;
    case CLP_RELAY_BROKEN:
        served(x);
        attempt(x)->problem = x->outcome.problem = keep_problem(x, r->problem);
        attempt(x)->verdict = CLP_VERDICT_STOP;
        log_failure(x, attempt(x));
        x->broken = r->cut;
        end(x, CLP_RESULT_TRUNCATED);
        break;
    }
}

static void on_head(void *ctx, int status, const apr_table_t *headers)
{
    clp_exchange *x = ctx;
    clp_relay_head(x->relay, status, headers);
    if (status < 200 || status > 299) {
        x->grace_ends = apr_time_now() + ERROR_GRACE;
    }
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    clp_exchange *x = ctx;
    clp_relay_bytes(x->relay, p, n);
    look(x, CLP_TRANSFER_DONE);
}

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    clp_exchange *x = ctx;
    x->transfer = NULL;
    if (how != CLP_TRANSFER_DONE) {
        clp_log(x->params.subject, CLP_LOG_INFO, 0, 1301, "channel %s: transfer ended: %s (%s)",
                attempt(x)->candidate.channel->name, clp_transfer_end_text(how),
                detail ? detail : "no detail");
    }
    clp_relay_end(x->relay, how);
    look(x, how);
}

static void try_next(clp_exchange *x)
{
    clp_transfer_handler handler = {x, on_head, on_bytes, on_end};
    clp_attempt *a = apr_array_push(x->outcome.attempts);
    clp_problem *problem;

    memset(a, 0, sizeof(*a));
    a->candidate = *x->next;
    x->next = NULL;
    x->grace_ends = 0;
    a->started = apr_time_now();
    if (x->attempt_pool) {
        apr_pool_destroy(x->attempt_pool);
    }
    apr_pool_create(&x->attempt_pool, x->pool);
    apr_pool_tag(x->attempt_pool, "clp_attempt");
    x->relay = NULL;
    problem = clp_call_make(&x->call, &x->params, &a->candidate, &x->conversation, x->pool,
                            x->attempt_pool);
    if (problem) {
        /* This upstream cannot take the request; another kind of upstream may. */
        attempt_failed(x, problem, CLP_VERDICT_NEXT_CHANNEL);
        return;
    }
    x->relay =
        clp_relay_make(&x->params, &x->call, &a->candidate,
                       x->call.passthrough ? NULL : x->conversation, &x->out, x->attempt_pool);
    x->transfer = x->params.transport->start(x->params.transport, &x->call.request, &handler,
                                             x->attempt_pool);
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
    int closing = x->grace_ends && x->relay && x->relay->state == CLP_RELAY_COMMITTED;
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
    if (x->grace_ends && now >= x->grace_ends) {
        clp_transfer_end how =
            x->relay->state == CLP_RELAY_COMMITTED ? CLP_TRANSFER_DONE : CLP_TRANSFER_LATE_TOTAL;
        clp_relay_end(x->relay, how);
        look(x, how);
        return;
    }
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
    if (x->grace_ends && x->grace_ends - now < wait) {
        wait = x->grace_ends - now;
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

/* After the end all of `out` is the client's; before, what the relay releases. */
static apr_size_t releasable(const clp_exchange *x)
{
    return x->done ? x->out.n : x->relay ? x->relay->sendable : 0;
}

clp_span clp_exchange_output(clp_exchange *x)
{
    if (!x->head_ready) {
        return clp_span_of("", 0);
    }
    if (x->keepalive_due) {
        return clp_span_str(x->params.client->keepalive);
    }
    return clp_span_of(x->out.p, releasable(x));
}

void clp_exchange_taken(clp_exchange *x, apr_time_t now)
{
    x->last_taken = now;
    if (x->keepalive_due) {
        x->keepalive_due = 0;
        return;
    }
    if (x->done) {
        clp_buffer_clear(&x->out);
    }
    else if (x->relay) {
        clp_relay_sent(x->relay);
    }
}

void clp_exchange_abort(clp_exchange *x, apr_time_t now)
{
    if (x->done) {
        return;
    }
    if (x->relay) {
        served(x);
    }
    attempt(x)->ended = now;
    x->next = NULL;
    clp_buffer_clear(&x->out);
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
