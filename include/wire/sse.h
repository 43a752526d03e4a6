/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_SSE_H
#define CLP_WIRE_SSE_H

#include <apr_pools.h>

#include "wire/buffer.h"
#include "wire/span.h"

/**
 * @file sse.h
 * @brief Server-sent events by push (WHATWG HTML, "Server-sent events").
 *
 * Any split of the bytes gives the same events. Line ends are LF, CRLF or CR,
 * also when a CR ends one read and its LF begins the next. One BOM is dropped
 * at the start. Comments and `id`, `retry` and unknown fields are skipped.
 * Several data lines are joined by LF. An event with no or blank data is not
 * delivered. An event that lies whole in one read with one data line is
 * delivered in place, without a copy.
 */
typedef struct clp_sse clp_sse;

typedef struct clp_sse_event {
    clp_span name; /**< the `event` field; empty when there was none */
    clp_span data; /**< the joined data; never blank */
    int lines;     /**< how many data lines were joined */
} clp_sse_event;

/** Called per event; spans are valid during the call. Nonzero stops the feed. */
typedef int (*clp_sse_fn)(void *ctx, const clp_sse_event *event);

typedef enum clp_sse_status {
    CLP_SSE_OK = 0,
    CLP_SSE_STOPPED,  /**< the callback returned nonzero; the parser stays in this state */
    CLP_SSE_TOO_LARGE /**< an event passed max_event; the parser stays in this state */
} clp_sse_status;

/** `max_event` bounds one event's bytes (its data and event lines together,
 * and any single line) and so the memory held; 0 = no bound. */
clp_sse *clp_sse_make(apr_pool_t *pool, apr_size_t max_event, clp_sse_fn fn, void *ctx);

clp_sse_status clp_sse_feed(clp_sse *s, const char *p, apr_size_t n);

/**
 * The bytes have ended. An event without its blank line is delivered all the
 * same (broken servers); whether its data is whole is for the reader to judge.
 */
clp_sse_status clp_sse_finish(clp_sse *s);

/** Is the data exactly "[DONE]", blanks around it aside? */
int clp_sse_is_done(clp_span data);

/** Bytes of an unfinished line or event that wait for more. */
apr_size_t clp_sse_pending(const clp_sse *s);

#endif
