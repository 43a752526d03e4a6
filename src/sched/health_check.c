/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/health_check.h"

#include "sched/breaker.h"
#include "sched/standing.h"

/* Where the thresholds are in a booking. */
enum { AT_RISE = 0, AT_FALL = 1 };

int clp_health_failed(clp_booked result)
{
    clp_fault fault = clp_fault_of_booked(result);
    return fault == CLP_FAULT_PROVIDER || fault == CLP_FAULT_OVERLOAD;
}

void clp_health_book(clp_booking *b, const clp_health_check *health)
{
    b->kind = CLP_BOOK_ATTEMPT;
    b->flags = CLP_BOOKED_HEALTH;
    b->more[AT_RISE] = (apr_uint64_t)health->rise;
    b->more[AT_FALL] = (apr_uint64_t)health->fall;
}

/* How many checks in a row now had this result. */
static apr_uint64_t count(clp_writes *w, clp_channel_row *row, apr_uint64_t failed)
{
    apr_uint64_t before = clp_writes_get(w, &row->checks);
    apr_uint64_t in_a_row = (before & 1) == failed ? (before >> 1) + 1 : 1;
    clp_writes_set(w, &row->checks, in_a_row << 1 | failed);
    return in_a_row;
}

static int is_closed(const clp_writes *w, const clp_circuit *c)
{
    return clp_writes_get(w, &c->open_until) == 0;
}

static int is_open(const clp_writes *w, const clp_circuit *c, apr_time_t at)
{
    return (apr_time_t)clp_writes_get(w, &c->open_until) > at;
}

static void close_both(const clp_tables *t, const clp_booking *b, clp_writes *w, clp_circuit *c)
{
    unsigned pair = clp_tables_row(t, CLP_TABLE_CIRCUITS, b->circuit);
    if (!is_closed(w, c)) {
        clp_breaker_enter_closed(w, c);
    }
    if (pair != CLP_NO_ROW && clp_fault_of_booked((clp_booked)b->result) == CLP_FAULT_NONE &&
        !is_closed(w, &t->circuits[pair].circuit)) {
        clp_breaker_enter_closed(w, &t->circuits[pair].circuit);
    }
}

void clp_health_enter(const clp_tables *t, const clp_booking *b, clp_writes *w)
{
    clp_breaker_policy policy = clp_breaker_unpack(b->policy);
    unsigned at = clp_tables_row(t, CLP_TABLE_CHANNELS, b->channel);
    int failed = clp_health_failed((clp_booked)b->result);
    clp_channel_row *row;
    apr_uint64_t in_a_row;
    if (at == CLP_NO_ROW) {
        return;
    }
    row = &t->channels[at];
    in_a_row = count(w, row, failed ? 1 : 0);
    clp_writes_set(w, &row->checked_at, (apr_uint64_t)b->at);
    if (!policy.on) {
        return;
    }
    if (!failed && in_a_row >= b->more[AT_RISE]) {
        close_both(t, b, w, &row->circuit);
    }
    else if (failed && in_a_row >= b->more[AT_FALL] && !is_open(w, &row->circuit, b->at)) {
        clp_breaker_enter_open(w, &row->circuit, &policy, b->at);
    }
}
