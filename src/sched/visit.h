/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_VISIT_H
#define CLP_SCHED_VISIT_H

#include "lease.h"
#include "visitor.h"

/**
 * @file visit.h
 * @brief One channel's turn in a request: which pair of key and URL is tried next.
 */
typedef enum clp_visit_mode {
    CLP_VISIT_PLAIN,    /**< nothing that is tripped or rests */
    CLP_VISIT_PROMOTED, /**< tripped or not */
    CLP_VISIT_ASSUMED,  /**< the one key whose assumed rest ends first */
    CLP_VISIT_FORCED    /**< the least bad pair of a tripped channel */
} clp_visit_mode;

typedef struct clp_visit {
    clp_option *option;
    clp_visit_mode mode;
    int ready;  /**< what follows is set */
    char *keys; /**< failed ones; room for the most that any channel has */
    char *urls;
    int first; /**< key that the order begins with … */
    int bound; /**< … behind the one that served the conversation; -1 = none */
    clp_candidate candidate;
    clp_lease lease;
} clp_visit;

/** Make room for visits of any of the selection's channels. */
void clp_visit_init(clp_visit *v, const clp_selection *s, apr_pool_t *pool);

void clp_visit_begin(clp_visit *v, clp_option *option, clp_visit_mode mode);

/** PROMOTED or PLAIN, by the option's rank. */
void clp_visit_begin_ranked(clp_visit *v, clp_option *option);

/** Take the next pair that is left, and a lease on it; 0 = there is none. */
int clp_visit_next(clp_visit *v, clp_visitor *by, apr_time_t now);

/** The candidate failed: its lease ends, and what of the channel need not be tried again is
 * marked. */
void clp_visit_failed(clp_visit *v, clp_visitor *by, clp_verdict verdict);

/** Lease the candidate of an earlier visit once more, whatever its state. */
void clp_visit_again(clp_visit *v, clp_visitor *by, const clp_candidate *candidate, apr_time_t now);

#endif
