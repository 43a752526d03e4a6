/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_RESPONSE_KEEP_H
#define CLP_GATEWAY_RESPONSE_KEEP_H

#include "gateway/response_chain.h"
#include "sched/plan.h"

/**
 * @file response_keep.h
 * @brief Keeps a converted answer of the Responses protocol for requests that
 * go on from it, and tells the client whether it is kept.
 */
typedef struct clp_response_keeper {
    clp_session_store *store; /**< NULL = nothing is kept */
    clp_chain_limits limits;
    clp_session_owner owner;
    clp_span request;       /**< the client's body as it came */
    const clp_chain *chain; /**< what it goes on from; NULL = nothing */
    const char *previous;   /**< the id of that */
    const char *model;
    const clp_intake *intake;
    int wanted; /**< the client did not say "store": false */
    void *subject;
} clp_response_keeper;

/**
 * Keep the answer that a writer has just finished.
 * @param out    the client's bytes; what stands behind `from` is the document,
 *               or the events that end the stream. Members `store` and
 *               `previous_response_id` of its response are set
 * @param where  who served
 */
void clp_response_keep(const clp_response_keeper *keeper, clp_buffer *out, apr_size_t from,
                       int stream, const clp_candidate *where, apr_pool_t *pool);

#endif
