/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/standing.h"

#include "sched/breaker.h"
#include "sched/cooldown.h"
#include "state/rate_window.h"

/* A new time to first token has this share in the moving average: one in ... */
#define LATENCY_SHARE 8

clp_booked clp_booked_of(const clp_problem *p, clp_fault fault)
{
    switch (fault) {
    case CLP_FAULT_KEY: return CLP_BOOKED_AUTH;
    case CLP_FAULT_QUOTA_KEY: return CLP_BOOKED_QUOTA;
    case CLP_FAULT_QUOTA_MODEL: return CLP_BOOKED_RATE_LIMITED;
    case CLP_FAULT_OVERLOAD: return CLP_BOOKED_OVERLOADED;
    case CLP_FAULT_PROVIDER:
        if (p->cls == CLP_TIMED_OUT) {
            return CLP_BOOKED_TIMEOUT;
        }
        return p->status >= 300   ? CLP_BOOKED_SERVER_ERROR
               : p->status >= 200 ? CLP_BOOKED_GARBAGE
                                  : CLP_BOOKED_TRANSPORT;
    case CLP_FAULT_NONE: break;
    }
    return p->cls == CLP_NOT_FOUND || p->cls == CLP_NOT_IMPLEMENTED || p->cls == CLP_OVERLOADED
               ? CLP_BOOKED_NO_MODEL
               : CLP_BOOKED_CLIENT_ERROR;
}

clp_fault clp_fault_of_booked(clp_booked result)
{
    switch (result) {
    case CLP_BOOKED_AUTH: return CLP_FAULT_KEY;
    case CLP_BOOKED_QUOTA: return CLP_FAULT_QUOTA_KEY;
    case CLP_BOOKED_RATE_LIMITED: return CLP_FAULT_QUOTA_MODEL;
    case CLP_BOOKED_OVERLOADED: return CLP_FAULT_OVERLOAD;
    case CLP_BOOKED_TRUNCATED:
    case CLP_BOOKED_SERVER_ERROR:
    case CLP_BOOKED_TIMEOUT:
    case CLP_BOOKED_TRANSPORT:
    case CLP_BOOKED_GARBAGE:
    case CLP_BOOKED_EMPTY: return CLP_FAULT_PROVIDER;
    case CLP_BOOKED_SUCCESS:
    case CLP_BOOKED_CLIENT_ERROR:
    case CLP_BOOKED_ABORTED:
    case CLP_BOOKED_NO_MODEL:
    case CLP_BOOKED_NO_CHANNEL:
    case CLP_BOOKED_HEDGE_LOST:
    case CLP_BOOKED_RESULTS: break;
    }
    return CLP_FAULT_NONE;
}

/* What a result says of a circuit. */
typedef enum effect { SAYS_NOTHING, SAYS_SUCCESS, SAYS_FAILURE } effect;

static void enter_circuit(clp_writes *w, clp_circuit *c, const clp_booking *b, effect e)
{
    clp_breaker_policy policy = clp_breaker_unpack(b->policy);
    if (e == SAYS_NOTHING) {
        clp_breaker_enter_nothing(w, c, b->probe);
    }
    else {
        clp_breaker_enter(w, c, &policy, e == SAYS_FAILURE, b->at, b->probe);
    }
}

static apr_uint64_t tokens_of(const clp_booking *b)
{
    return (apr_uint64_t)b->tokens[CLP_TOKENS_IN] + b->tokens[CLP_TOKENS_OUT] +
           b->tokens[CLP_TOKENS_CACHE_READ] + b->tokens[CLP_TOKENS_CACHE_WRITE];
}

static void enter_latency(clp_writes *w, clp_channel_row *row, apr_uint32_t us)
{
    apr_uint64_t was = clp_writes_get(w, &row->first_token_us);
    if (us) {
        clp_writes_set(w, &row->first_token_us,
                       was ? was - was / LATENCY_SHARE + us / LATENCY_SHARE : us);
    }
}

static void enter_channel(clp_writes *w, clp_channel_row *row, const clp_booking *b,
                          clp_fault fault)
{
    clp_cooldown_policy cooldown = clp_cooldown_unpack(b->cooldown);
    int left = (b->flags & CLP_BOOKED_LEFT) != 0;
    effect e = SAYS_NOTHING;
    if (b->result == CLP_BOOKED_SUCCESS) {
        e = SAYS_SUCCESS;
        clp_cooldown_enter_over(w, &row->cooling);
        clp_writes_max(w, &row->last_success, (apr_uint64_t)b->at);
        clp_writes_set(w, &row->failures, 0);
        enter_latency(w, row, b->first_token_us);
    }
    else if (fault == CLP_FAULT_OVERLOAD && b->retry_at) {
        clp_cooldown_enter(w, &row->cooling, &cooldown, b->retry_at, b->at);
    }
    else if (left && (fault == CLP_FAULT_PROVIDER || fault == CLP_FAULT_OVERLOAD)) {
        e = SAYS_FAILURE;
    }
    if (fault != CLP_FAULT_NONE) {
        clp_writes_max(w, &row->last_failure, (apr_uint64_t)b->at);
        clp_writes_add(w, &row->failures, 1);
    }
    enter_circuit(w, &row->circuit, b, e);
    clp_writes_add(w, &row->attempts[b->result % CLP_BOOKED_ROOM], 1);
    clp_rate_enter(w, &row->tokens, b->at, tokens_of(b));
    clp_writes_max(w, &row->head.used, (apr_uint64_t)b->at);
}

static void enter_key(clp_writes *w, clp_key_row *row, const clp_booking *b, clp_fault fault)
{
    clp_cooldown_policy cooldown = clp_cooldown_unpack(b->cooldown);
    if (b->result == CLP_BOOKED_SUCCESS) {
        clp_cooldown_enter_over(w, &row->cooling);
        clp_cooldown_enter_model_over(w, row, b->model_id);
        clp_writes_max(w, &row->last_success, (apr_uint64_t)b->at);
        clp_writes_set(w, &row->failures, 0);
    }
    else if (fault == CLP_FAULT_QUOTA_MODEL && b->model_id) {
        clp_cooldown_enter_model(w, row, b->model_id, &cooldown, b->retry_at, b->at);
    }
    else if (fault == CLP_FAULT_QUOTA_KEY || fault == CLP_FAULT_QUOTA_MODEL) {
        clp_cooldown_enter(w, &row->cooling, &cooldown, b->retry_at, b->at);
    }
    if (fault != CLP_FAULT_NONE) {
        clp_writes_max(w, &row->last_failure, (apr_uint64_t)b->at);
        clp_writes_add(w, &row->failures, 1);
    }
    clp_writes_add(w, &row->attempts[b->result % CLP_BOOKED_ROOM], 1);
    clp_rate_enter(w, &row->tokens, b->at, tokens_of(b));
    clp_writes_max(w, &row->head.used, (apr_uint64_t)b->at);
}

static effect says_of_pair(const clp_booking *b, clp_fault fault)
{
    if (b->result == CLP_BOOKED_SUCCESS) {
        return SAYS_SUCCESS;
    }
    return fault == CLP_FAULT_PROVIDER || fault == CLP_FAULT_KEY ||
                   (fault == CLP_FAULT_OVERLOAD && !b->retry_at)
               ? SAYS_FAILURE
               : SAYS_NOTHING;
}

void clp_standing_enter(const clp_tables *t, const clp_booking *b, clp_writes *w)
{
    clp_fault fault = clp_fault_of_booked((clp_booked)b->result);
    unsigned channel = clp_tables_row(t, CLP_TABLE_CHANNELS, b->channel);
    unsigned key = clp_tables_row(t, CLP_TABLE_KEYS, b->key);
    unsigned circuit = clp_tables_row(t, CLP_TABLE_CIRCUITS, b->circuit);
    if (channel != CLP_NO_ROW) {
        enter_channel(w, &t->channels[channel], b, fault);
    }
    if (key != CLP_NO_ROW) {
        enter_key(w, &t->keys[key], b, fault);
    }
    if (circuit != CLP_NO_ROW) {
        enter_circuit(w, &t->circuits[circuit].circuit, b, says_of_pair(b, fault));
        clp_writes_max(w, &t->circuits[circuit].head.used, (apr_uint64_t)b->at);
    }
}
