/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_PLAN_H
#define CLP_SCHED_PLAN_H

#include <apr_pools.h>

#include "sched/channel.h"
#include "sched/verdict.h"

/**
 * @file plan.h
 * @brief Which channel, key and URL are tried, in which order.
 *
 * Channels by priority, equal ones in configuration order; in a channel keys
 * in order and URLs in order. A failed key is not tried again in the same
 * request, nor is a failed URL; when a channel has no pair left, the next
 * channel follows. Only active channels whose service can take the request
 * take part. This is where circuit breakers, affinity and key cool-downs
 * enter: they reorder and skip candidates, the walk stays the same.
 */
typedef struct clp_plan_query {
    const clp_dialect *client; /**< the client's protocol */
    const char *model;         /**< as the client named it; NULL = none */
    int own_dialect;           /**< only channels of the client's own dialect will do */
    int other_dialects;        /**< only channels of other dialects than the client's will do */
    int thread;                /**< it belongs to a message thread: only channels of the client's
                                    own dialect whose upstream knows threads will do */
    const char *pin_channel;   /**< only this channel … */
    const char *pin_key;       /**< … and this key id; NULL = any */
} clp_plan_query;

typedef struct clp_candidate {
    const clp_channel *channel;
    const char *url;    /**< base URL */
    const clp_key *key; /**< NULL for a channel without credentials */
    const char *model;  /**< what to ask the upstream for */
    int url_index;
    int key_index;
} clp_candidate;

typedef struct clp_plan clp_plan;

/**
 * Make the plan of one request.
 * @return NULL and a plan with at least one candidate, or a problem that says
 *         why none can take it: 404 no channel serves the model, 404 what it is
 *         pinned to is gone (details say thread_not_found), 400 the request needs
 *         threads and no channel knows them (details say thread_unsupported_request),
 *         503 nothing is configured or all is suspended
 */
clp_problem *clp_plan_make(clp_plan **out, const clp_channel_set *set, const clp_plan_query *query,
                           apr_pool_t *pool);

/** The candidate to try now; NULL when there is none left. */
const clp_candidate *clp_plan_current(const clp_plan *plan);

/** Take a verdict on the current candidate and move on. GIVE and STOP end the plan. */
const clp_candidate *clp_plan_after(clp_plan *plan, clp_verdict verdict);

#endif
