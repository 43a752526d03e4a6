/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_REASONING_H
#define CLP_DIALECT_REASONING_H

#include "dialect/conversation.h"
#include "dialect/target.h"

/**
 * @file reasoning.h
 * @brief How much a model shall think: efforts, budgets and what a target
 * understands of either.
 */

/** Smallest budget Messages takes. */
#define CLP_BUDGET_MIN 1024

/** Tokens for an effort; 0 for none, -1 for unset. */
apr_int64_t clp_effort_budget(clp_effort effort);

/** The effort a budget amounts to; UNSET for a budget below 0 (as the model likes). */
clp_effort clp_budget_effort(apr_int64_t budget, unsigned model_takes);

/** The word of an effort; NULL for UNSET. */
const char *clp_effort_word(clp_effort effort);

/**
 * reasoning_effort for a Chat upstream; NULL to leave it out.
 * @param model_takes of clp_model_takes()
 */
const char *clp_reasoning_chat(const clp_reasoning *r, unsigned model_takes);

/** Thinking as Messages puts it. */
typedef struct clp_thinking_plan {
    clp_thinking mode;  /**< UNSET = leave it out */
    apr_int64_t budget; /**< for ON */
    const char *effort; /**< output_config.effort, or NULL */
} clp_thinking_plan;

/**
 * Thinking for a Messages upstream.
 * @param max_tokens the cap that goes out; a budget must stay below it
 */
clp_thinking_plan clp_reasoning_messages(const clp_reasoning *r, unsigned model_takes,
                                         apr_int64_t max_tokens);

#endif
