/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ANSWER_PROBLEM_H
#define CLP_GATEWAY_ANSWER_PROBLEM_H

#include "answer_head.h"

/**
 * @file answer_problem.h
 * @brief What an answer that is none means for the request. All in `pool`.
 */

/** What an answer with a status other than 2xx tells. */
clp_problem *clp_answer_problem_told(const clp_dialect *upstream, const clp_upstream_head *up,
                                     clp_span body, apr_pool_t *pool);

/** The transfer ended otherwise than done. */
clp_problem *clp_answer_problem_transfer(clp_transfer_end how, apr_pool_t *pool);

/** There is nothing in it. */
clp_problem *clp_answer_problem_empty(apr_pool_t *pool);

/** It is not what was asked for: `text` says what it is instead. */
clp_problem *clp_answer_problem_garbage(const char *text, apr_pool_t *pool);

#endif
