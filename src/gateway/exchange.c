/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/exchange.h"

#include <apr_strings.h>

#include "attempt_record.h"
#include "gateway/thread_pins.h"
#include "race.h"
#include "shown.h"
#include "upstream/headers.h"
#include "wire/text.h"

/* A driver looks up at least this often: an HTTP/2 client that leaves is seen
 * only by looking. */
#define LONGEST_WAIT apr_time_from_msec(500)

struct clp_exchange {
    clp_exchange_params params;
    apr_pool_t *pool;
    clp_outcome outcome;
    clp_race race;
    clp_buffer told; /* what the client is told instead of an answer */
    clp_answer_head head;
    int head_ready;
    int keepalive_due;
    int done;
    int broken;
    apr_time_t last_taken; /* when the client last got something */
};

static clp_booked booked_of(const clp_exchange *x, clp_result result)
{
    switch (result) {
    case CLP_RESULT_OK: return CLP_BOOKED_SUCCESS;
    case CLP_RESULT_CLIENT_ERROR: return CLP_BOOKED_CLIENT_ERROR;
    case CLP_RESULT_TRUNCATED: return CLP_BOOKED_TRUNCATED;
    case CLP_RESULT_RUNNING:
    case CLP_RESULT_CLIENT_GONE: return CLP_BOOKED_ABORTED;
    case CLP_RESULT_FAILED: break;
    }
    return x->race.best.booked;
}

/* Every request comes here, once, when all of its attempts are booked. */
static void end(clp_exchange *x, clp_result result)
{
    x->outcome.result = result;
    x->outcome.booked = booked_of(x, result);
    x->outcome.ended = clp_exchange_clock(&x->params);
    x->done = 1;
    if (x->params.account) {
        clp_account_request(x->params.account, &x->outcome);
    }
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

static void tell_in_stream(clp_exchange *x, const clp_problem *problem)
{
    clp_writer_options options;
    clp_writer *writer;
    clp_event e = clp_event_of(CLP_EVENT_PROBLEM);

    memset(&options, 0, sizeof(options));
    options.stream = 1;
    options.id = clp_random_base62(24, x->pool);
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
    clp_answer_head_problem(&head, &x->params, problem, x->told.n, x->pool);
    take_head(x, &head);
    end(x, result);
}

static int may_give_verbatim(const clp_exchange *x, const clp_attempt *a)
{
    return a->relay && a->relay->verbatim && !x->head_ready &&
           !clp_shown_in(clp_buffer_all(&a->relay->error_body), &a->candidate, x->pool);
}

/* The client's own fault, told by an upstream: verbatim if that speaks the client's protocol. */
static void refuse(clp_exchange *x, const clp_attempt *a)
{
    const clp_problem *problem = clp_attempt_record_of(&x->outcome, a)->problem;

    if (!may_give_verbatim(x, a)) {
        tell(x, problem, CLP_RESULT_CLIENT_ERROR);
        return;
    }
    x->outcome.problem = problem;
    clp_buffer_span(&x->told, clp_buffer_all(&a->relay->error_body));
    take_head(x, &a->relay->head);
    end(x, CLP_RESULT_CLIENT_ERROR);
}

/* --- what the race tells ------------------------------------------------------- */

/* Before the client has the whole answer, or it might go on from it too soon. */
static void note_where(clp_exchange *x, const clp_attempt *a)
{
    if (a->relay->answer_id) {
        clp_thread_pins_note(x->params.pins, x->params.scope, a->relay->answer_id, &a->candidate,
                             clp_exchange_clock(&x->params), x->params.subject, a->pool);
    }
}

/* What the client got comes from this attempt. */
static void take_answer(clp_exchange *x, const clp_attempt *a)
{
    const clp_relay *r = a->relay;

    x->outcome.winner = a->number;
    if (r->guard) {
        x->outcome.usage = clp_guard_usage(r->guard);
        x->outcome.stop = clp_guard_stop(r->guard);
    }
    x->outcome.first_event = a->first_event;
    x->outcome.request_id = apr_pstrdup(x->pool, r->upstream.request_id);
    x->outcome.converted = !a->call.passthrough;
}

/* What it means for the client that nobody is left to ask. */
static clp_result result_of(const clp_exchange *x)
{
    return x->params.operation != CLP_OP_COUNT_TOKENS &&
                   clp_problem_is_clients(x->race.best.problem)
               ? CLP_RESULT_CLIENT_ERROR
               : CLP_RESULT_FAILED;
}

static void on_news(void *ctx, clp_race_news news, const clp_attempt *a)
{
    clp_exchange *x = ctx;

    switch (news) {
    case CLP_RACE_COMMITTED:
        take_head(x, &a->relay->head);
        note_where(x, a);
        break;
    case CLP_RACE_COMPLETE:
        take_answer(x, a);
        end(x, CLP_RESULT_OK);
        break;
    case CLP_RACE_BROKEN:
        take_answer(x, a);
        x->outcome.problem = clp_attempt_record_of(&x->outcome, a)->problem;
        x->broken = a->relay->cut;
        end(x, CLP_RESULT_TRUNCATED);
        break;
    case CLP_RACE_REFUSED: refuse(x, a); break;
    case CLP_RACE_FAILED: tell(x, x->race.best.problem, result_of(x)); break;
    }
}

clp_exchange *clp_exchange_make(const clp_exchange_params *params, apr_pool_t *pool)
{
    clp_exchange *x = apr_pcalloc(pool, sizeof(*x));
    x->params = *params;
    x->pool = pool;
    x->outcome.attempts = apr_array_make(pool, 4, sizeof(clp_attempt_record));
    x->outcome.winner = -1;
    x->outcome.usage = CLP_USAGE_NONE;
    clp_race_init(&x->race, &x->params, &x->outcome, on_news, x, pool);
    clp_buffer_init(&x->told, pool, 0);
    return x;
}

void clp_exchange_start(clp_exchange *x, apr_time_t now)
{
    x->outcome.started = now;
    x->last_taken = now;
    clp_race_begin(&x->race, now);
}

/* --- the driver's side ------------------------------------------------------------ */

static int may_keep_alive(const clp_exchange *x)
{
    int closing = x->race.winner && x->race.winner->grace_ends;
    return x->params.keepalive > 0 && x->params.client->keepalive && !x->done && !closing &&
           x->params.sniffed->stream && x->params.operation == CLP_OP_GENERATE;
}

void clp_exchange_tick(clp_exchange *x, apr_time_t now)
{
    if (x->done) {
        return;
    }
    clp_race_tick(&x->race, now);
    if (may_keep_alive(x) && now - x->last_taken >= x->params.keepalive) {
        if (!x->head_ready) {
            clp_answer_head head;
            clp_answer_head_plain(&head, &x->params, 1, x->pool);
            take_head(x, &head);
        }
        x->keepalive_due = 1;
    }
}

apr_interval_time_t clp_exchange_wait(const clp_exchange *x, apr_time_t now)
{
    apr_interval_time_t wait = LONGEST_WAIT;
    apr_time_t due = clp_race_due(&x->race);

    if (due < now + wait) {
        wait = due - now;
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
    if (!x->race.winner) {
        return clp_buffer_all(&x->told);
    }
    return clp_span_of(x->race.winner->out.p, x->race.winner->relay->sendable);
}

void clp_exchange_taken(clp_exchange *x, apr_time_t now)
{
    x->last_taken = now;
    if (x->keepalive_due) {
        x->keepalive_due = 0;
    }
    else if (x->race.winner) {
        clp_relay_sent(x->race.winner->relay);
    }
    else {
        clp_buffer_clear(&x->told);
    }
}

/* Has the client got a whole answer, whose upstream only has yet to end its body? */
static int has_all(const clp_exchange *x)
{
    const clp_attempt *a = x->race.winner;
    return a && a->grace_ends && !a->relay->sendable;
}

void clp_exchange_abort(clp_exchange *x)
{
    const clp_attempt *a = x->race.winner ? x->race.winner : x->race.lead;

    if (x->done) {
        return;
    }
    if (has_all(x)) {
        clp_attempt_tick(x->race.winner, x->race.winner->grace_ends);
        return;
    }
    if (a->open && a->relay) {
        take_answer(x, a);
    }
    clp_race_stop(&x->race, CLP_ATTEMPT_ABORTED);
    x->race.winner = NULL; /* what it still has to say reaches nobody */
    x->keepalive_due = 0;
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
