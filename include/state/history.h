/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_HISTORY_H
#define CLP_STATE_HISTORY_H

#include "state/ledger.h"

/**
 * @file history.h
 * @brief What happened when: rings of points, each for one stretch of time.
 *
 * A point says which stretch it is for, so a ring needs no clearing: a point of another round
 * counts as empty. What comes later than a whole round is left out.
 */

/** One of a row's rings. */
typedef struct clp_history {
    clp_point *points;
    unsigned n;
    apr_interval_time_t stretch; /**< of one point */
} clp_history;

/** 15 minutes by 6 seconds, a day by the minute, a week by the hour; a key's day by 15 minutes. */
clp_history clp_history_seconds(clp_channel_history *h);
clp_history clp_history_minutes(clp_channel_history *h);
clp_history clp_history_hours(clp_channel_history *h);
clp_history clp_history_quarters(clp_key_history *h);

/** Numbers of a point or a sum of points, by clp_point_half; [CLP_POINT_STAMP] is not set. */
typedef struct clp_history_sums {
    apr_uint64_t of[CLP_POINT_HALVES];
} clp_history_sums;

/** What a booking adds: a request or attempt, its result and tokens. */
clp_history_sums clp_history_of(const clp_booking *b);

/** Add to the point of `at`, as part of a booking. */
void clp_history_enter(clp_writes *w, clp_history h, apr_time_t at, const clp_history_sums *add);

/** Add to all three rings of a channel. */
void clp_channel_history_enter(clp_writes *w, clp_channel_history *h, apr_time_t at,
                               const clp_history_sums *add);

/** Of these, successes: what ended neither as a failure nor by the client's doing. */
apr_uint64_t clp_history_successes(const clp_history_sums *sums);

/** Successes in hundredths of a percent of what succeeded or failed; -1 if nothing did: what the
 * client was at fault for, or cancelled, says nothing. */
int clp_history_success_rate(const clp_history_sums *sums);

/** The sums of all points whose stretch begins after `now` - `span` and not after `now`. */
void clp_history_sum(clp_history h, apr_time_t now, apr_interval_time_t span,
                     clp_history_sums *sums);

/** The point that ended `back` stretches before that of `now` (0 = the present one, n - 1 the
 * oldest): its numbers, all 0 if nothing happened. Gives the time at which the stretch began. */
apr_time_t clp_history_at(clp_history h, apr_time_t now, unsigned back, clp_history_sums *point);

#endif
