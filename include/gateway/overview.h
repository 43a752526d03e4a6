/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_OVERVIEW_H
#define CLP_GATEWAY_OVERVIEW_H

#include "gateway/status_json.h"
#include "state/session_table.h"

/**
 * @file overview.h
 * @brief All that a server knows of itself, for whoever shows it: mod_status and Prometheus.
 */
typedef struct clp_overview {
    clp_status_scope scope;
    apr_int64_t revision;       /**< of the overlay in force; 0 = there is none */
    const char *overlay_error;  /**< why the overlay's file is not in force; NULL = it is */
    apr_uint64_t shared_bytes;  /**< shared memory set aside, all tables together */
    int has_sessions;           /**< `sessions` is known: they are in shared memory */
    clp_session_usage sessions; /**< responses, and reasoning kept for clients */
    apr_uint64_t threads;       /**< message threads whose place is known */
    apr_uint64_t bindings;      /**< conversations bound to a channel */
} clp_overview;

/** Channels in the last 15 minutes or 24 hours, from their history. */
typedef struct clp_overview_window {
    apr_uint64_t attempts;
    apr_uint64_t tokens_in; /**< cached or not */
    apr_uint64_t tokens_out;
    int success_percent; /**< of what succeeded or failed; -1 = nothing did */
} clp_overview_window;

clp_overview_window clp_overview_of_channel(const clp_status_scope *scope, const clp_channel *c,
                                            apr_interval_time_t span);

/** Add the module's part of mod_status' page, HTML. */
void clp_overview_html(clp_buffer *out, const clp_overview *o, apr_pool_t *pool);

/** Add the module's lines of `?auto`. */
void clp_overview_auto(clp_buffer *out, const clp_overview *o, apr_pool_t *pool);

#endif
