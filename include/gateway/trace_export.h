/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_TRACE_EXPORT_H
#define CLP_GATEWAY_TRACE_EXPORT_H

#include "state/span_ring.h"
#include "wire/buffer.h"

/**
 * @file trace_export.h
 * @brief Spans as collectors of OpenTelemetry take them: OTLP, JSON encoding
 * (docs/traces.md lists the attributes).
 */

/** What all spans have in common. */
typedef struct clp_trace_resource {
    const char *service; /**< service.name */
    const char *host;    /**< host.name; NULL = unknown */
} clp_trace_resource;

/** An ExportTraceServiceRequest. */
void clp_trace_export_write(clp_buffer *out, const clp_trace_resource *resource,
                            const clp_span_record *records, int n);

/** How many of `n` spans a collector did not take, by what it answered with a status of success. */
int clp_trace_export_rejected(clp_span answer, int n);

#endif
