/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ENDED_REQUEST_H
#define CLP_GATEWAY_ENDED_REQUEST_H

#include "gateway/outcome.h"

/**
 * @file ended_request.h
 * @brief A request whose answer has gone: what spans and the list of recent requests are made
 * from. All of it belongs to the request.
 */
typedef struct clp_ended_request {
    const char *id;            /**< the gateway's name for it */
    const char *operation;     /**< gen_ai.operation.name */
    const clp_dialect *client; /**< the client's protocol */
    const char *user;          /**< or NULL */
    const char *model;         /**< as the client named it, or NULL */
    int stream;                /**< the client wants a stream; -1 = it could not be told */
    int status;                /**< of the answer to the client, 0 = it got none */
    apr_time_t start;
    apr_time_t end;
    clp_span body;              /**< as the client sent it, decoded; none if it was not read */
    apr_int64_t bytes_out;      /**< of the answer's body */
    int estimated;              /**< tokens were counted by an estimate, whoever was asked before */
    const clp_outcome *outcome; /**< NULL = nobody was asked */
    const clp_problem *problem; /**< what the client was told then, or NULL */
} clp_ended_request;

#endif
