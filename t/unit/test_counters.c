/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include "state/counters.h"
#include "state/history.h"
#include "state/rate_window.h"

#define SECOND apr_time_from_sec(1)
#define START  apr_time_from_sec(1700000100) /* begins a stretch of each length up to 15 min */

static void test_writes(void)
{
    apr_uint64_t words[4] = {1, 2, 3, 4};
    clp_writes w;
    clp_writes_begin(&w);
    clp_writes_add(&w, &words[0], 5);
    clp_writes_add(&w, &words[0], 5);
    IS_INT(clp_writes_get(&w, &words[0]), 11, "reads see what is going to be written");
    IS_INT(words[0], 1, "which is not yet done");
    clp_writes_clear(&w, &words[0], 2);
    OK(clp_writes_get(&w, &words[0]) == 0 && clp_writes_get(&w, &words[1]) == 0 &&
           clp_writes_get(&w, &words[2]) == 3,
       "a run of words is cleared");
    clp_writes_set(&w, &words[0], 7);
    clp_writes_swap(&w, &words[2], 3, 8);
    clp_writes_swap(&w, &words[3], 5, 9);
    OK(clp_writes_get(&w, &words[2]) == 8 && clp_writes_get(&w, &words[3]) == 4,
       "only what is as expected is swapped");
    clp_writes_max(&w, &words[0], 6);
    clp_writes_set_half(&w, words, 3, 2);
    clp_writes_add_half(&w, words, 3, 0xfffffffe);
    IS_INT(clp_writes_get_half(&w, words, 3), 0xffffffff, "halves stay at their largest value");
    clp_writes_do(&w);
    clp_writes_do(&w);
    OK(words[0] == 7 && words[1] == APR_UINT64_C(0xffffffff00000000) && words[2] == 8 &&
           words[3] == 4,
       "twice done is once done");
    clp_writes_begin(&w);
    for (int i = 0; i <= CLP_WRITES_MAX; i++) {
        clp_writes_swap(&w, &words[0], 7, 1);
    }
    clp_writes_do(&w);
    IS_INT(words[0], 7, "too many writes do nothing");
}

static void test_rate(void)
{
    clp_rate_window r;
    clp_writes w;
    int taken = 0;
    memset(&r, 0, sizeof(r));
    for (int i = 0; i < 30; i++) {
        taken += clp_rate_take(&r, START + i * 2 * SECOND, 12);
    }
    IS_INT(taken, 12, "no more than the cap");
    IS_INT(clp_rate_sum(&r, START + 58 * SECOND), 12, "refused ones do not count");
    IS_INT((clp_rate_free_at(&r, START + 58 * SECOND, 11) - START) / SECOND, 60,
           "a place is free when the first segment is over");
    IS_INT((clp_rate_free_at(&r, START + 58 * SECOND, 8) - START) / SECOND, 66,
           "and for four more a segment later");
    IS_INT((clp_rate_free_at(&r, START + 58 * SECOND, 12) - START) / SECOND, 58, "now if there is");
    IS_INT(clp_rate_sum(&r, START + 60 * SECOND), 9, "a minute later the first are forgotten");
    OK(clp_rate_take(&r, START + 60 * SECOND, 12), "and there is room");
    clp_rate_give_back(&r, START + 60 * SECOND);
    IS_INT(clp_rate_sum(&r, START + 60 * SECOND), 9, "what is given back does not count");
    clp_rate_give_back(&r, START);
    IS_INT(clp_rate_sum(&r, START + 60 * SECOND), 9, "nor does giving back after a round");
    OK(!clp_rate_take(&r, START + 61 * SECOND, 9) && clp_rate_take(&r, START + 61 * SECOND, 0),
       "a cap of 0 is none");
    clp_rate_take(&r, START, 0);
    IS_INT(clp_rate_sum(&r, START + 60 * SECOND), 10, "what comes a round late is left out");
    IS_INT(clp_rate_sum(&r, START + 3600 * SECOND), 0, "an hour later nothing is left");
    clp_writes_begin(&w);
    clp_rate_enter(&w, &r, START + 3600 * SECOND, 1000);
    clp_rate_enter(&w, &r, START + 3601 * SECOND, 500);
    clp_rate_enter(&w, &r, START + 3606 * SECOND, APR_UINT64_C(1) << 40);
    clp_rate_enter(&w, &r, START, 1);
    clp_writes_do(&w);
    IS_INT(clp_rate_sum(&r, START + 3605 * SECOND), 1500, "counted by bookings");
    IS_INT(clp_rate_sum(&r, START + 3606 * SECOND), APR_INT64_C(1500) + 0xffffffff,
           "up to what fits");
}

static clp_booking booking(clp_booked result)
{
    clp_booking b = {.kind = CLP_BOOK_REQUEST,
                     .result = (apr_byte_t)result,
                     .attempts = 2,
                     .first_token_us = 250001,
                     .duration_ms = 4000,
                     .tokens = {10, 20, 30, 40, 5}};
    return b;
}

static void test_counters(void)
{
    clp_traffic t;
    clp_writes w;
    clp_booking b = booking(CLP_BOOKED_SUCCESS);
    int failed = 0;
    memset(&t, 0, sizeof(t));
    clp_writes_begin(&w);
    clp_traffic_enter(&w, &t, &b);
    clp_traffic_enter(&w, &t, &b);
    for (int i = CLP_BOOKED_CLIENT_ERROR; i < CLP_BOOKED_RESULTS; i++) {
        b = booking((clp_booked)i);
        b.first_token_us = 0;
        clp_counters_enter(&w, &t.counts, &b);
        failed += clp_booked_failed((clp_booked)i);
    }
    clp_writes_do(&w);
    IS_INT(clp_counters_requests(&t.counts), 1 + CLP_BOOKED_RESULTS, "requests are their results");
    IS_INT(clp_counters_failures(&t.counts), failed, "failures are what is neither success ...");
    IS_INT(failed, CLP_BOOKED_RESULTS - 4, "... nor the client's doing, nor lost to a faster one");
    IS_INT(t.counts.tokens[CLP_TOKENS_CACHE_WRITE], 40 * (1 + CLP_BOOKED_RESULTS), "tokens");
    OK(t.counts.first_tokens == 2 && t.counts.first_token_us == 500002, "times to first token");
    OK(t.first_token[4] == 2 && t.duration[11] == 2, "and how they are spread");
    IS_INT(clp_histogram_bucket(300), 4, "a bound belongs to its bucket");
    IS_INT(clp_histogram_bucket(301), 5, "what is above does not");
    IS_INT(clp_histogram_bucket(APR_INT64_C(1) << 50), CLP_HISTOGRAM - 1, "the last has no bound");
    IS_INT(clp_histogram_bound_ms(CLP_HISTOGRAM - 1), -1, "and says so");
}

static void enter(clp_channel_history *h, apr_time_t at, clp_booked result)
{
    clp_writes w;
    clp_booking b = booking(result);
    clp_history_sums sums = clp_history_of(&b);
    clp_writes_begin(&w);
    clp_channel_history_enter(&w, h, at, &sums);
    clp_writes_do(&w);
}

static void test_history(void)
{
    static clp_channel_history h;
    clp_history_sums s;
    apr_time_t hour = apr_time_from_sec(3600);
    enter(&h, START, CLP_BOOKED_SUCCESS);
    enter(&h, START + 5 * SECOND, CLP_BOOKED_TIMEOUT);
    enter(&h, START + 6 * SECOND, CLP_BOOKED_ABORTED);
    enter(&h, START + 6 * SECOND, CLP_BOOKED_CLIENT_ERROR);
    IS_INT(clp_history_at(clp_history_seconds(&h), START + 6 * SECOND, 1, &s) / SECOND,
           START / SECOND, "six seconds are a segment");
    OK(s.of[CLP_POINT_REQUESTS] == 2 && s.of[CLP_POINT_FAILURES] == 1 &&
           s.of[CLP_POINT_ABORTS] == 0 && s.of[CLP_POINT_CACHE_WRITE] == 80,
       "with what happened in it");
    clp_history_at(clp_history_minutes(&h), START + 59 * SECOND, 0, &s);
    OK(s.of[CLP_POINT_REQUESTS] == 4 && s.of[CLP_POINT_ABORTS] == 1 &&
           s.of[CLP_POINT_CLIENT_ERRORS] == 1 && s.of[CLP_POINT_REASONING] == 4 * 5,
       "a minute has all of them");
    clp_history_sum(clp_history_minutes(&h), START + 14 * 60 * SECOND, 900 * SECOND, &s);
    IS_INT(s.of[CLP_POINT_REQUESTS], 4, "so has the quarter of an hour behind");
    clp_history_sum(clp_history_minutes(&h), START + 15 * 60 * SECOND, 900 * SECOND, &s);
    IS_INT(s.of[CLP_POINT_REQUESTS], 0, "until it is over");
    clp_history_sum(clp_history_hours(&h), START + 100 * hour, 168 * hour, &s);
    IS_INT(s.of[CLP_POINT_REQUESTS], 4, "a week knows it still");
    enter(&h, START + 900 * SECOND, CLP_BOOKED_SUCCESS);
    clp_history_at(clp_history_seconds(&h), START + 900 * SECOND, 0, &s);
    OK(s.of[CLP_POINT_REQUESTS] == 1 && s.of[CLP_POINT_FAILURES] == 0,
       "a round later the point is another's");
    enter(&h, START, CLP_BOOKED_SUCCESS);
    clp_history_at(clp_history_seconds(&h), START + 900 * SECOND, 0, &s);
    IS_INT(s.of[CLP_POINT_REQUESTS], 1, "what comes so late is left out");
    clp_history_sum(clp_history_hours(&h), START, 24 * hour, &s);
    IS_INT(s.of[CLP_POINT_REQUESTS], 6, "but not where there is room");
}

static void test_rates(void)
{
    static const struct {
        const char *what;
        apr_uint64_t requests, failures, aborts, client_errors;
        apr_uint64_t successes;
        int rate;
    } cases[] = {
        {"nothing", 0, 0, 0, 0, 0, -1},
        {"successes", 3, 0, 0, 0, 3, 10000},
        {"one of three failed", 3, 1, 0, 0, 2, 6666},
        {"failures", 2, 2, 0, 0, 0, 0},
        {"nobody's fault but the client's", 5, 0, 2, 3, 0, -1},
        {"some of each", 10, 1, 2, 4, 3, 7500},
        {"half entered", 1, 2, 0, 0, 0, 0},
    };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clp_history_sums s = {{0}};
        s.of[CLP_POINT_REQUESTS] = cases[i].requests;
        s.of[CLP_POINT_FAILURES] = cases[i].failures;
        s.of[CLP_POINT_ABORTS] = cases[i].aborts;
        s.of[CLP_POINT_CLIENT_ERRORS] = cases[i].client_errors;
        IS_INT(clp_history_successes(&s), cases[i].successes, cases[i].what);
        IS_INT(clp_history_success_rate(&s), cases[i].rate, cases[i].what);
    }
}

static void test_quarters(void)
{
    static clp_key_history h;
    clp_writes w;
    clp_history_sums s = {{0}};
    s.of[CLP_POINT_REQUESTS] = 1;
    s.of[CLP_POINT_TOKENS_OUT] = APR_UINT64_C(1) << 40;
    clp_writes_begin(&w);
    clp_history_enter(&w, clp_history_quarters(&h), START, &s);
    clp_history_enter(&w, clp_history_quarters(&h), START + 899 * SECOND, &s);
    clp_writes_do(&w);
    clp_history_sum(clp_history_quarters(&h), START + 86399 * SECOND, 86400 * SECOND, &s);
    OK(s.of[CLP_POINT_REQUESTS] == 2 && s.of[CLP_POINT_TOKENS_OUT] == 0xffffffff,
       "a key's day, and numbers that do not fit");
    clp_history_sum(clp_history_quarters(&h), START + 86400 * SECOND, 86400 * SECOND, &s);
    IS_INT(s.of[CLP_POINT_REQUESTS], 0, "the day after");
}

/* What is kept of models alone. */
static void test_models(void)
{
    static const struct {
        const char *what;
        clp_booked result;
        apr_uint32_t first_token_us, duration_ms, in, cached, out;
        int prompt, output, pace; /* buckets; -1 = none */
        apr_uint64_t pace_us;
    } cases[] = {
        {"a stream", CLP_BOOKED_SUCCESS, 200000, 1200, 60, 40, 11, 4, 2, 4, 100000},
        {"one token", CLP_BOOKED_SUCCESS, 200000, 1200, 1, 0, 1, 0, 0, -1, 0},
        {"a document", CLP_BOOKED_SUCCESS, 0, 1200, 2, 0, 2, 1, 1, -1, 0},
        {"nothing told", CLP_BOOKED_SUCCESS, 200000, 1200, 0, 0, 0, -1, -1, -1, 0},
        {"a failure", CLP_BOOKED_TIMEOUT, 200000, 1200, 0, 0, 11, -1, 2, -1, 0},
        {"faster than the clock", CLP_BOOKED_SUCCESS, 1900, 1, 4, 0, 5, 1, 2, 0, 0},
        {"slower than all bounds", CLP_BOOKED_SUCCESS, 1000, 60001, 0, 100000000, 2, 14, 1, 13,
         60000000},
    };
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clp_model_row row;
        clp_booking b;
        clp_writes w;
        int wrong = 0;
        memset(&row, 0, sizeof(row));
        memset(&b, 0, sizeof(b));
        b.result = (apr_byte_t)cases[i].result;
        b.first_token_us = cases[i].first_token_us;
        b.duration_ms = cases[i].duration_ms;
        b.tokens[CLP_TOKENS_IN] = cases[i].in;
        b.tokens[CLP_TOKENS_CACHE_READ] = cases[i].cached;
        b.tokens[CLP_TOKENS_OUT] = cases[i].out;
        clp_writes_begin(&w);
        clp_model_enter(&w, &row, &b);
        clp_writes_do(&w);
        for (int k = 0; k < CLP_TOKEN_SPREAD; k++) {
            wrong += row.prompt_tokens[k] != (k == cases[i].prompt);
            wrong += row.output_tokens[k] != (k == cases[i].output);
        }
        for (int k = 0; k < CLP_PACE_SPREAD; k++) {
            wrong += row.pace[k] != (k == cases[i].pace);
        }
        IS_INT(wrong, 0, cases[i].what);
        IS_INT(row.pace_us, cases[i].pace_us, "time per token");
    }
    OK(clp_token_bound(0) == 1 && clp_token_bound(CLP_TOKEN_SPREAD - 1) == -1, "bounds of tokens");
    OK(clp_pace_bound_ms(0) == 10 && clp_pace_bound_ms(CLP_PACE_SPREAD - 1) == -1, "and of times");
}

int main(void)
{
    tap_begin();
    test_writes();
    test_rate();
    test_counters();
    test_history();
    test_rates();
    test_quarters();
    test_models();
    return tap_end();
}
