/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_VERDICT_H
#define CLP_SCHED_VERDICT_H

#include "upstream/transport.h"
#include "wire/problem.h"

/**
 * @file verdict.h
 * @brief What a failed attempt means for the next one.
 */
typedef enum clp_verdict {
    CLP_VERDICT_GIVE,         /**< the client's own fault: hand it the answer, try nobody else */
    CLP_VERDICT_NEXT_KEY,     /**< this key will not do (401, 402, 403, 429) */
    CLP_VERDICT_NEXT_URL,     /**< this address will not do (5xx, transport, timeout, garbage) */
    CLP_VERDICT_NEXT_CHANNEL, /**< this channel will not do (the model is unknown to it) */
    CLP_VERDICT_STOP          /**< the client is gone, or the budget is used up */
} clp_verdict;

/** One exception that a channel makes from the table: what of its members is set has to fit. */
typedef struct clp_verdict_rule {
    int status_from, status_to; /**< HTTP status, both included; 0 and 0 = any */
    const char *code;           /**< error type or code, case does not count; NULL = any */
    const char *message;        /**< pattern with '*' and '?', case does not count; NULL = any */
    clp_verdict verdict;        /**< GIVE, or which to try next */
} clp_verdict_rule;

/**
 * For an answer that was an error, by its problem (status, class, code). A
 * client's fault without a status is our own refusal to convert the request
 * for this channel: another channel may carry it.
 */
clp_verdict clp_verdict_of_problem(const clp_problem *p);

/**
 * Does the problem only say that the upstream has no such endpoint? Many do not count tokens;
 * that says nothing against the channel.
 */
int clp_verdict_no_endpoint(const clp_problem *p);

/** For a transfer that failed before it was an answer. */
clp_verdict clp_verdict_of_transfer(clp_transfer_end how);

/**
 * The more useful of two problems to tell the client when all attempts failed:
 * what names the client's fault or a time to come back beats what says only
 * that something broke, and that beats what only the operator can mend. Among
 * equals `b`, which is to be the later; of two times to come back the sooner.
 * Either may be NULL.
 */
const clp_problem *clp_verdict_better(const clp_problem *a, const clp_problem *b);

const char *clp_verdict_name(clp_verdict v);

#endif
