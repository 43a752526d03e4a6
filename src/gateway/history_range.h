/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_HISTORY_RANGE_H
#define CLP_GATEWAY_HISTORY_RANGE_H

#include "state/history.h"

/**
 * @file history_range.h
 * @brief Which part of a history is asked for, and in which steps.
 *
 * Of a channel's rings the finest one that reaches as far back is used; steps are a multiple of
 * its stretch. They lie on whole multiples of their length since 1970 (UTC), each is known by its
 * beginning, and the last one is the present, unfinished one. There are never more than a ring has
 * points: 1440.
 */

typedef enum clp_history_ring {
    CLP_RING_SECONDS,
    CLP_RING_MINUTES,
    CLP_RING_HOURS,
    CLP_RING_QUARTERS /**< the only one of keys */
} clp_history_ring;

typedef struct clp_history_range {
    clp_history_ring ring;
    apr_interval_time_t step;
    apr_interval_time_t span; /**< asked for; the steps may begin a little before it */
    unsigned steps;
    apr_time_t first; /**< when the first step begins */
    apr_time_t now;
} clp_history_range;

/** What is wrong with a question. */
typedef struct clp_range_error {
    const char *argument; /**< "duration" or "interval" */
    const char *message;  /**< behind its name: "has to be …" */
} clp_range_error;

/**
 * Read what was asked.
 * @param of_keys  keys, whose history is a day by 15 minutes
 * @param duration "24h", "90m", "7d", or "today": since midnight where the server is
 * @param interval "5m"; NULL = 1 minute for up to an hour, 5 for up to six, 15 for up to a day,
 *        and an hour for more; of keys always 15 minutes
 * @return 1, or 0 and an error, in `pool`
 */
int clp_history_range_read(clp_history_range *range, int of_keys, const char *duration,
                           const char *interval, apr_time_t now, clp_range_error *error,
                           apr_pool_t *pool);

/** The ring of a channel's history that a range is of. */
clp_history clp_history_range_ring(const clp_history_range *range, clp_channel_history *h);

/** When a step begins. */
static inline apr_time_t clp_history_step(const clp_history_range *range, unsigned i)
{
    return range->first + (apr_time_t)i * range->step;
}

/** Add what happened in a step to `sums`. */
void clp_history_range_add(const clp_history_range *range, clp_history h, unsigned i,
                           clp_history_sums *sums);

#endif
