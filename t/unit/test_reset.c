/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <unistd.h>

#include "sched/reset.h"
#include "sched_world.h"
#include "state/ledger_memory.h"

/* What requests see of it is in t/cases/scheduling.txt. */

static void rest(void *key_row, clp_writes *w)
{
    clp_key_row *row = key_row;
    clp_cooldown_policy policy = clp_cooldown_policy_default();
    clp_cooldown_enter(w, &row->cooling, &policy, 0, sched_clock);
}

static void trip(void *circuit, clp_writes *w)
{
    clp_breaker_policy policy = clp_breaker_policy_default();
    clp_breaker_enter_open(w, circuit, &policy, sched_clock);
}

static int reset(const sched_world *w, const clp_channel *c, clp_reset_counts *n)
{
    return clp_reset_channel(w->tables, c, sched_clock, 2000, n);
}

static void keys_out_of_use(apr_pool_t *pool)
{
    sched_world *w = sched_world_make("a(k=k1+k2)", pool);
    clp_channel *c = sched_channel(w, "a");
    clp_reset_counts n;
    sched_change(w, rest, &w->tables->keys[APR_ARRAY_IDX(c->keys, 1, clp_key).row.row]);
    c->keys_off = apr_array_make(pool, 1, sizeof(clp_key));
    APR_ARRAY_PUSH(c->keys_off, clp_key) = *(clp_key *)apr_array_pop(c->keys);
    OK(reset(w, c, &n), "a key that is out of use");
    IS_INT(n.keys, 1, "is reset, too");
}

static void no_keys(apr_pool_t *pool)
{
    sched_world *w = sched_world_make("a(k=,u=u1+u2)", pool);
    clp_channel *c = sched_channel(w, "a");
    clp_reset_counts n;
    sched_change(w, trip, &w->tables->circuits[c->circuits[0].row].circuit);
    sched_change(w, trip, &w->tables->circuits[c->circuits[1].row].circuit);
    OK(reset(w, c, &n), "a channel without keys");
    IS_INT(n.circuits, 2, "has circuits of its URLs");
}

static void what_stays(apr_pool_t *pool)
{
    sched_world *w = sched_world_make("a", pool);
    clp_channel *c = sched_channel(w, "a");
    clp_channel_row *row = &w->tables->channels[c->row.row];
    clp_reset_counts n;
    sched_change(w, trip, &row->circuit);
    row->attempts[CLP_BOOKED_SERVER_ERROR] = 7;
    row->checks = 3 << 1 | 1;
    OK(reset(w, c, &n), "a channel that has seen something");
    IS_INT(row->attempts[CLP_BOOKED_SERVER_ERROR], 7, "what was counted stays");
    IS_INT(row->circuit.trips, 1, "... with how often it opened");
    IS_INT(row->checks, 0, "checks in a row begin anew");
}

static void others(apr_pool_t *pool)
{
    sched_world *w = sched_world_make("a b", pool);
    clp_channel *c = sched_channel(w, "a");
    clp_channel *gone = clp_channel_make("gone", pool);
    clp_circuit *circuit = &w->tables->channels[c->row.row].circuit;
    clp_reset_counts n;
    clp_channel_add_key(gone, "secret", "****", "k");
    APR_ARRAY_PUSH(gone->urls, const char *) = "u";
    OK(reset(w, gone, &n) && !n.circuits && !n.keys, "a channel without rows");
    sched_change(w, trip, circuit);
    reset(w, sched_channel(w, "b"), &n);
    IS_INT(n.circuits, 0, "another channel's circuit");
    OK(circuit->open_until != 0, "... stays open");
    w->tables->ledger->m->owner = (apr_uint64_t)getpid() << 32;
    OK(!reset(w, c, &n) && !n.circuits && circuit->open_until, "not while another one enters");
    w->tables->ledger->m->owner = 0;
    OK(reset(w, c, &n) && n.circuits == 1 && !circuit->open_until, "then it is closed");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    sched_clock = apr_time_from_sec(1800000000);
    keys_out_of_use(pool);
    no_keys(pool);
    what_stays(pool);
    others(pool);
    return tap_end();
}
