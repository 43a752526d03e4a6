/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_PING_H
#define CLP_GATEWAY_PING_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "sched/channel.h"
#include "upstream/transport.h"

/**
 * @file ping.h
 * @brief A sign of life from upstreams, that costs nothing: their list of models is asked for, with
 * the channel's first key, over its proxy and TLS settings.
 *
 * A provider without such a list answers that there is none; then it is reached, but nothing is
 * known of the key.
 */

/** For everything that is asked of a channel. */
#define CLP_PING_MAX_MS 10000

typedef struct clp_pong {
    const clp_channel *channel;
    const char *url;        /**< base URL that answered, or the last one that did not */
    int alive;              /**< it would take requests, as far as that can be told */
    int status;             /**< HTTP status, 0 = none */
    apr_int64_t latency_ms; /**< until the head of the answer, or the failure */
    const char *error;      /**< class of what is wrong: "auth", "timeout" …; NULL = nothing */
    const char *message;    /**< for people, without addresses; NULL = nothing */
} clp_pong;

/**
 * Ask all channels at once, each one's URLs one after the other, whatever their status. Returns
 * when all have answered or failed, after CLP_PING_MAX_MS at the latest.
 * @param channels of const clp_channel *
 * @return of clp_pong, in their order
 */
apr_array_header_t *clp_ping(const apr_array_header_t *channels, clp_transport *transport,
                             apr_pool_t *pool);

#endif
