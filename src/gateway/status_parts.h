/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_STATUS_PARTS_H
#define CLP_GATEWAY_STATUS_PARTS_H

#include "sched/breaker.h"
#include "state/history.h"
#include "state/tables.h"
#include "wire/json_write.h"

/**
 * @file status_parts.h
 * @brief What several objects of the status document have in common.
 */

/** Member with a point in time; null for 0. */
void clp_status_time(clp_jw *w, const char *name, apr_time_t when, apr_pool_t *pool);

/** The name of a model that has a row of its own, else its id. */
const char *clp_status_model_name(const clp_tables *t, apr_uint64_t id, apr_pool_t *pool);

/** Member "attempts" or "results": how often each result was, without those that never were. */
void clp_status_results(clp_jw *w, const char *name, const apr_uint64_t results[CLP_BOOKED_ROOM]);

/** Members of an object about requests: requests, failures, results, attempts, tokens ... */
void clp_status_counters(clp_jw *w, const clp_counters *counts);

/** An object of those, and how their times are spread. */
void clp_status_traffic(clp_jw *w, const clp_traffic *traffic);

/** Member with an object for each client protocol that had a request. */
void clp_status_protocols(clp_jw *w, const char *name, const clp_traffic traffic[CLP_PROTOCOLS]);

/** Members of an object about a circuit. */
void clp_status_circuit(clp_jw *w, const clp_circuit *circuit, const clp_breaker_policy *policy,
                        apr_time_t now, apr_pool_t *pool);

/** A rest that is not over, an object; null if there is none. */
void clp_status_cooling(clp_jw *w, const clp_cooling *cooling, apr_time_t now, apr_pool_t *pool);

/** Member with what there was in the last minute. */
void clp_status_rates(clp_jw *w, const clp_rate_window *requests, const clp_rate_window *tokens,
                      apr_time_t now);

/** Member "ledger": what became of bookings. */
void clp_status_ledger(clp_jw *w, const clp_tables *t);

/** Writes the members of an object about sums. */
typedef void clp_status_sums_fn(clp_jw *w, const clp_history_sums *sums);

/** Member with an object for each window of a channel's history: 15m, 1h, 6h, 24h. */
void clp_status_windows(clp_jw *w, const char *name, clp_channel_history *h, apr_time_t now,
                        clp_status_sums_fn *write_sums);

#endif
