/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_ROUNDS_H
#define CLP_DIALECT_ROUNDS_H

#include <apr_hash.h>
#include <apr_tables.h>

#include "dialect/conversation.h"

/**
 * @file rounds.h
 * @brief A conversation as the alternation that upstreams insist on.
 *
 * A round is a run of turns of one side: the assistant, or the user (with
 * instructions that stand in between). Each call of an assistant round is
 * matched with its result in the round behind; what is left over on either
 * side (a call without result, a result without call) is for the writer to
 * tell in its protocol's way.
 */

/** A call and its result. */
typedef struct clp_answered {
    const clp_block *call;
    const clp_block *result; /**< NULL: the history has none */
} clp_answered;

typedef struct clp_round {
    int assistant;
    const clp_turn *first;  /**< NULL: an empty round that only lacks results */
    const clp_turn *behind; /**< the first turn that is not in it; NULL = end */
    apr_array_header_t
        *answers; /**< user: clp_answered of the round before, in the order of the calls */
    apr_array_header_t *told; /**< const clp_answered * of `answers` in the order of the results,
                                   then those without one */
    apr_hash_t *by_id;        /**< private */
} clp_round;

#define CLP_ROUND_EACH(t, round)                                                                   \
    for (const clp_turn *t = (round)->first; t != (round)->behind; t = t->next)

/** The rounds of a conversation: an array of clp_round. */
apr_array_header_t *clp_rounds_make(const clp_conversation *c, apr_pool_t *pool);

/**
 * Index of the round in which the current turn begins: the user's last words. Words that come
 * along with results (clients put reminders there) begin none.
 */
int clp_rounds_current(const apr_array_header_t *rounds);

/** Does this result block answer a call of the round before? */
int clp_round_answers(const clp_round *round, const clp_block *result, apr_pool_t *pool);

#endif
