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
    int counting;              /**< only channels whose dialect counts a request's tokens will do */
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

/**
 * Take a verdict on the current candidate and move on. GIVE and STOP end the plan. When the walk
 * comes to the channel of a hedge that still runs, the hedge's candidate becomes the current one,
 * and there is no hedge any more.
 */
const clp_candidate *clp_plan_after(clp_plan *plan, clp_verdict verdict);

/**
 * A candidate of another channel than the current one, to be tried beside it: the first that
 * would come later. At most one in a plan. NULL if there is none. It lives until the plan
 * comes to its channel.
 */
const clp_candidate *clp_plan_hedge(clp_plan *plan);

/** The hedge failed while the current candidate still runs. What else its channel has is tried
 * when the walk comes to it. Without a hedge nothing happens. */
void clp_plan_hedge_failed(clp_plan *plan, clp_verdict verdict);

/**
 * Make a candidate that has failed the current one once more, though nothing else is left: for
 * when its provider told that it may be asked again soon. Nothing follows it.
 */
const clp_candidate *clp_plan_again(clp_plan *plan, const clp_candidate *candidate);

#endif
