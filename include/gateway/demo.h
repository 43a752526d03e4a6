/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_DEMO_H
#define CLP_GATEWAY_DEMO_H

#include <apr_pools.h>
#include <apr_time.h>

#include "dialect/conversation.h"
#include "dialect/event.h"
#include "wire/problem.h"

/**
 * @file demo.h
 * @brief What the demo upstream says: an answer made of the question, with no
 * model behind it. The same request gives the same events.
 *
 * It repeats the last user text, quotes results of tools, calls tools when told
 * to (by tool_choice, or in words: "call the tool", "use the tool NAME", "call all
 * tools"), fills JSON Schemas, shows reasoning when it is on, and keeps to max_tokens
 * and stop strings. Names of models ask for more (docs/demo.md).
 */

/** Names for a list of models, ended by NULL. */
extern const char *const clp_demo_models[];

/** Push the answer, from START to FINISH. The sink need not be a guard's. */
void clp_demo_answer(const clp_conversation *c, const clp_sink *sink, apr_pool_t *pool);

/** The error that a model "demo-error-STATUS" asks for; NULL for other names. */
clp_problem *clp_demo_problem(const char *model, apr_pool_t *pool);

/** How long the model waits before its answer, and before each further piece of it; 0 but for
 * "demo-slow". */
void clp_demo_pace(const char *model, apr_interval_time_t *first, apr_interval_time_t *each);

#endif
