/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_TRACE_SPANS_H
#define CLP_GATEWAY_TRACE_SPANS_H

#include "gateway/ended_request.h"
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
    const clp_trace *trace; /**< with a span of its own (clp_trace_record()) */
    const char *method;     /**< of HTTP */
    clp_ended_request ended;
} clp_traced_request;

/**
 * Make the records; the request's is the first.
 * @param out room for 1 + CLP_SPAN_ATTEMPTS
 * @return how many there are
 */
int clp_trace_spans(clp_span_record *out, const clp_traced_request *request);

#endif
