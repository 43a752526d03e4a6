/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_EXPLANATION_H
#define CLP_SCHED_EXPLANATION_H

#include "sched/plan.h"

/**
 * @file explanation.h
 * @brief What a plan would do with a request, and why.
 */

/** Why a channel is not tried, or only when nothing else is left. */
typedef enum clp_obstacle {
    CLP_OBSTACLE_NONE,
    CLP_OBSTACLE_STATUS,   /**< suspended or disabled */
    CLP_OBSTACLE_EMPTY,    /**< no URL, or no key */
    CLP_OBSTACLE_MODEL,    /**< does not serve the model */
    CLP_OBSTACLE_PROTOCOL, /**< cannot carry the request */
    CLP_OBSTACLE_PIN,      /**< what the request continues is elsewhere */
    CLP_OBSTACLE_ASSUMED,  /**< rests, for a time that is assumed: comes last */
    CLP_OBSTACLE_TRIPPED,  /**< its circuits are open: comes last of all */
    CLP_OBSTACLE_PROBED,   /**< half open, and somebody probes it */
    CLP_OBSTACLE_KEYS,     /**< its keys rest, as their provider told */
    CLP_OBSTACLE_BUSY,     /**< it rests, as its provider told */
    CLP_OBSTACLE_FULL      /**< has what it may have at once or per minute */
} clp_obstacle;

/** "none", "status", "empty", "model" ... */
const char *clp_obstacle_name(clp_obstacle o);

typedef struct clp_explanation {
    const clp_channel *channel;
    clp_pick pick; /**< if there is no obstacle */
    clp_obstacle obstacle;
    apr_time_t until; /**< when the obstacle goes, 0 = not by time */
} clp_explanation;

/**
 * What a plan would do, without doing anything: channels in the order they would be tried, those
 * that are skipped in their places, those that cannot take the request behind.
 * @return array of clp_explanation, in `pool`
 */
apr_array_header_t *clp_plan_explain(const clp_channel_set *set, const clp_plan_query *query,
                                     apr_pool_t *pool);

#endif
