/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_LEASE_H
#define CLP_SCHED_LEASE_H

#include "sched/channel.h"
#include "state/tables.h"

/**
 * @file lease.h
 * @brief What an attempt holds of shared state while it runs: it is counted as in flight, against
 * what may be asked per minute, and may have the place of a probe.
 */
typedef struct clp_lease {
    int held;
    int sent;                 /**< the upstream has got its request */
    apr_time_t taken;         /**< when it was counted against what may be asked per minute */
    unsigned channel, key;    /**< rows, CLP_NO_ROW = none is kept */
    clp_circuit *circuits[2]; /**< whose probe it has; NULL = not */
    apr_uint64_t probe;       /**< what their words hold; 0 = it is no probe */
} clp_lease;

/** What a lease is wanted for. */
typedef struct clp_lease_request {
    const clp_channel *channel;
    unsigned channel_row, key_row;
    clp_circuit *circuits[2]; /**< whose probe's place has to be had; NULL = none */
    int unlimited;            /**< limits do not count */
    int peek;                 /**< only look whether it could be had */
} clp_lease_request;

typedef enum clp_lease_answer {
    CLP_LEASE_OK,
    CLP_LEASE_CHANNEL_FULL,
    CLP_LEASE_KEY_FULL,
    CLP_LEASE_PROBED /**< somebody else has the probe's place */
} clp_lease_answer;

/** @param until out, when it is full: when to ask again */
clp_lease_answer clp_lease_take(clp_lease *l, clp_tables *t, const clp_lease_request *want,
                                apr_time_t now, apr_time_t *until);

/** The request goes out: from now on it counts, whatever becomes of it. */
void clp_lease_sent(clp_lease *l);

/** The place of the probe goes to others; the attempt goes on. */
void clp_lease_free_probe(clp_lease *l);

/** It ended; if nothing was sent, it does not count against what may be asked per minute. The
 * place of its probe stays taken until its result is entered. Harmless when it is not held. */
void clp_lease_end(clp_lease *l, clp_tables *t);

#endif
