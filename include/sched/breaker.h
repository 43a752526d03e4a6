/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_BREAKER_H
#define CLP_SCHED_BREAKER_H

#include <apr_time.h>

/**
 * @file breaker.h
 * @brief When a way to a provider counts as broken, and how it comes back.
 *
 * A circuit keeps its last results. Once at least `min` are known and `percent` of them are
 * failures, it opens and gets no requests for `open`; then it is half open: one request at a
 * time tries it, a success closes it and forgets what was before, a failure opens it again.
 */
#define CLP_BREAKER_WINDOW_MIN 3
#define CLP_BREAKER_WINDOW_MAX 32
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

#endif
