/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_TRACE_CONTEXT_H
#define CLP_UPSTREAM_TRACE_CONTEXT_H

#include <apr_pools.h>
#include <apr_tables.h>

/**
 * @file trace_context.h
 * @brief W3C Trace Context: which distributed trace a request belongs to.
 *
 * What comes from a client is checked before it is passed on; what is not valid is left out,
 * as the recommendation wants it. Where requests are traced here, this server's span stands
 * between the client's and the upstream's.
 */
#define CLP_TRACE_ID_HEX 32
#define CLP_SPAN_ID_HEX  16

typedef struct clp_trace {
    char trace_id[CLP_TRACE_ID_HEX + 1]; /**< lower-case hex; "" = the request is in no trace */
    char parent[CLP_SPAN_ID_HEX + 1];    /**< the caller's span; "" = the trace begins here */
    char span[CLP_SPAN_ID_HEX + 1];      /**< of the request itself; "" = it is not recorded */
    int sampled;                         /**< flag of the trace: somebody records it */
    const char *traceparent;             /**< as it came, if valid; else NULL */
    const char *tracestate;              /**< likewise; NULL unless there is a traceparent, too */
} clp_trace;

/** Read a client's header fields. Pointers are to the table's values. */
void clp_trace_read(clp_trace *out, const apr_table_t *from_client);

/** Record the request: give it a span, and a trace if it is in none. Traces that their caller does
 * not sample stay as they came. */
void clp_trace_record(clp_trace *trace);

/** The span of the request's attempt number `number` (0 for the first); the same whenever it is
 * asked for. */
void clp_trace_attempt(const clp_trace *trace, int number, char out[CLP_SPAN_ID_HEX + 1]);

/**
 * Set the fields of an attempt's request to the upstream, or take them away: as they came where
 * nothing is recorded here, else with the attempt's span as the parent.
 */
void clp_trace_write(apr_table_t *to_upstream, const clp_trace *trace, int number,
                     apr_pool_t *pool);

#endif
