/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_RESET_H
#define CLP_SCHED_RESET_H

#include "sched/channel.h"
#include "state/tables.h"

/**
 * @file reset.h
 * @brief An operator's word that a channel, or a key of it, is well again.
 *
 * Circuits close and forget their results, rests end (told ones too), and checks in a row begin
 * anew. What was counted stays. All processes see it at once. An attempt that runs meanwhile is
 * booked when it ends, as always.
 */

/** What it changed. */
typedef struct clp_reset_counts {
    int circuits; /**< that were open, or half open, and are closed */
    int keys;     /**< that rested, at all or for a model, and do no more */
    int rested;   /**< 1 = the channel rested */
} clp_reset_counts;

/**
 * Reset a channel: its circuit and its rest; all its keys, in use or not; all circuits of URL and
 * key. Rows are looked up by name, so the channel needs none of its own. Any thread; takes the
 * place of who enters bookings for a moment for each row, and waits for it if need be.
 * @param patience how long to wait for one row
 * @return 0 if another process kept entering: part of it may be done, as `counts` says
 */
int clp_reset_channel(const clp_tables *t, const clp_channel *c, apr_time_t now,
                      apr_interval_time_t patience, clp_reset_counts *counts);

/** Likewise one key of it, and the circuits of this key with all URLs. */
int clp_reset_key(const clp_tables *t, const clp_channel *c, const clp_key *key, apr_time_t now,
                  apr_interval_time_t patience, clp_reset_counts *counts);

#endif
