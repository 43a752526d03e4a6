/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_CIRCUIT_FIGURES_H
#define CLP_GATEWAY_CIRCUIT_FIGURES_H

#include "gateway/status_json.h"

/**
 * @file circuit_figures.h
 * @brief What is tripped and what rests of a channel, as the admin API tells it.
 *
 * The channel is one of which something is counted (clp_channel_is_counted()).
 */

/** "closed", "open", "half_open"; "off" of a channel without breaker. */
const char *clp_circuit_state_shown(const clp_channel *c, clp_breaker_state state);

/** Members of an object about a circuit of the channel. */
void clp_circuit_members(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                         const clp_circuit *circuit, apr_pool_t *pool);

/** Member circuits: a list of each URL with each key. */
void clp_circuits_write(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                        apr_pool_t *pool);

/** How many pairs of URL and key have a circuit in that state. */
int clp_channel_circuits_in(const clp_status_scope *scope, const clp_channel *c,
                            clp_breaker_state state);

/** The circuit of the channel's key of that index, as good as that with the best of the URLs. */
clp_breaker_state clp_circuit_of_key(const clp_status_scope *scope, const clp_channel *c, int key);

/** Member with the end of a rest; null if there is none. */
void clp_cooling_until(clp_jw *w, const char *name, const clp_cooling *cooling, apr_time_t now,
                       apr_pool_t *pool);

/** How many keys rest, for all models. */
int clp_channel_keys_cooling(const clp_status_scope *scope, const clp_channel *c);

#endif
