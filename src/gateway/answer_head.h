/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ANSWER_HEAD_H
#define CLP_GATEWAY_ANSWER_HEAD_H

#include "gateway/exchange.h"

/**
 * @file answer_head.h
 * @brief Status and header fields in front of an answer: what the upstream's said, and what the
 * client's are.
 */

/** What stood in front of an upstream's answer. */
typedef struct clp_upstream_head {
    int status;               /**< 0 = none yet */
    apr_table_t *headers;     /**< the well-formed ones */
    const char *content_type; /**< or NULL */
    const char *request_id;   /**< or NULL */
} clp_upstream_head;

/** @param headers copied to `pool`, without what could not be sent on */
void clp_upstream_head_take(clp_upstream_head *up, int status, const apr_table_t *headers,
                            apr_pool_t *pool);

/** Does it send its client elsewhere? */
static inline int clp_upstream_head_redirects(const clp_upstream_head *up)
{
    return up->status >= 300 && up->status < 400;
}

/** What the body is declared to be. */
clp_body_kind clp_upstream_head_kind(const clp_upstream_head *up);

/** Of an answer that begins before any upstream has answered: a stream, or a document. */
void clp_answer_head_plain(clp_answer_head *head, const clp_exchange_params *params, int stream,
                           apr_pool_t *pool);

/** Of a problem in the client's words, `length` bytes of them. */
void clp_answer_head_problem(clp_answer_head *head, const clp_exchange_params *params,
                             const clp_problem *problem, apr_size_t length, apr_pool_t *pool);

/** Of an answer that is written anew in the client's protocol. */
void clp_answer_head_converted(clp_answer_head *head, const clp_exchange_params *params,
                               const clp_upstream_head *up, apr_pool_t *pool);

/**
 * Of an answer whose bytes go on as they are.
 * @param stream 1 = events, CLP_STREAM_ARRAY = a stream as a JSON array, 0 = anything else
 */
void clp_answer_head_passed(clp_answer_head *head, const clp_exchange_params *params,
                            const clp_upstream_head *up, int stream, apr_pool_t *pool);

#endif
