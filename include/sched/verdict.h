/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_VERDICT_H
#define CLP_SCHED_VERDICT_H

#include "upstream/transport.h"
#include "wire/problem.h"

/**
 * @file verdict.h
 * @brief What a failed attempt means for the next one, and what it says of channel and key.
 */
typedef enum clp_verdict {
    CLP_VERDICT_GIVE,         /**< the client's own fault: hand it the answer, try nobody else */
    CLP_VERDICT_NEXT_KEY,     /**< this key will not do (401, 402, 403, 429) */
    CLP_VERDICT_NEXT_URL,     /**< this address will not do (5xx, transport, timeout, garbage) */
    CLP_VERDICT_NEXT_CHANNEL, /**< this channel will not do (the model is unknown to it) */
    CLP_VERDICT_STOP          /**< the client is gone, or the budget is used up */
} clp_verdict;

/** What a failed attempt says of those who took part in it. */
typedef enum clp_fault {
    CLP_FAULT_NONE,        /**< nothing: the request's, or the client's */
    CLP_FAULT_PROVIDER,    /**< the channel and this address fail */
    CLP_FAULT_KEY,         /**< the key is refused */
    CLP_FAULT_QUOTA_KEY,   /**< the key has no credit or quota left */
    CLP_FAULT_QUOTA_MODEL, /**< too much was asked with this key of this model */
    CLP_FAULT_OVERLOAD     /**< the provider is busy; with a time told it rests, else it fails */
} clp_fault;

typedef struct clp_judgement {
    clp_verdict verdict;
    clp_fault fault;
    const char *why; /**< for the log */
} clp_judgement;

/** An exception that a channel makes from the table: what of its members is set has to fit. */
typedef struct clp_verdict_rule {
    const char *spec; /**< as it was said */
    int status_from;  /**< HTTP statuses, both included; 0 and 0 = any */
    int status_to;    /**< */
    const char *word; /**< error type or code, case does not count; NULL = any */
    const char *text; /**< what the message holds, '*' is anything, case does not count; NULL */
} clp_verdict_rule;

/**
 * Read a rule: STATUS[/WORD][:TEXT], /WORD[:TEXT] or TEXT, where STATUS is as 503, 500-599 or 5xx,
 * and a TEXT that begins like the others has ':' in front.
 * @param spec stays in place as long as the rule
 * @return NULL, or what is wrong with it, in `pool`
 */
const char *clp_verdict_rule_read(clp_verdict_rule *rule, const char *spec, apr_pool_t *pool);

struct clp_channel;

/**
 * For an answer that was an error, or a request of ours that the channel cannot carry (status 0):
 * what the channel never retries, then the table (verdicts.def), then what the channel does retry.
 * Where a rule wants another try of what the table gives to the client, it is the next channel's,
 * and nobody's fault: clients must not be able to trip a channel.
 * @param channel NULL = the table alone
 */
clp_judgement clp_judge_problem(const clp_problem *p, const struct clp_channel *channel);

/**
 * Does the problem only say that the upstream has no such endpoint? Many do not count tokens;
 * that says nothing against the channel.
 */
int clp_verdict_no_endpoint(const clp_problem *p);

/** For a transfer that failed before it was an answer. */
clp_judgement clp_judge_transfer(clp_transfer_end how);

/** The verdict of clp_judge_problem(), by the table alone. */
clp_verdict clp_verdict_of_problem(const clp_problem *p);

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
