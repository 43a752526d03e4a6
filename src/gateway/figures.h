/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_FIGURES_H
#define CLP_GATEWAY_FIGURES_H

#include "state/history.h"
#include "wire/json_write.h"

/**
 * @file figures.h
 * @brief Numbers as the admin API tells them, with the names that programs for claude-proxy know.
 *
 * A rate is a percentage with at most two digits behind the point; null where there is nothing to
 * make one of.
 */

/** Sums of attempts by their results, as those of a history; without tokens. */
clp_history_sums clp_figures_of_results(const apr_uint64_t results[CLP_BOOKED_ROOM]);

/** Add one to the other. */
void clp_figures_add(clp_history_sums *sums, const clp_history_sums *more);

/** Member with a number in hundredths: 6666 is 66.66, 7500 is 75; -1 is null. */
void clp_figure_hundredths(clp_jw *w, const char *name, apr_int64_t hundredths);

/** Members requestCount, successCount, failureCount, abortedCount, clientErrorCount,
 * successRate. */
void clp_figures_counts(clp_jw *w, const clp_history_sums *sums);

/** Members inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens, reasoningTokens. */
void clp_figures_tokens(clp_jw *w, const clp_history_sums *sums);

/** Share of cached tokens among those of all prompts, in hundredths of a percent; -1 = no prompt.
 */
apr_int64_t clp_figure_cache_hits(const clp_history_sums *sums);

/**
 * Member about times: requestCount, averageMs, p50Ms, p90Ms, p99Ms; null for all but the first if
 * nothing was counted. Quantiles lie in their bucket as if all times of it were spread evenly;
 * in the last one, which has no end, they are its beginning.
 * @param total_us sum of the times
 */
void clp_figures_times(clp_jw *w, const char *name, const apr_uint64_t buckets[CLP_HISTOGRAM],
                       apr_uint64_t total_us);

#endif
