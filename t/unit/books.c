/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "books.h"

#include <apr_strings.h>

#include "sched/channel_rows.h"
#include "state/children.h"
#include "state/counters.h"
#include "state/history.h"
#include "tap.h"

clp_tables *books_open(apr_time_t now, apr_pool_t *pool)
{
    const clp_capacity capacity = {4, 8, 8, 2, 2, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_ledger_use(t->ledger, clp_account_enter, t);
    clp_child_begin(t, now);
    return t;
}

void books_claim_rows(clp_channel *c, clp_tables *t, apr_pool_t *pool)
{
    apr_array_header_t *channels = apr_array_make(pool, 1, sizeof(c));
    APR_ARRAY_PUSH(channels, clp_channel *) = c;
    OK(!clp_channel_rows_resolve(channels, channels, t, 0, pool), "channel %s has its rows",
       c->name);
}

typedef struct sums {
    apr_uint64_t requests; /* by protocol, over all */
    apr_uint64_t ended_at_channels;
    apr_uint64_t ended_at_keys;
    apr_uint64_t of_models;
    apr_uint64_t of_users;
    apr_uint64_t request_tokens;
    apr_uint64_t channel_attempts;
    apr_uint64_t key_attempts;
    apr_uint64_t history_requests;
    apr_uint64_t history_tokens;
    apr_uint64_t in_flight;
    apr_uint64_t probes;
} sums;

static apr_uint64_t all_tokens(const clp_counters *c)
{
    return c->tokens[CLP_TOKENS_IN] + c->tokens[CLP_TOKENS_OUT] + c->tokens[CLP_TOKENS_CACHE_READ] +
           c->tokens[CLP_TOKENS_CACHE_WRITE];
}

static apr_uint64_t all_of(const apr_uint64_t *results)
{
    apr_uint64_t sum = 0;
    for (int i = 0; i < CLP_BOOKED_ROOM; i++) {
        sum += results[i];
    }
    return sum;
}

static void sum_channel(sums *s, const clp_tables *t, unsigned row, apr_time_t now)
{
    const clp_channel_row *c = &t->channels[row];
    clp_history_sums h;
    for (int p = 0; p < CLP_PROTOCOLS; p++) {
        s->ended_at_channels += clp_counters_requests(&c->protocols[p].counts);
    }
    clp_history_sum(clp_history_seconds(&t->channel_history[row]), now, apr_time_from_sec(900), &h);
    s->channel_attempts += all_of(c->attempts);
    s->history_requests += h.of[CLP_POINT_REQUESTS];
    s->history_tokens += h.of[CLP_POINT_TOKENS_IN] + h.of[CLP_POINT_TOKENS_OUT] +
                         h.of[CLP_POINT_CACHE_READ] + h.of[CLP_POINT_CACHE_WRITE];
    s->in_flight += clp_in_flight(t, CLP_TABLE_CHANNELS, row);
    s->probes += c->circuit.probe != 0;
}

static sums sum_up(const clp_tables *t, apr_time_t now)
{
    sums s;
    memset(&s, 0, sizeof(s));
    for (int p = 0; p < CLP_PROTOCOLS; p++) {
        s.requests += clp_counters_requests(&t->head->protocols[p].counts);
        s.request_tokens += all_tokens(&t->head->protocols[p].counts);
    }
    for (unsigned row = 1; row < clp_tables_rows(t, CLP_TABLE_CHANNELS); row++) {
        sum_channel(&s, t, row, now);
    }
    for (unsigned row = 1; row < clp_tables_rows(t, CLP_TABLE_KEYS); row++) {
        s.ended_at_keys += clp_counters_requests(&t->keys[row].counts);
        s.key_attempts += all_of(t->keys[row].attempts);
        s.in_flight += clp_in_flight(t, CLP_TABLE_KEYS, row);
    }
    for (unsigned row = 1; row < clp_tables_rows(t, CLP_TABLE_CIRCUITS); row++) {
        s.probes += t->circuits[row].circuit.probe != 0;
    }
    for (unsigned row = 0; row < clp_tables_rows(t, CLP_TABLE_MODELS); row++) {
        s.of_models += clp_counters_requests(&t->models[row].traffic.counts);
    }
    for (unsigned row = 0; row < clp_tables_rows(t, CLP_TABLE_USERS); row++) {
        s.of_users += clp_counters_requests(&t->users[row].counts);
    }
    return s;
}

void books_check(const clp_account *account, const clp_outcome *o, apr_time_t now, const char *name,
                 apr_pool_t *pool)
{
#define NAMED(what) apr_pstrcat(pool, name, ": booked: " what, NULL)
    apr_uint64_t requests = !account->aside;
    apr_uint64_t attempts = (apr_uint64_t)o->attempts->nelts;
    apr_uint64_t lost = 0;
    clp_ledger_counts counts;
    const clp_tables *t = account->tables;
    sums s = sum_up(t, now);

    for (int i = 0; i < o->attempts->nelts; i++) {
        lost += APR_ARRAY_IDX(o->attempts, i, clp_attempt_record).result == CLP_ATTEMPT_LOST;
    }
    clp_ledger_count(t->ledger, &counts);
    IS_INT(counts.posted, attempts + requests, NAMED("bookings"));
    IS_INT(counts.entered - counts.skipped, counts.posted, NAMED("all entered"));
    IS_INT(counts.lost, 0, NAMED("none lost"));
    IS_INT(s.channel_attempts, attempts, NAMED("attempts of channels"));
    IS_INT(s.key_attempts, attempts, NAMED("attempts of keys"));
    IS_INT(s.requests, requests, NAMED("requests"));
    IS_INT(s.ended_at_channels, requests, NAMED("where they ended"));
    IS_INT(s.ended_at_keys, requests, NAMED("with which key"));
    IS_INT(s.of_models, requests, NAMED("by model"));
    IS_INT(s.of_users, requests, NAMED("by user"));
    IS_INT(s.history_requests, account->aside ? 0 : attempts - lost, NAMED("history"));
    IS_INT(s.history_tokens, s.request_tokens, NAMED("tokens of attempts and request"));
    IS_INT(s.in_flight, 0, NAMED("nothing in flight"));
    IS_INT(s.probes, 0, NAMED("no probe left"));
    if (requests) {
        IS_INT(t->head->protocols[account->protocol].counts.results[o->booked], 1,
               NAMED("as what it ended"));
    }
#undef NAMED
}

static apr_uint64_t all_ever(const clp_rate_window *w)
{
    apr_uint64_t sum = 0;
    for (unsigned i = 0; i < CLP_RATE_SEGMENTS; i++) {
        sum += clp_half_of(w->segments[i], 0);
    }
    return sum;
}

void books_check_sent(const clp_tables *t, apr_uint64_t sent, const char *name, apr_pool_t *pool)
{
    apr_uint64_t of_channels = 0;
    apr_uint64_t of_keys = 0;
    for (unsigned row = 1; row < clp_tables_rows(t, CLP_TABLE_CHANNELS); row++) {
        of_channels += all_ever(&t->channels[row].requests);
    }
    for (unsigned row = 1; row < clp_tables_rows(t, CLP_TABLE_KEYS); row++) {
        of_keys += all_ever(&t->keys[row].requests);
    }
    IS_INT(of_channels, sent, apr_pstrcat(pool, name, ": as sent to channels", NULL));
    IS_INT(of_keys, sent, apr_pstrcat(pool, name, ": as sent with keys", NULL));
}

void books_check_alone(const clp_account *account, const clp_outcome *o, const char *name,
                       apr_pool_t *pool)
{
    const clp_tables *t = account->tables;
    apr_uint64_t in_flight = 0;
    clp_ledger_counts counts;

    for (unsigned row = 1; row < clp_tables_rows(t, CLP_TABLE_CHANNELS); row++) {
        in_flight += clp_in_flight(t, CLP_TABLE_CHANNELS, row);
    }
    clp_ledger_count(t->ledger, &counts);
    IS_INT(in_flight, 1, apr_pstrcat(pool, name, ": one in flight", NULL));
    IS_INT(counts.entered, o->attempts->nelts - 1,
           apr_pstrcat(pool, name, ": all others are booked", NULL));
}

const char *books_show(const clp_outcome *o, apr_pool_t *pool)
{
    const char *list = "";
    for (int i = 0; i < o->attempts->nelts; i++) {
        const clp_attempt_record *a = &APR_ARRAY_IDX(o->attempts, i, clp_attempt_record);
        list = apr_pstrcat(pool, list, clp_booked_name(a->booked), " ", NULL);
    }
    return apr_pstrcat(pool, list, "= ", clp_booked_name(o->booked), NULL);
}
