/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_SELECTION_H
#define CLP_SCHED_SELECTION_H

#include "sched/explanation.h"

/**
 * @file selection.h
 * @brief The channels that can take a request, in the order they are tried.
 */
typedef enum clp_rank { CLP_RANK_PROMOTED, CLP_RANK_BOUND, CLP_RANK_OTHER } clp_rank;

/** A channel that can take the request. */
typedef struct clp_option {
    const clp_channel *channel;
    unsigned row; /**< of its state; CLP_NO_ROW = none is kept */
    clp_rank rank;
    double turn; /**< among equals: the smaller goes first */
    int index;   /**< in the configuration */

    /* What the walk found. */
    int tried;                  /**< in this request */
    int assumed_key;            /**< key whose assumed rest ends first … */
    apr_time_t assumed_end;     /**< … and when; 0 = there is none */
    const clp_circuit *tripped; /**< of the circuits that are open the first that closes */
} clp_option;

typedef struct clp_selection {
    clp_option *options;
    int n;
    int active;    /**< channels that are in use at all */
    int serving;   /**< of those, that serve the model */
    int is_bound;  /**< the conversation was served before … */
    clp_pin bound; /**< … by these */
} clp_selection;

/** Why the channel cannot take the request, whatever its state; NONE = it can. */
clp_obstacle clp_selection_excludes(const clp_channel *c, const clp_plan_query *q);

/**
 * @param peek look only: nobody's turn passes by it
 * @param random of the request
 */
void clp_selection_make(clp_selection *s, const clp_channel_set *set, const clp_plan_query *q,
                        apr_time_t now, int peek, apr_uint64_t random, apr_pool_t *pool);

/** Why the option would be tried. */
clp_pick clp_selection_pick(const clp_selection *s, const clp_option *o, const clp_plan_query *q);

/** A random number made of another one. */
apr_uint64_t clp_selection_mix(apr_uint64_t x);

#endif
