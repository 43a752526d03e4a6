/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <apr_strings.h>

#include "gateway/history_range.h"
#include "wire/instant.h"

static apr_pool_t *pool;

static apr_time_t at(const char *text)
{
    apr_time_t t = 0;

    clp_instant_parse(text, &t);
    return t;
}

static const char *shown(const clp_history_range *r)
{
    static const char *const names[] = {"seconds", "minutes", "hours", "quarters"};

    return apr_psprintf(pool, "%s: %u x %d s from %s", names[r->ring], r->steps,
                        (int)apr_time_sec(r->step), clp_instant_text(r->first, pool));
}

static void test_reading(void)
{
    static const struct {
        int of_keys;
        const char *duration, *interval;
        const char *want; /* how it is shown, or argument and message */
    } cases[] = {
        {0, "1m", NULL, "seconds: 1 x 60 s from 2026-11-23T12:34:00Z"},
        {0, "15m", "6s", "seconds: 150 x 6 s from 2026-11-23T12:20:00Z"},
        {0, "15m", NULL, "seconds: 15 x 60 s from 2026-11-23T12:20:00Z"},
        {0, "16m", NULL, "minutes: 16 x 60 s from 2026-11-23T12:19:00Z"},
        {0, "1h", NULL, "minutes: 60 x 60 s from 2026-11-23T11:35:00Z"},
        {0, "90m", NULL, "minutes: 18 x 300 s from 2026-11-23T11:05:00Z"},
        {0, "6h", NULL, "minutes: 72 x 300 s from 2026-11-23T06:35:00Z"},
        {0, "24h", NULL, "minutes: 96 x 900 s from 2026-11-22T12:45:00Z"},
        {0, "24h", "1m", "minutes: 1440 x 60 s from 2026-11-22T12:35:00Z"},
        {0, "25h", NULL, "hours: 25 x 3600 s from 2026-11-22T12:00:00Z"},
        {0, "7d", NULL, "hours: 168 x 3600 s from 2026-11-16T13:00:00Z"},
        {0, "7d", "1d", "hours: 7 x 86400 s from 2026-11-17T00:00:00Z"},
        {0, "10m", "7m", "seconds: 2 x 420 s from 2026-11-23T12:23:00Z"},
        {0, "3600", "60", "minutes: 60 x 60 s from 2026-11-23T11:35:00Z"},
        {0, "today", NULL, "minutes: 51 x 900 s from 2026-11-23T00:00:00Z"},
        {0, "today", "5h", "minutes: 3 x 18000 s from 2026-11-23T00:00:00Z"},
        {1, "6h", NULL, "quarters: 24 x 900 s from 2026-11-23T06:45:00Z"},
        {1, "1m", NULL, "quarters: 1 x 900 s from 2026-11-23T12:30:00Z"},
        {1, "24h", "1h", "quarters: 24 x 3600 s from 2026-11-22T13:00:00Z"},
        {1, "today", NULL, "quarters: 51 x 900 s from 2026-11-23T00:00:00Z"},
        {0, "", NULL, "duration has to be today, or a time from 1m to 7d"},
        {0, "59s", NULL, "duration has to be today, or a time from 1m to 7d"},
        {0, "8d", NULL, "duration has to be today, or a time from 1m to 7d"},
        {0, "Today", NULL, "duration has to be today, or a time from 1m to 7d"},
        {0, "-1h", NULL, "duration has to be today, or a time from 1m to 7d"},
        {0, "99999999999999999999h", NULL, "duration has to be today, or a time from 1m to 7d"},
        {1, "25h", NULL, "duration has to be today, or a time from 1m to 24h"},
        {0, "1h", "2h", "interval has to be a time, and no longer than the duration"},
        {0, "1h", "0", "interval has to be a time, and no longer than the duration"},
        {0, "1h", "fast", "interval has to be a time, and no longer than the duration"},
        {0, "15m", "1s", "interval has to be a multiple of 6s for this duration"},
        {0, "1h", "90s", "interval has to be a multiple of 1min for this duration"},
        {0, "2d", "30m", "interval has to be a multiple of 1h for this duration"},
        {1, "6h", "5m", "interval has to be a multiple of 15min for this duration"},
    };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clp_history_range r;
        clp_range_error e = {"", ""};
        int fits = clp_history_range_read(&r, cases[i].of_keys, cases[i].duration,
                                          cases[i].interval, at("2026-11-23T12:34:56Z"), &e, pool);

        IS_STR(fits ? shown(&r) : apr_pstrcat(pool, e.argument, " ", e.message, NULL),
               cases[i].want, cases[i].duration);
    }
}

/* Days on which the clock is changed, and one that has just begun. */
static void test_today(void)
{
    static const struct {
        const char *zone, *now, *want;
    } cases[] = {
        {"UTC0", "2026-11-23T00:00:10Z", "2026-11-22T23:59:00Z"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-07-01T12:00:00Z", "2026-06-30T22:00:00Z"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T20:00:00Z", "2026-03-28T23:00:00Z"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T22:30:00Z", "2026-10-24T22:30:00Z"},
    };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clp_history_range r;
        clp_range_error e;

        setenv("TZ", cases[i].zone, 1);
        tzset();
        clp_history_range_read(&r, 0, "today", "1m", at(cases[i].now), &e, pool);
        IS_STR(clp_instant_text(r.first, pool), cases[i].want, cases[i].now);
        OK(r.ring != CLP_RING_HOURS, "... by the minute");
    }
    setenv("TZ", "UTC0", 1);
    tzset();
}

static void enter(clp_channel_history *h, const char *when)
{
    clp_history_sums one = {{0}};
    clp_writes w;

    one.of[CLP_POINT_REQUESTS] = 1;
    one.of[CLP_POINT_REASONING] = 7;
    clp_writes_begin(&w);
    clp_channel_history_enter(&w, h, at(when), &one);
    clp_writes_do(&w);
}

/* Each request is in one step, and none outside. */
static void test_adding(void)
{
    static clp_channel_history h;
    static const struct {
        const char *duration, *interval;
        const char *want;
    } cases[] = {
        {"3m", NULL, "0 1 2 "}, {"15m", "5m", "1 1 3 "}, {"1h", "20m", "1 1 5 "},
        {"24h", "12h", "2 6 "}, {"2d", "1d", "3 8 "},    {"7d", "2d", "0 0 3 8 "},
        {"1m", "30s", "0 2 "},
    };

    enter(&h, "2026-11-22T12:33:59Z"); /* more than a day ago */
    enter(&h, "2026-11-22T12:37:00Z");
    enter(&h, "2026-11-22T18:00:00Z");
    enter(&h, "2026-11-23T00:00:00Z");
    enter(&h, "2026-11-23T11:59:59Z");
    enter(&h, "2026-11-23T12:19:59Z");
    enter(&h, "2026-11-23T12:24:59Z");
    enter(&h, "2026-11-23T12:25:00Z");
    enter(&h, "2026-11-23T12:33:00Z");
    enter(&h, "2026-11-23T12:34:35Z");
    enter(&h, "2026-11-23T12:34:56Z");
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *list = "";
        clp_history_range r;
        clp_range_error e;

        clp_history_range_read(&r, 0, cases[i].duration, cases[i].interval,
                               at("2026-11-23T12:34:56Z"), &e, pool);
        for (unsigned step = 0; step < r.steps; step++) {
            clp_history_sums sums = {{0}};

            clp_history_range_add(&r, clp_history_range_ring(&r, &h), step, &sums);
            OK(sums.of[CLP_POINT_REASONING] == 7 * sums.of[CLP_POINT_REQUESTS], "all numbers");
            list = apr_psprintf(pool, "%s%d ", list, (int)sums.of[CLP_POINT_REQUESTS]);
        }
        IS_STR(list, cases[i].want, cases[i].duration);
    }
}

int main(void)
{
    pool = tap_begin();
    setenv("TZ", "UTC0", 1);
    tzset();
    test_reading();
    test_today();
    test_adding();
    return tap_end();
}
