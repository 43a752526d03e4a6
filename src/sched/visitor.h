/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_VISITOR_H
#define CLP_SCHED_VISITOR_H

#include "selection.h"

/**
 * @file visitor.h
 * @brief Who visits channels for a request, and what stood in the way.
 */
typedef struct clp_visitor {
    const clp_plan_query *query;
    const clp_selection *selection;
    apr_pool_t *pool;
    apr_uint64_t random;
    int peek; /**< nothing is taken */

    /* Of the obstacles that nothing but time removes, the one that goes first. */
    clp_obstacle obstacle;
    apr_time_t until;
} clp_visitor;

/**
 * Make the selection of a request, and who visits it; all of them stay in place.
 * @param peek look only: nobody's turn passes by it, and nothing is taken
 */
void clp_visitor_init(clp_visitor *by, clp_selection *selection, const clp_channel_set *set,
                      const clp_plan_query *query, int peek, apr_pool_t *pool);

/** The time by the query's clock. */
apr_time_t clp_visitor_now(const clp_visitor *by);

/** An obstacle that goes at `until`. */
void clp_visitor_note(clp_visitor *by, clp_obstacle obstacle, apr_time_t until);

#endif
