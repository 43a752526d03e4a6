/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_TRACE_SENDER_H
#define CLP_GATEWAY_TRACE_SENDER_H

#include "gateway/trace_export.h"
#include "upstream/transport.h"

/**
 * @file trace_sender.h
 * @brief Takes spans out of the ring and sends them to a collector, a batch at a time.
 *
 * A batch that the collector refuses for now (429, 5xx), or that does not reach it, is sent once
 * more after the time it tells; then it is dropped and counted, and there is a rest before the
 * next one. What the collector calls wrong is dropped at once.
 */
#define CLP_TRACE_BATCH 512

/** Where spans go. */
typedef struct clp_trace_target {
    const char *url;            /**< of the traces' endpoint */
    const char *origin;         /**< the same for logs: without path */
    const apr_table_t *headers; /**< to send along, secrets among them */
    clp_trace_resource resource;
} clp_trace_target;

typedef struct clp_trace_sender clp_trace_sender;

/** All arguments must outlive the sender; `pool`'s end cancels. Driven by one thread. */
clp_trace_sender *clp_trace_sender_make(const clp_trace_target *target, clp_span_ring *ring,
                                        clp_transport *transport, apr_pool_t *pool);

/** Begin what is due: a batch, or one again. Never waits. */
void clp_trace_sender_tick(clp_trace_sender *sender, apr_time_t now);

/** A batch is on its way: the transport's step() is to be called until this is 0. */
int clp_trace_sender_busy(const clp_trace_sender *sender);

#endif
