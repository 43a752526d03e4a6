/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/counters.h"

static const apr_int64_t bounds_ms[CLP_HISTOGRAM - 1] = {
    25,   50,   100,  200,   300,   500,   750,   1000,   1500,  2000,
    3000, 5000, 7500, 10000, 20000, 30000, 60000, 180000, 600000};

/* Those that OpenTelemetry advises for tokens and time per token. */
static const apr_int64_t token_bounds[CLP_TOKEN_SPREAD - 1] = {
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864};
static const apr_int64_t pace_bounds_ms[CLP_PACE_SPREAD - 1] = {10,  25,  50,  75,  100,  150, 200,
                                                                300, 400, 500, 750, 1000, 2500};

apr_int64_t clp_histogram_bound_ms(int bucket)
{
    return bucket < CLP_HISTOGRAM - 1 ? bounds_ms[bucket] : -1;
}

apr_int64_t clp_token_bound(int bucket)
{
    return bucket < CLP_TOKEN_SPREAD - 1 ? token_bounds[bucket] : -1;
}

apr_int64_t clp_pace_bound_ms(int bucket)
{
    return bucket < CLP_PACE_SPREAD - 1 ? pace_bounds_ms[bucket] : -1;
}

static int bucket_of(const apr_int64_t *bounds, int n, apr_int64_t value)
{
    int bucket = 0;
    while (bucket < n && value > bounds[bucket]) {
        bucket++;
    }
    return bucket;
}

int clp_histogram_bucket(apr_int64_t ms)
{
    return bucket_of(bounds_ms, CLP_HISTOGRAM - 1, ms);
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

static void enter_tokens(clp_writes *w, apr_uint64_t spread[CLP_TOKEN_SPREAD], apr_int64_t n)
{
    if (n) {
        clp_writes_add(w, &spread[bucket_of(token_bounds, CLP_TOKEN_SPREAD - 1, n)], 1);
    }
}

/* Of a document nobody saw when its tokens came; of a single token there is no time between. */
static void enter_pace(clp_writes *w, clp_model_row *row, const clp_booking *b)
{
    apr_int64_t streaming = (apr_int64_t)b->duration_ms * 1000 - b->first_token_us;
    apr_int64_t later = (apr_int64_t)b->tokens[CLP_TOKENS_OUT] - 1;
    apr_int64_t each;

    if (b->result != CLP_BOOKED_SUCCESS || !b->first_token_us || later < 1) {
        return;
    }
    each = streaming > 0 ? streaming / later : 0; /* the one is in whole milliseconds */
    clp_writes_add(
        w, &row->pace[bucket_of(pace_bounds_ms, CLP_PACE_SPREAD - 1, (each + 999) / 1000)], 1);
    clp_writes_add(w, &row->pace_us, (apr_uint64_t)each);
}

void clp_model_enter(clp_writes *w, clp_model_row *row, const clp_booking *b)
{
    clp_traffic_enter(w, &row->traffic, b);
    enter_tokens(w, row->prompt_tokens,
                 (apr_int64_t)b->tokens[CLP_TOKENS_IN] + b->tokens[CLP_TOKENS_CACHE_READ] +
                     b->tokens[CLP_TOKENS_CACHE_WRITE]);
    enter_tokens(w, row->output_tokens, b->tokens[CLP_TOKENS_OUT]);
    enter_pace(w, row, b);
}
