/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_CHANNEL_ROWS_H
#define CLP_SCHED_CHANNEL_ROWS_H

#include "sched/channel.h"
#include "state/tables.h"

/**
 * @file channel_rows.h
 * @brief Which rows of the shared tables are a channel's, its keys' and its circuits'.
 *
 * Once for each configuration, before requests see the channel: first all channels find the rows
 * they had, then those that had none claim one, so that no row in use goes to another.
 */

/** Add what the channel needs to channels, keys and circuits of `needed`. */
void clp_channel_rows_count(const clp_channel *c, clp_capacity *needed);

/** Set c->row, its keys' rows and c->circuits to the rows there are, and mark these as used by
 * the configuration `generation`. */
void clp_channel_rows_find(clp_channel *c, clp_tables *t, apr_uint64_t generation,
                           apr_pool_t *pool);

/**
 * Claim the missing ones.
 * @return 0 if there were not enough: what has no row goes without state
 */
int clp_channel_rows_claim(clp_channel *c, clp_tables *t, apr_uint64_t generation);

#endif
