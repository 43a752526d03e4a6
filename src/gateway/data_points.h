/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_DATA_POINTS_H
#define CLP_GATEWAY_DATA_POINTS_H

#include "history_range.h"
#include "wire/json_write.h"

/**
 * @file data_points.h
 * @brief Histories as lists of points for charts (docs/admin_metrics.md).
 */

/** A point: {timestamp, requestCount, …, inputTokens, …}. */
void clp_data_point_write(clp_jw *w, apr_time_t when, const clp_history_sums *sums,
                          apr_pool_t *pool);

/** Member dataPoints: all steps of a range, the oldest first; an empty list without history (no
 * points in it). */
void clp_data_points_write(clp_jw *w, const clp_history_range *range, clp_history h,
                           apr_pool_t *pool);

/** Members about the last 15 minutes: segments of six seconds, the oldest first, and requests and
 * tokens of output per minute, rpm and tpm. */
void clp_recent_activity_write(clp_jw *w, clp_channel_history *h, apr_time_t now);

#endif
