/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_CALL_H
#define CLP_GATEWAY_CALL_H

#include "gateway/exchange.h"

/**
 * @file call.h
 * @brief What one attempt sends: URL, header fields and body for a candidate.
 */
typedef struct clp_call {
    clp_transfer_request request;
    clp_target target;  /**< of a converted request */
    apr_table_t *names; /**< tool names the upstream knows -> the client's; NULL = none changed */
    int passthrough;    /**< the body goes as it came (the model's name aside) */
} clp_call;

/** Is the answer to be a stream? */
static inline int clp_wants_stream(const clp_exchange_params *params)
{
    return params->operation == CLP_OP_GENERATE && params->sniffed->stream;
}

/**
 * Make the call of a candidate, the request's attempt `number`. Memory comes from `pool`, which
 * must outlive the transfer. `conversation` is read on the first converted call and kept for the
 * next (in the pool of the exchange, `keep`).
 * @return NULL, or why this request cannot be put to that upstream
 */
clp_problem *clp_call_make(clp_call *out, const clp_exchange_params *params,
                           const clp_candidate *candidate, int number,
                           clp_conversation **conversation, apr_pool_t *keep, apr_pool_t *pool);

#endif
