/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_OVERVIEW_H
#define CLP_HTTPD_OVERVIEW_H

#include "httpd.h"

#include "gateway/overview.h"

/**
 * @file overview.h
 * @brief What this server knows of itself, shown by mod_status and to Prometheus
 * (SetHandler claude-metrics; docs/metrics.md).
 */

/** Everything as it is now; what it points to stays as long as the request. */
clp_overview clp_overview_now(request_rec *r);

/** The part of mod_status' page. */
void clp_server_status_register(apr_pool_t *p);

/** The handler claude-metrics. */
void clp_metrics_register(apr_pool_t *p);

#endif
