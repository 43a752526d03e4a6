/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_PLAN_H
#define CLP_SCHED_PLAN_H

#include <apr_pools.h>

#include "sched/affinity.h"
#include "sched/channel.h"
#include "sched/strategy.h"
#include "sched/verdict.h"
#include "state/tables.h"

/**
 * @file plan.h
 * @brief Which channel, key and URL are tried, in which order.
 *
 * The order of channels: the promoted one; the one the conversation is bound to; the others by
 * priority, equal ones by strategy. In a channel the keys as its order says, and its URLs as
 * configured. A failed key is not tried again in the same request, nor is a failed URL; when a
 * channel has no pair left, the next channel follows. Only active channels whose service can take
 * the request take part.
 *
 * Shared state skips what is tripped, resting or full. When nothing else is left, one key whose
 * rest is only assumed is tried, then one tripped channel, the least bad, if nobody else probes it.
 *
 * A candidate is leased: it is counted as in flight and against what may be asked per minute, and
 * holds the place of a probe where a circuit is half open. The plan gives leases back when it
 * moves on, when it is done, and when its pool goes; what may be asked per minute only if nothing
 * was sent.
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

    clp_strategy strategy;
    const clp_conversation_id
        *conversation;             /**< or end user, for bindings and hashes; NULL = none */
    clp_tables *tables;            /**< shared state; NULL = none is kept: nothing is skipped */
    const clp_pin_table *affinity; /**< bindings; NULL = there are none */
    apr_uint64_t random;           /**< seed; 0 = any */
    apr_time_t (*now)(void);       /**< the clock; NULL = apr_time_now() */
} clp_plan_query;

/** Why a candidate is the one to try now. */
typedef enum clp_pick {
    CLP_PICK_PRIORITY,  /**< first by priority and order, or the only one */
    CLP_PICK_STRATEGY,  /**< by strategy among equals */
    CLP_PICK_PROMOTION, /**< promoted */
    CLP_PICK_AFFINITY,  /**< it served the conversation before */
    CLP_PICK_PIN,       /**< what the request continues is there */
    CLP_PICK_FAILOVER,  /**< others failed in this request */
    CLP_PICK_HEDGE,     /**< beside another one that is slow */
    CLP_PICK_AGAIN,     /**< once more, as its provider told */
    CLP_PICK_ASSUMED,   /**< nothing else is left; it may have rested long enough */
    CLP_PICK_FORCED     /**< nothing else is left; it is tripped, the least bad one */
} clp_pick;

/** "priority", "strategy", "promotion" ... */
const char *clp_pick_name(clp_pick c);

typedef struct clp_candidate {
    const clp_channel *channel;
    const char *url;    /**< base URL */
    const clp_key *key; /**< NULL for a channel without credentials */
    const char *model;  /**< what to ask the upstream for */
    int url_index;
    int key_index;
    clp_pick pick;
    clp_row_ref circuit;   /**< of URL and key; those of channel and key are theirs */
    apr_uint64_t model_id; /**< clp_row_id() of `model`, 0 = none */
    apr_uint64_t probe;    /**< the claimed place of a probe, to be booked with the result; 0 */
} clp_candidate;

typedef struct clp_plan clp_plan;

/**
 * Make the plan of one request.
 * @return NULL and a plan with at least one candidate, or a problem that says
 *         why none can take it: 404 no channel serves the model, 404 what it is
 *         pinned to is gone (details say thread_not_found), 400 the request needs
 *         threads and no channel knows them (details say thread_unsupported_request),
 *         503 nothing is configured or all is suspended, 429 or 503 with a time to come back
 *         when all who could take it rest, are full, or are tripped and being probed
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

/** The candidate's upstream gets its request now. */
void clp_plan_sent(clp_plan *plan, const clp_candidate *candidate);

/**
 * The candidate has begun to answer: if it was a probe, its place goes to the next request, so
 * that a long answer of a channel that came back does not keep all others away.
 */
void clp_plan_answered(clp_plan *plan, const clp_candidate *candidate);

/** The request is over: give all leases back. Harmless when done before. Results should be posted
 * before. */
void clp_plan_done(clp_plan *plan);

#endif
