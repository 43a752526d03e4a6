/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_THREAD_PINS_H
#define CLP_GATEWAY_THREAD_PINS_H

#include <apr_pools.h>

#include "sched/channel.h"
#include "sched/plan.h"
#include "state/pin_table.h"

/**
 * @file thread_pins.h
 * @brief Message threads stay with the channel and key that hold them.
 *
 * A request that continues a thread names the message it follows; the provider
 * knows that message under one account only. What is remembered is the
 * message id, within the scope of the client's identity.
 */

/**
 * Restrict a plan to where the thread lives. An unknown message leaves the
 * query as it is: the provider then says that it does not know the thread.
 */
void clp_thread_pins_apply(clp_plan_query *query, const clp_pin_table *pins, const char *scope,
                           const char *previous, const clp_channel_set *set, apr_time_t now,
                           apr_pool_t *pool);

/** Remember where the message `id` was made. */
void clp_thread_pins_note(clp_pin_table *pins, const char *scope, const char *id,
                          const clp_candidate *where, apr_time_t now, apr_pool_t *pool);

#endif
