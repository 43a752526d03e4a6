/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_THREAD_PINS_H
#define CLP_GATEWAY_THREAD_PINS_H

#include <apr_pools.h>

#include "gateway/session.h"
#include "sched/channel.h"
#include "sched/plan.h"
#include "state/pin_table.h"

/**
 * @file thread_pins.h
 * @brief What lives upstream stays with the channel and key that hold it:
 * message threads, and responses that a Responses upstream stores.
 *
 * A request that goes on with one names the message or response it follows;
 * the provider knows that under one account only. What is remembered is its
 * id, within the scope of the client's identity.
 */

/** Where it is remembered; either may be NULL. */
typedef struct clp_thread_pins {
    clp_pin_table *table;     /**< of this host */
    clp_session_store *store; /**< of several hosts; holds hashes only */
} clp_thread_pins;

/**
 * Restrict a plan to where `previous` lives. An unknown id, or NULL, leaves the
 * query as it is: the provider then says that it does not know it. Takes as
 * long as the store does when the table does not know the id.
 * @param pins    NULL = nothing is known
 * @param subject for clp_log()
 */
void clp_thread_pins_apply(clp_plan_query *query, const clp_thread_pins *pins, const char *scope,
                           const char *previous, const clp_channel_set *set, apr_time_t now,
                           void *subject, apr_pool_t *pool);

/** Remember where the message or response `id` was made. */
void clp_thread_pins_note(const clp_thread_pins *pins, const char *scope, const char *id,
                          const clp_candidate *where, apr_time_t now, void *subject,
                          apr_pool_t *pool);

#endif
