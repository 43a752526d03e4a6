/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_COUNTERS_H
#define CLP_STATE_COUNTERS_H

#include "state/ledger.h"

/**
 * @file counters.h
 * @brief Sums over requests, and how their times are spread.
 */

/** Requests counted: the sum of all results. */
apr_uint64_t clp_counters_requests(const clp_counters *c);

/** Of these, failures (clp_booked_failed). */
apr_uint64_t clp_counters_failures(const clp_counters *c);

/** Count a request that ended. */
void clp_counters_enter(clp_writes *w, clp_counters *c, const clp_booking *b);

/** Likewise, with histograms. */
void clp_traffic_enter(clp_writes *w, clp_traffic *t, const clp_booking *b);

/** Likewise, with what is kept of models alone. */
void clp_model_enter(clp_writes *w, clp_model_row *row, const clp_booking *b);

/** Upper bound of a bucket in milliseconds, itself included; the last has none: -1. */
apr_int64_t clp_histogram_bound_ms(int bucket);

/** Upper bounds of the buckets of model rows: tokens, and milliseconds; the last has none: -1. */
apr_int64_t clp_token_bound(int bucket);
apr_int64_t clp_pace_bound_ms(int bucket);

/** The bucket of a time. */
int clp_histogram_bucket(apr_int64_t ms);

#endif
