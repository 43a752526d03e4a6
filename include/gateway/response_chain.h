/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_RESPONSE_CHAIN_H
#define CLP_GATEWAY_RESPONSE_CHAIN_H

#include "dialect/dialect.h"
#include "gateway/session.h"
#include "wire/problem.h"

/**
 * @file response_chain.h
 * @brief Conversations of the Responses protocol that go on from a stored
 * response (previous_response_id), for upstreams that store nothing.
 *
 * Earlier turns go in front of the request's input, oldest first; instructions
 * and tools are not inherited. What is over a limit is left out from the old
 * end, whole turns at a time; the latest turn always stays.
 */
typedef struct clp_chain_limits {
    apr_interval_time_t idle; /**< a response not used for so long is forgotten */
    apr_int64_t max_items;    /**< of the earlier turns together */
    apr_int64_t max_tokens;
} clp_chain_limits;

typedef struct clp_chain {
    apr_array_header_t *records; /**< of clp_session_record, latest first */
    int foreign; /**< for an upstream of the Responses protocol, which knows neither our items' ids
                      nor our reasoning state: both are left out of earlier answers */
} clp_chain;

/** The problem of an unknown id: 400, code previous_response_not_found. */
clp_problem *clp_chain_unknown(const char *id, apr_pool_t *pool);

/** One stored response of this owner; CLP_SESSION_ABSENT for unknown and others' alike. */
clp_session_status clp_chain_find(clp_session_record *record, clp_session_store *store,
                                  const char *id, const clp_session_owner *owner, apr_time_t now,
                                  apr_pool_t *pool);

/**
 * The conversation that ends with the response `id`. Its records' lives in the
 * store begin anew when half of `idle` has passed.
 * @return CLP_SESSION_OK and a chain (or a problem, if it goes round in a
 *         circle); ABSENT or DOWN if the last response is not to be had
 */
clp_session_status clp_chain_load(clp_chain *chain, clp_problem **problem, clp_session_store *store,
                                  const char *id, const clp_session_owner *owner,
                                  const clp_chain_limits *limits, apr_time_t now, apr_pool_t *pool);

/**
 * The request with the chain in its input and without previous_response_id;
 * all else stays as it was spelled. References to items become the items.
 * @param chain NULL = nothing goes in front
 * @param body  out: appended; NULL = not wanted
 * @param own   out: the request's own input items as an array; appended
 */
clp_problem *clp_chain_expand(clp_buffer *body, clp_buffer *own, clp_span request,
                              const clp_chain *chain, const clp_intake *intake, apr_pool_t *pool);

/** What is known of a response besides its document. */
typedef struct clp_chain_turn {
    const char *previous; /**< NULL = none */
    const char *model;
    clp_session_owner owner;
    apr_uint64_t channel;
    apr_uint64_t key;
    clp_span input; /**< of clp_chain_expand() */
} clp_chain_turn;

/**
 * Store a finished response.
 * @param document the response object
 * @return as put(); CLP_SESSION_ABSENT if it is no response with id and output
 */
clp_session_status clp_chain_store(clp_session_store *store, const clp_chain_turn *turn,
                                   clp_span document, const clp_chain_limits *limits,
                                   apr_time_t now, apr_pool_t *pool);

#endif
