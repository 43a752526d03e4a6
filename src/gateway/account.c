/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/account.h"

#include "sched/affinity.h"
#include "sched/health_check.h"
#include "sched/standing.h"
#include "state/counters.h"
#include "state/history.h"
#include "state/row_claim.h"

/* --- posting -------------------------------------------------------------------- */

static apr_uint32_t fit(apr_int64_t n)
{
    return n <= 0 ? 0 : n > APR_UINT32_MAX ? APR_UINT32_MAX : (apr_uint32_t)n;
}

static void add_tokens(clp_booking *b, const clp_usage *u)
{
    const apr_int64_t told[CLP_TOKEN_KINDS] = {
        [CLP_TOKENS_IN] = u->input,
        [CLP_TOKENS_OUT] = u->output,
        [CLP_TOKENS_CACHE_READ] = u->cache_read,
        [CLP_TOKENS_CACHE_WRITE] = u->cache_write,
        [CLP_TOKENS_REASONING] = u->reasoning,
    };
    for (int i = 0; i < CLP_TOKEN_KINDS; i++) {
        b->tokens[i] = fit((apr_int64_t)b->tokens[i] + fit(told[i]));
    }
}

static clp_booking begin_booking(const clp_account *a, clp_booking_kind kind, clp_booked result,
                                 int status, apr_time_t began, apr_time_t ended)
{
    clp_booking b;

    memset(&b, 0, sizeof(b));
    b.kind = (apr_byte_t)kind;
    b.protocol = (apr_byte_t)a->protocol;
    b.result = (apr_byte_t)result;
    b.flags = a->stream ? CLP_BOOKED_STREAM : 0;
    b.status = (apr_uint16_t)status;
    b.at = ended;
    b.duration_ms = fit(apr_time_as_msec(ended - began));
    return b;
}

/* Of a document the first event is also the last: that says nothing of how soon a channel
 * begins to speak. */
static apr_uint32_t first_token(const clp_account *a, apr_time_t began, apr_time_t first)
{
    return a->stream && first > began ? fit(first - began) : 0;
}

void clp_account_attempt(const clp_account *a, const clp_attempt_record *r, int left)
{
    const clp_candidate *c = &r->candidate;
    clp_booking b;

    if (!a->tables) {
        return;
    }
    b = begin_booking(a, CLP_BOOK_ATTEMPT, r->booked, r->status, r->started, r->ended);
    if (left) {
        b.flags |= CLP_BOOKED_LEFT;
    }
    if (a->aside) {
        b.flags |= CLP_BOOKED_ASIDE;
    }
    if (c->probe) {
        b.flags |= CLP_BOOKED_PROBE;
        b.probe = c->probe;
    }
    b.attempts = 1;
    b.channel = c->channel->row;
    b.key = c->key ? c->key->row : b.key;
    b.circuit = c->circuit;
    b.model_id = c->model_id;
    b.policy = clp_breaker_pack(&c->channel->breaker);
    b.cooldown = clp_cooldown_pack(&c->channel->cooldown);
    b.first_token_us = first_token(a, r->started, r->first_event);
    if (r->problem && r->problem->retry_after_ms >= 0) {
        b.retry_at = r->ended + apr_time_from_msec(r->problem->retry_after_ms);
    }
    add_tokens(&b, &r->usage);
    clp_ledger_post(a->tables->ledger, &b);
}

/* Names that only clients know get no row: it takes an answer to make one. */
static clp_row_ref model_row(const clp_account *a, clp_booked result, apr_time_t now)
{
    clp_row_ref none = {CLP_NO_ROW, 0};
    clp_span name = clp_span_str(a->model ? a->model : "");

    if (!name.n) {
        return none;
    }
    return result == CLP_BOOKED_SUCCESS
               ? clp_tables_model(a->tables, name, now)
               : clp_tables_find(a->tables, CLP_TABLE_MODELS, clp_row_id(name));
}

static void post_request(const clp_account *a, clp_booking *b)
{
    b->model = model_row(a, (clp_booked)b->result, b->at);
    if (a->user && *a->user) {
        b->user = clp_tables_user(a->tables, clp_span_str(a->user), b->at);
    }
    clp_ledger_post(a->tables->ledger, b);
}

static void bind_conversation(const clp_account *a, const clp_outcome *o, const clp_candidate *c)
{
    if (a->affinity && a->conversation) {
        clp_affinity_put(a->affinity, a->conversation, c->channel, c->key,
                         o->ended + a->affinity_time);
    }
}

void clp_account_request(const clp_account *a, const clp_outcome *o)
{
    const clp_attempt_record *last = clp_outcome_last(o);
    clp_booking b;

    if (!a->tables || a->aside) {
        return;
    }
    b = begin_booking(a, CLP_BOOK_REQUEST, o->booked, o->status, o->started, o->ended);
    b.first_token_us = first_token(a, o->started, o->first_event);
    b.attempts = (apr_uint16_t)o->attempts->nelts;
    for (int i = 0; i < o->attempts->nelts; i++) {
        add_tokens(&b, &APR_ARRAY_IDX(o->attempts, i, clp_attempt_record).usage);
    }
    if (last) {
        b.channel = last->candidate.channel->row;
        b.key = last->candidate.key ? last->candidate.key->row : b.key;
    }
    post_request(a, &b);
    if (last && o->booked == CLP_BOOKED_SUCCESS) {
        bind_conversation(a, o, &last->candidate);
    }
}

static clp_booked booked_of_refusal(const clp_problem *problem, int status)
{
    if (!status) {
        return CLP_BOOKED_ABORTED;
    }
    if (problem && (problem->cls == CLP_OVERLOADED || problem->cls == CLP_RATE_LIMITED)) {
        return CLP_BOOKED_NO_CHANNEL;
    }
    return status < 500 ? CLP_BOOKED_CLIENT_ERROR : CLP_BOOKED_SERVER_ERROR;
}

void clp_account_refused(const clp_account *a, const clp_problem *problem, int status,
                         apr_time_t began, apr_time_t now)
{
    clp_booking b;

    if (!a->tables || a->aside) {
        return;
    }
    b = begin_booking(a, CLP_BOOK_REQUEST, booked_of_refusal(problem, status), status, began, now);
    post_request(a, &b);
}

/* --- entering ------------------------------------------------------------------- */

static void enter_history(const clp_tables *t, const clp_booking *b, clp_writes *w)
{
    unsigned channel = clp_tables_row(t, CLP_TABLE_CHANNELS, b->channel);
    unsigned key = clp_tables_row(t, CLP_TABLE_KEYS, b->key);
    clp_history_sums sums = clp_history_of(b);

    if (b->result == CLP_BOOKED_HEDGE_LOST) {
        sums.of[CLP_POINT_REQUESTS] = 0; /* only what it cost */
    }
    if (channel != CLP_NO_ROW) {
        clp_channel_history_enter(w, &t->channel_history[channel], b->at, &sums);
    }
    if (key != CLP_NO_ROW) {
        clp_history_enter(w, clp_history_quarters(&t->key_history[key]), b->at, &sums);
    }
}

/* Row 0 of models and users counts what has no row. */
static void enter_request(const clp_tables *t, const clp_booking *b, clp_writes *w)
{
    unsigned protocol = b->protocol < CLP_PROTOCOLS ? b->protocol : CLP_PROTOCOL_OTHER;
    unsigned channel = clp_tables_row(t, CLP_TABLE_CHANNELS, b->channel);
    unsigned key = clp_tables_row(t, CLP_TABLE_KEYS, b->key);
    unsigned model = clp_tables_row(t, CLP_TABLE_MODELS, b->model);
    unsigned user = clp_tables_row(t, CLP_TABLE_USERS, b->user);

    clp_traffic_enter(w, &t->head->protocols[protocol], b);
    if (channel != CLP_NO_ROW) {
        clp_traffic_enter(w, &t->channels[channel].protocols[protocol], b);
    }
    if (key != CLP_NO_ROW) {
        clp_counters_enter(w, &t->keys[key].counts, b);
    }
    clp_model_enter(w, &t->models[model], b);
    clp_writes_max(w, &t->models[model].head.used, (apr_uint64_t)b->at);
    clp_counters_enter(w, &t->users[user].counts, b);
    clp_writes_max(w, &t->users[user].head.used, (apr_uint64_t)b->at);
}

void clp_account_enter(void *tables, const clp_booking *b, clp_writes *w)
{
    const clp_tables *t = tables;

    if (b->kind == CLP_BOOK_REQUEST) {
        enter_request(t, b, w);
    }
    else if (b->kind == CLP_BOOK_ATTEMPT && b->flags & CLP_BOOKED_HEALTH) {
        clp_health_enter(t, b, w);
    }
    else if (b->kind == CLP_BOOK_ATTEMPT) {
        clp_standing_enter(t, b, w);
        if (!(b->flags & CLP_BOOKED_ASIDE)) {
            enter_history(t, b, w);
        }
    }
}
