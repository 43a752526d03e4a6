/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_TRACE_SPANS_H
#define CLP_GATEWAY_TRACE_SPANS_H

#include "gateway/outcome.h"
#include "state/span_ring.h"
#include "upstream/trace_context.h"

/**
 * @file trace_spans.h
 * @brief The spans of a request that is over: its own, and one for each attempt below it.
 *
 * They hold names, numbers and classes of errors; nothing that was said, and no key.
 */

/** Spans of attempts that one request may have; those behind are left out. */
#define CLP_SPAN_ATTEMPTS 16

typedef struct clp_traced_request {
    const clp_trace *trace;    /**< with a span of its own (clp_trace_record()) */
    const char *id;            /**< the gateway's name for it */
    const char *method;        /**< of HTTP */
    const char *operation;     /**< gen_ai.operation.name */
    const clp_dialect *client; /**< the client's protocol */
    const char *model;         /**< as the client named it, or NULL */
    int stream;                /**< the client wants a stream */
    int status;                /**< of the answer to the client, 0 = it got none */
    apr_time_t start;
    apr_time_t end;
    const clp_outcome *outcome; /**< NULL = nobody was asked */
    const clp_problem *problem; /**< what the client was told then, or NULL */
} clp_traced_request;

/**
 * Make the records; the request's is the first.
 * @param out room for 1 + CLP_SPAN_ATTEMPTS
 * @return how many there are
 */
int clp_trace_spans(clp_span_record *out, const clp_traced_request *request);

#endif
