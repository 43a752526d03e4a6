/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ATTEMPT_H
#define CLP_GATEWAY_ATTEMPT_H

#include "call.h"
#include "gateway/exchange.h"
#include "relay.h"

/**
 * @file attempt.h
 * @brief One try at one candidate while it runs: its call, its transfer, its
 * relay and what it has made for the client. What became of it is kept in the
 * outcome's record.
 *
 * An attempt is used again for the next candidate. Several may run beside each
 * other on one transport; each has its own buffer and its own pool.
 */
typedef struct clp_attempt clp_attempt;

/** Called from within the transport's step() or clp_attempt_tick() whenever the relay was told
 * something. `how` says how the transfer ended, CLP_TRANSFER_DONE while it runs. It may cancel
 * any attempt, but not begin one. */
typedef void clp_attempt_look(void *ctx, clp_attempt *a, clp_transfer_end how);

struct clp_attempt {
    const clp_exchange_params *params;
    clp_attempt_look *look;
    void *ctx;
    apr_pool_t *parent;

    /* of the candidate it was last begun for */
    int number;   /**< of its record in the outcome */
    int open;     /**< it began, and its record is not complete yet */
    int unbooked; /**< its record is complete, and not booked yet */
    clp_candidate candidate;
    clp_call call;
    clp_relay *relay;       /**< NULL = the request could not be put to the candidate */
    clp_transfer *transfer; /**< NULL once it ended */
    clp_buffer out;         /**< bytes for the client; lives as long as the exchange */
    apr_time_t first_event; /**< first event with meaning; 0 = none yet */
    apr_time_t grace_ends;  /**< when what is still to come is waited for no longer; 0 = no limit */
    apr_pool_t *pool;       /**< lives until the next begin */
};

/** @param params,pool of the exchange */
void clp_attempt_init(clp_attempt *a, const clp_exchange_params *params, clp_attempt_look *look,
                      void *ctx, apr_pool_t *pool);

/**
 * Begin with a candidate (copied). The one before must have ended or been cancelled, and its
 * transport's callbacks be off the stack: its memory goes.
 * @param conversation read on the first converted attempt and kept for the next
 * @return NULL, or why the request cannot be put to that upstream: nothing runs then
 */
clp_problem *clp_attempt_begin(clp_attempt *a, int number, const clp_candidate *candidate,
                               clp_conversation **conversation);

/** Drop the transfer, if it runs. What the relay knows stays. */
void clp_attempt_cancel(clp_attempt *a);

/** End what has had its time. */
void clp_attempt_tick(clp_attempt *a, apr_time_t now);

#endif
