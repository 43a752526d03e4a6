/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_BREAKER_H
#define CLP_SCHED_BREAKER_H

#include <apr_time.h>

#include "state/rows.h"
#include "state/writes.h"

/**
 * @file breaker.h
 * @brief When a way to a provider counts as broken, and how it comes back.
 *
 * A circuit keeps its last results. Once at least `min` are known and `percent` of them are
 * failures, it opens and gets no requests for `open`; then it is half open: one request at a
 * time, over all processes, tries it. A success closes it and forgets what was before, a failure
 * opens it again.
 */
#define CLP_BREAKER_WINDOW_MIN 3
#define CLP_BREAKER_WINDOW_MAX CLP_CIRCUIT_RESULTS
#define CLP_BREAKER_TIME_MAX   apr_time_from_sec((1 << 20) - 1) /* twelve days */

typedef struct clp_breaker_policy {
    int on;
    int window;                /**< results looked at: CLP_BREAKER_WINDOW_MIN … _MAX */
    int min;                   /**< results needed before it may open: 1 … window */
    int percent;               /**< of failures that opens it: 1 … 100 */
    apr_interval_time_t open;  /**< how long it stays open: whole seconds, 1 s … TIME_MAX */
    apr_interval_time_t probe; /**< a probe without a result by then gives its place to another */
} clp_breaker_policy;

/** On; 10 results, at least 5, 50 %, open for 15 minutes, a probe for 2 minutes at most. */
clp_breaker_policy clp_breaker_policy_default(void);

/** The policy as one word, as bookings carry it; times in whole seconds. */
apr_uint64_t clp_breaker_pack(const clp_breaker_policy *policy);
clp_breaker_policy clp_breaker_unpack(apr_uint64_t word);

/* --- looking: any thread, lock-free ------------------------------------------------------- */

typedef enum clp_breaker_state {
    CLP_BREAKER_CLOSED,
    CLP_BREAKER_OPEN,
    CLP_BREAKER_HALF_OPEN
} clp_breaker_state;

/** "closed", "open", "half_open". */
const char *clp_breaker_state_name(clp_breaker_state s);

clp_breaker_state clp_breaker_look(const clp_circuit *c, const clp_breaker_policy *policy,
                                   apr_time_t now);

/** Failures in percent of the results in the window; 0 if there are none. */
int clp_breaker_percent(const clp_circuit *c, const clp_breaker_policy *policy);

/**
 * Take the only place of a probe.
 * @param child clp_child_number() of who takes it: at its end the place is free
 * @return what the word holds now, to be given back or booked with the result; 0 = it is taken
 */
apr_uint64_t clp_breaker_claim_probe(clp_circuit *c, const clp_breaker_policy *policy,
                                     unsigned child, apr_time_t now);

/** Give the place to the next one; nothing if it went to another already. */
void clp_breaker_release_probe(clp_circuit *c, apr_uint64_t claimed);

/* --- entering: as part of a booking ------------------------------------------------------- */

/**
 * A result. In a closed circuit it joins the window and may open it; any success closes an open
 * one; a failure opens it again if it is half open or was probed, and is left out otherwise.
 * @param at when the attempt ended
 * @param probe what its claim of the probe's place gave, or 0; the place is free afterwards
 */
void clp_breaker_enter(clp_writes *w, clp_circuit *c, const clp_breaker_policy *policy, int failed,
                       apr_time_t at, apr_uint64_t probe);

/** The attempt says nothing of the circuit: only its probe's place becomes free. */
void clp_breaker_enter_nothing(clp_writes *w, clp_circuit *c, apr_uint64_t probe);

/** Open it, as if it had just failed too often: what a health check says. */
void clp_breaker_enter_open(clp_writes *w, clp_circuit *c, const clp_breaker_policy *policy,
                            apr_time_t at);

/** Close it and forget its results: what an operator or a health check says. */
void clp_breaker_enter_closed(clp_writes *w, clp_circuit *c);

#endif
