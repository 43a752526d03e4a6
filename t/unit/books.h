/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_BOOKS_H
#define CLP_T_BOOKS_H

#include "gateway/account.h"
#include "sched/channel.h"

/** Small tables of their own, whose ledger enters what is booked. */
clp_tables *books_open(apr_time_t now, apr_pool_t *pool);

/** Rows for a channel, its keys and circuits. */
void books_claim_rows(clp_channel *c, clp_tables *t, apr_pool_t *pool);

/**
 * Whatever happened in the only request of these tables: every attempt is booked once, the
 * request once, both sides have the same sums, and nothing is held any more.
 */
void books_check(const clp_account *account, const clp_outcome *o, apr_time_t now, const char *name,
                 apr_pool_t *pool);

/** What upstreams were sent is what counts against what they may be asked per minute. */
void books_check_sent(const clp_tables *t, apr_uint64_t sent, const char *name, apr_pool_t *pool);

/** All attempts but one that runs are booked, and hold nothing. */
void books_check_alone(const clp_account *account, const clp_outcome *o, const char *name,
                       apr_pool_t *pool);

/** What each attempt and, behind "=", the request is counted as. */
const char *books_show(const clp_outcome *o, apr_pool_t *pool);

#endif
