/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_RELAY_H
#define CLP_GATEWAY_RELAY_H

#include "answer_head.h"
#include "call.h"
#include "dialect/guard.h"
#include "gateway/exchange.h"

/**
 * @file relay.h
 * @brief The answer of one attempt, on its way from the upstream's bytes to
 * the client's.
 *
 * Where both sides speak the same protocol and the upstream sent what was
 * asked for (a stream or a document), its bytes pass untouched and a passive
 * reader only watches; otherwise reader, guard and writer convert. A
 * passed stream goes out in whole events, so that a cut never leaves half of
 * one at the client.
 */
typedef enum clp_relay_state {
    CLP_RELAY_WAITING,   /**< nothing of it may reach the client yet */
    CLP_RELAY_COMMITTED, /**< the head stands, bytes flow */
    CLP_RELAY_COMPLETE,  /**< the answer is whole; nothing more will be written */
    CLP_RELAY_FAILED,    /**< it failed before the commit: `problem` says why */
    CLP_RELAY_BROKEN     /**< it failed after the commit; the client was told in-band */
} clp_relay_state;

typedef struct clp_relay {
    /* for the exchange to read */
    clp_relay_state state;
    const clp_problem *problem; /**< FAILED, BROKEN */
    clp_booked failure;         /**< FAILED: what it is if it is the provider's fault */
    clp_answer_head head;       /**< from the commit on; of FAILED with `verbatim` too */
    int verbatim;               /**< FAILED: `error_body` and `head` may be given as they are */
    clp_buffer error_body;
    apr_size_t sendable; /**< how many bytes of `out` may go to the client */
    int cut;             /**< BROKEN because bytes are missing */
    clp_upstream_head upstream;
    const char *answer_id; /**< the id of what the upstream keeps to be continued, or NULL */
    clp_guard *guard;      /**< NULL before the body's kind is known */

    /* its own */
    const clp_exchange_params *params;
    const clp_call *call;
    const clp_candidate *candidate;
    clp_conversation *conversation; /**< NULL on passthrough */
    clp_buffer *out;
    apr_pool_t *pool;
    apr_size_t received; /**< bytes of a good answer's body */
    int mode;
    clp_reader *reader;
    clp_writer *writer;
    clp_call_memo memo;
    apr_size_t ending; /**< where in `out` begins what the writer made of the answer's end */
    int to_keep;       /**< the answer has ended, and is to be kept */
} clp_relay;

/** @param out where the client's bytes go; empty */
clp_relay *clp_relay_make(const clp_exchange_params *params, const clp_call *call,
                          const clp_candidate *candidate, clp_conversation *conversation,
                          clp_buffer *out, apr_pool_t *pool);

/* What the transfer tells; in this order. */
void clp_relay_head(clp_relay *r, int status, const apr_table_t *headers);
void clp_relay_bytes(clp_relay *r, const char *p, apr_size_t n);
void clp_relay_end(clp_relay *r, clp_transfer_end how);

/** The driver has sent the first `sendable` bytes. */
void clp_relay_sent(clp_relay *r);

#endif
