/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_REFUSAL_H
#define CLP_SCHED_REFUSAL_H

#include "selection.h"

/**
 * @file refusal.h
 * @brief What a client is told whose request nobody can take.
 */

/** No channel of the set can take it. */
clp_problem *clp_refusal_make(const clp_selection *s, const clp_channel_set *set,
                              const clp_plan_query *q, apr_pool_t *pool);

/** Those that could are not to be asked before `until`; one of KEYS, BUSY, FULL and PROBED. */
clp_problem *clp_refusal_wait(clp_obstacle obstacle, apr_time_t until, apr_time_t now,
                              apr_pool_t *pool);

#endif
