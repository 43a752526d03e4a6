/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_AFFINITY_H
#define CLP_SCHED_AFFINITY_H

#include "sched/channel.h"
#include "state/pin_table.h"

/**
 * @file affinity.h
 * @brief A conversation stays with the channel and key that last served it: that is where its
 * prompt is cached.
 *
 * Bindings are per protocol of the client, and end with their channel: one that is removed and
 * made anew under the same name does not get them back.
 */

/** Which of the tables' protocols a client of this dialect speaks. */
clp_protocol clp_protocol_of(const clp_dialect *client);

/** A conversation, as plan and account name it. */
typedef struct clp_conversation_id {
    const char *identity;
    clp_pin_name bound; /**< what its binding is found by */
} clp_conversation_id;

/** Made once for a request, in the pool; `identity` is not copied. NULL for NULL. */
const clp_conversation_id *clp_conversation_id_make(clp_protocol protocol, const char *identity,
                                                    apr_pool_t *pool);

/** Remember after a success, until `expires`. */
void clp_affinity_put(clp_pin_table *t, const clp_conversation_id *who, const clp_channel *c,
                      const clp_key *key, apr_time_t expires);

/** What is remembered of a conversation: 1, or 0 = nothing. */
int clp_affinity_get(const clp_pin_table *t, const clp_conversation_id *who, apr_time_t now,
                     clp_pin *pin);

/**
 * How many conversations are bound to each channel. Looks at every row.
 * @param channels of const clp_channel *
 * @param counts   out, as many as there are channels
 * @param scratch  for the call only
 * @return how many there are, those of channels that are no more included
 */
apr_uint64_t clp_affinity_count(const clp_pin_table *t, const apr_array_header_t *channels,
                                apr_time_t now, apr_uint64_t *counts, apr_pool_t *scratch);

/** Is the conversation bound to this channel? */
int clp_affinity_is_channel(const clp_pin *pin, const clp_channel *c);

/** The index of the channel's key that it is bound to; -1 = none. */
int clp_affinity_key(const clp_pin *pin, const clp_channel *c);

#endif
