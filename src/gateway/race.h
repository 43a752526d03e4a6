/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_RACE_H
#define CLP_GATEWAY_RACE_H

#include "attempt.h"

/**
 * @file race.h
 * @brief The attempts of one request: which candidate is tried when, what follows a failure,
 * which attempt wins. The first that is committed does, and nothing begins after it.
 *
 * One attempt leads: it walks the plan, from failure to failure, within the bounds of
 * clp_retry_rules. Beside it a hedge may run, once in a request.
 *
 * Attempts begin in clp_race_tick() only: a failed one's memory must not go while its
 * transport's callback is still on the stack, and whoever drives can look between whether the
 * client is still there.
 */
typedef enum clp_race_news {
    CLP_RACE_COMMITTED, /**< the attempt's bytes are the client's from now on */
    CLP_RACE_COMPLETE,  /**< its answer is whole */
    CLP_RACE_BROKEN,    /**< it broke off after the commit */
    CLP_RACE_REFUSED,   /**< the request itself is at fault, as its upstream says */
    CLP_RACE_FAILED     /**< all have failed; `attempt` is NULL */
} clp_race_news;

/** Called from within the transport's step(), clp_race_tick() or clp_race_begin(). All news but
 * COMMITTED are the last. */
typedef void clp_race_listener(void *ctx, clp_race_news news, const clp_attempt *attempt);

typedef struct clp_race {
    const clp_exchange_params *params;
    clp_outcome *outcome; /**< its attempts are recorded here */
    clp_race_listener *listener;
    void *ctx;
    clp_attempt attempts[2];
    clp_attempt *lead;
    clp_attempt *hedge;  /**< runs beside it; NULL = none */
    clp_attempt *winner; /**< the committed one; NULL = none yet */
    int hedged;          /**< there was a hedge, or there can be none */

    clp_conversation *conversation; /**< read on the first converted attempt */
    int lead_failed;                /**< and tick() has to see what follows from `verdict` */
    clp_verdict verdict;
    const clp_candidate *next; /**< what tick() tries next; NULL = nothing */
    apr_time_t next_at;        /**< not before */

    clp_attempt_record best; /**< the most useful failure so far; without a problem = none */
    int waits;               /**< how often a provider's time was waited for */
} clp_race;

/** @param params,pool of the exchange */
void clp_race_init(clp_race *race, const clp_exchange_params *params, clp_outcome *outcome,
                   clp_race_listener *listener, void *ctx, apr_pool_t *pool);

/** Begin the first attempt. */
void clp_race_begin(clp_race *race, apr_time_t now);

/** Do what time demands: the next attempt, the hedge, the end of a grace period. */
void clp_race_tick(clp_race *race, apr_time_t now);

/** When tick() has something to do; APR_INT64_MAX = nothing but what news may bring. */
apr_time_t clp_race_due(const clp_race *race);

/** Nothing more is wanted: attempts that still run are cancelled. Harmless when it is over.
 * @param how what they are recorded as */
void clp_race_stop(clp_race *race, clp_attempt_result how);

#endif
