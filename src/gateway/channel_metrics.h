/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_CHANNEL_METRICS_H
#define CLP_GATEWAY_CHANNEL_METRICS_H

#include "gateway/status_json.h"

/**
 * @file channel_metrics.h
 * @brief How a channel does, as the admin API tells it (docs/admin_metrics.md).
 *
 * Requests are attempts here: each counts at the channel and key where it was made. Times are those
 * of requests that ended at the channel, whatever they had tried before.
 */

/** Is anything counted of the channel? Not without shared memory, nor where its tables are full. */
int clp_channel_is_counted(const clp_status_scope *scope, const clp_channel *c);

/** An object: counts since the tables were made, windows, times, breaker, keys. */
void clp_channel_metrics_write(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                               apr_pool_t *pool);

/** An object: how the channel is right now; null if nothing is counted of it. */
void clp_channel_state_write(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                             apr_pool_t *pool);

#endif
