/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_CHANNEL_ROWS_H
#define CLP_SCHED_CHANNEL_ROWS_H

#include "sched/channel.h"
#include "state/tables.h"

/**
 * @file channel_rows.h
 * @brief Which rows of the shared tables are a channel's, its keys' and its circuits'.
 *
 * Once for each set of channels taken into use, before requests see them: first all channels find
 * the rows they had, then those that had none claim one. Where there are none left, the rows of
 * channels, keys and URLs that nobody names any more go to others.
 */

/** Add what the channel needs to channels, keys and circuits of `needed`. */
void clp_channel_rows_count(const clp_channel *c, clp_capacity *needed);

/**
 * Set c->row, its keys' rows and c->circuits of those channels that have not been here yet. In the
 * parent, and in children for channels that come while the server runs.
 * @param configured of const clp_channel *: those that keep their rows, in use or not
 * @param channels   of const clp_channel *: those in use; they may be the same ones
 * @param restart    what clp_tables_restart() said for this configuration
 * @param pool       lives as long as the channels do
 * @return how many go without part of their state, since there is no room
 */
int clp_channel_rows_resolve(const apr_array_header_t *configured,
                             const apr_array_header_t *channels, clp_tables *t,
                             apr_uint64_t restart, apr_pool_t *pool);

/** Did a row of the channel go to another meanwhile? Only a process that did not know of the
 * channel yet takes one. */
int clp_channel_rows_lost(const clp_channel *c, const clp_tables *t);

#endif
