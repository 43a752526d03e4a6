/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/history.h"

#include <string.h>

clp_history clp_history_seconds(clp_channel_history *h)
{
    return (clp_history){h->seconds, CLP_HISTORY_SECONDS, apr_time_from_sec(6)};
}

clp_history clp_history_minutes(clp_channel_history *h)
{
    return (clp_history){h->minutes, CLP_HISTORY_MINUTES, apr_time_from_sec(60)};
}

clp_history clp_history_hours(clp_channel_history *h)
{
    return (clp_history){h->hours, CLP_HISTORY_HOURS, apr_time_from_sec(3600)};
}

clp_history clp_history_quarters(clp_key_history *h)
{
    return (clp_history){h->quarters, CLP_HISTORY_QUARTERS, apr_time_from_sec(900)};
}

clp_history_sums clp_history_of(const clp_booking *b)
{
    clp_booked result = (clp_booked)b->result;
    clp_history_sums sums = {{0}};
    sums.of[CLP_POINT_REQUESTS] = 1;
    sums.of[CLP_POINT_FAILURES] = (apr_uint64_t)clp_booked_failed(result);
    sums.of[CLP_POINT_ABORTS] = result == CLP_BOOKED_ABORTED;
    sums.of[CLP_POINT_CLIENT_ERRORS] = result == CLP_BOOKED_CLIENT_ERROR;
    for (int i = 0; i < CLP_TOKEN_KINDS; i++) {
        sums.of[CLP_POINT_TOKENS_IN + i] = b->tokens[i];
    }
    return sums;
}

apr_uint64_t clp_history_successes(const clp_history_sums *sums)
{
    apr_uint64_t others = sums->of[CLP_POINT_FAILURES] + sums->of[CLP_POINT_ABORTS] +
                          sums->of[CLP_POINT_CLIENT_ERRORS];

    /* A point that is being entered may show the one before the other. */
    return sums->of[CLP_POINT_REQUESTS] > others ? sums->of[CLP_POINT_REQUESTS] - others : 0;
}

int clp_history_success_rate(const clp_history_sums *sums)
{
    apr_uint64_t successes = clp_history_successes(sums);
    apr_uint64_t known = successes + sums->of[CLP_POINT_FAILURES];

    return known ? (int)(successes * 10000 / known) : -1;
}

static apr_uint32_t stamp_of(const clp_history *h, apr_time_t at)
{
    return (apr_uint32_t)(at / h->stretch);
}

void clp_history_enter(clp_writes *w, clp_history h, apr_time_t at, const clp_history_sums *add)
{
    apr_uint32_t stamp = stamp_of(&h, at);
    clp_point *point = &h.points[stamp % h.n];
    apr_uint32_t was = clp_writes_get_half(w, point->words, CLP_POINT_STAMP);
    if (was > stamp) {
        return;
    }
    if (was != stamp) {
        clp_writes_set(w, &point->words[0], stamp);
        for (unsigned i = 1; i < CLP_POINT_HALVES / 2; i++) {
            if (clp_writes_get(w, &point->words[i])) {
                clp_writes_set(w, &point->words[i], 0);
            }
        }
    }
    for (unsigned i = CLP_POINT_REQUESTS; i < CLP_POINT_HALVES; i++) {
        clp_writes_add_half(w, point->words, i, add->of[i]);
    }
}

void clp_channel_history_enter(clp_writes *w, clp_channel_history *h, apr_time_t at,
                               const clp_history_sums *add)
{
    clp_history_enter(w, clp_history_seconds(h), at, add);
    clp_history_enter(w, clp_history_minutes(h), at, add);
    clp_history_enter(w, clp_history_hours(h), at, add);
}

static void add_point(const clp_history *h, apr_uint32_t stamp, clp_history_sums *sums)
{
    const clp_point *point = &h->points[stamp % h->n];
    apr_uint64_t words[CLP_POINT_HALVES / 2];
    for (unsigned i = 0; i < CLP_POINT_HALVES / 2; i++) {
        words[i] = clp_word_get(&point->words[i]);
    }
    if (clp_half_of(words[0], CLP_POINT_STAMP) != stamp) {
        return;
    }
    for (unsigned i = CLP_POINT_REQUESTS; i < CLP_POINT_HALVES; i++) {
        sums->of[i] += clp_half_of(words[i / 2], i);
    }
}

void clp_history_sum(clp_history h, apr_time_t now, apr_interval_time_t span,
                     clp_history_sums *sums)
{
    apr_uint32_t stamp = stamp_of(&h, now);
    apr_int64_t stretches = span / h.stretch;
    memset(sums, 0, sizeof(*sums));
    for (apr_uint32_t back = 0; back < h.n && back < stretches; back++) {
        add_point(&h, stamp - back, sums);
    }
}

apr_time_t clp_history_at(clp_history h, apr_time_t now, unsigned back, clp_history_sums *point)
{
    apr_uint32_t stamp = stamp_of(&h, now) - back;
    memset(point, 0, sizeof(*point));
    add_point(&h, stamp, point);
    return (apr_time_t)stamp * h.stretch;
}
