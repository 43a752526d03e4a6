/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_CHANNEL_CHECK_H
#define CLP_GATEWAY_CHANNEL_CHECK_H

#include "sched/channel.h"
#include "upstream/transport.h"

/**
 * @file channel_check.h
 * @brief One question put to a channel to see whether it answers: its first URL and first key, as
 * its health check says.
 */
typedef struct clp_channel_check clp_channel_check;

/** What was found. */
typedef struct clp_check_result {
    clp_booked booked;
    int status;               /**< HTTP status, 0 = there was no answer */
    apr_interval_time_t took; /**< to the end of the answer, or until it failed */
    const char *error;        /**< why it failed, without secrets; NULL = it did not */
} clp_check_result;

/**
 * Begin. The driver then calls the transport's step() until clp_channel_check_done().
 * `c`, its state apart, and `transport` must outlive the check; memory comes from `pool`, whose
 * end cancels it.
 */
clp_channel_check *clp_channel_check_begin(const clp_channel *c, const clp_health_check *how,
                                           clp_transport *transport, apr_time_t now,
                                           apr_pool_t *pool);

int clp_channel_check_done(const clp_channel_check *check);

/** Valid once it is done. */
clp_check_result clp_channel_check_result(const clp_channel_check *check);

/** What to post to the ledger of a check that is done (sched/health_check.h). */
clp_booking clp_channel_check_booking(const clp_channel_check *check);

#endif
