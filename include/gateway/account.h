/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ACCOUNT_H
#define CLP_GATEWAY_ACCOUNT_H

#include "gateway/outcome.h"
#include "sched/affinity.h"
#include "state/tables.h"

/**
 * @file account.h
 * @brief What is booked of a request: each of its attempts when it ends, and the request itself
 * once, when that has ended.
 *
 * | | counted by attempt | counted by request |
 * |---|---|---|
 * | breakers, cool-downs, time to first token of a channel | yes | |
 * | results of channels and keys | yes | |
 * | history of channels and keys | yes, of requests for an answer | |
 * | totals by protocol; by channel and protocol; by key | | where it ended |
 * | by model, by user | | yes |
 *
 * Tokens are those that upstreams told: of an attempt its own, of a request the sum over its
 * attempts, so that both sides have the same sum. An estimate is never booked.
 */

/** Flag of a booking: its request was not for an answer. */
#define CLP_BOOKED_ASIDE 16

typedef struct clp_account {
    clp_tables *tables; /**< NULL = nothing is booked */
    clp_protocol protocol;
    const char *model; /**< as the client named it; NULL = it did not */
    const char *user;  /**< NULL or "" = nobody known */
    int stream;        /**< the client asked for one */
    int aside; /**< not a request for an answer (it counts tokens, or is about a stored response):
                    of its attempts only what they say of channel and key is booked */

    clp_pin_table *affinity; /**< where a success binds the conversation; NULL = nowhere */
    const clp_conversation_id *conversation; /**< NULL = not known */
    apr_interval_time_t affinity_time;       /**< how long a binding lasts */
} clp_account;

/**
 * An attempt has ended; its record is complete. Call once for each that began.
 * @param left the request leaves the channel with it, or has ended
 */
void clp_account_attempt(const clp_account *a, const clp_attempt_record *r, int left);

/** A request that had an exchange has ended. Call once. */
void clp_account_request(const clp_account *a, const clp_outcome *o);

/**
 * A request ended before any upstream could be asked. Call once, and for requests without an
 * exchange only.
 * @param problem what the client was told; NULL if httpd told it something by itself
 * @param status  HTTP status it got; 0 = it left before there was one
 */
void clp_account_refused(const clp_account *a, const clp_problem *problem, int status,
                         apr_time_t began, apr_time_t now);

/** How the ledger enters bookings (clp_ledger_use); `tables` is a clp_tables. */
void clp_account_enter(void *tables, const clp_booking *b, clp_writes *w);

#endif
