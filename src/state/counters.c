/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/counters.h"

static const apr_int64_t bounds_ms[CLP_HISTOGRAM - 1] = {
    25,   50,   100,  200,   300,   500,   750,   1000,   1500,  2000,
    3000, 5000, 7500, 10000, 20000, 30000, 60000, 180000, 600000};

apr_int64_t clp_histogram_bound_ms(int bucket)
{
    return bucket < CLP_HISTOGRAM - 1 ? bounds_ms[bucket] : -1;
}

int clp_histogram_bucket(apr_int64_t ms)
{
    int bucket = 0;
    while (bucket < CLP_HISTOGRAM - 1 && ms > bounds_ms[bucket]) {
        bucket++;
    }
    return bucket;
}

apr_uint64_t clp_counters_requests(const clp_counters *c)
{
    apr_uint64_t sum = 0;
    for (int i = 0; i < CLP_BOOKED_RESULTS; i++) {
        sum += clp_word_get(&c->results[i]);
    }
    return sum;
}

apr_uint64_t clp_counters_failures(const clp_counters *c)
{
    apr_uint64_t sum = 0;
    for (int i = 0; i < CLP_BOOKED_RESULTS; i++) {
        sum += clp_booked_failed((clp_booked)i) ? clp_word_get(&c->results[i]) : 0;
    }
    return sum;
}

void clp_counters_enter(clp_writes *w, clp_counters *c, const clp_booking *b)
{
    clp_writes_add(w, &c->results[b->result % CLP_BOOKED_ROOM], 1);
    clp_writes_add(w, &c->attempts, b->attempts);
    for (int i = 0; i < CLP_TOKEN_KINDS; i++) {
        clp_writes_add(w, &c->tokens[i], b->tokens[i]);
    }
    clp_writes_add(w, &c->first_token_us, b->first_token_us);
    clp_writes_add(w, &c->first_tokens, b->first_token_us != 0);
    clp_writes_add(w, &c->duration_ms, b->duration_ms);
}

void clp_traffic_enter(clp_writes *w, clp_traffic *t, const clp_booking *b)
{
    clp_counters_enter(w, &t->counts, b);
    if (b->first_token_us) {
        /* Rounded up: a time above the bound does not belong to its bucket. */
        clp_writes_add(
            w, &t->first_token[clp_histogram_bucket(((apr_int64_t)b->first_token_us + 999) / 1000)],
            1);
    }
    clp_writes_add(w, &t->duration[clp_histogram_bucket(b->duration_ms)], 1);
}
