/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_PROMETHEUS_H
#define CLP_GATEWAY_PROMETHEUS_H

#include "gateway/overview.h"

/**
 * @file prometheus.h
 * @brief The shared tables as metrics in Prometheus' text format (docs/metrics.md).
 *
 * Names are OpenTelemetry's where it has any (gen_ai_*), else claude_proxy_*. Labels are bounded by
 * the sizes of the tables; no two samples of a document have the same ones, whatever clients call
 * their models.
 */

/** Media type of the document. */
#define CLP_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void clp_metrics_write(clp_buffer *out, const clp_overview *o, apr_pool_t *pool);

#endif
