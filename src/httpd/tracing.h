/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_TRACING_H
#define CLP_HTTPD_TRACING_H

#include "config.h"
#include "request.h"
#include "state/span_ring.h"

/**
 * @file tracing.h
 * @brief ClaudeTraceExport: requests become spans, and one child sends them to a collector.
 */
typedef struct clp_tracing clp_tracing;

/** ClaudeTraceExport. @return NULL, or an error text */
const char *clp_tracing_set(cmd_parms *cmd, clp_server_config *conf, const char *url);

/** ClaudeTraceHeader: a field with a secret, behind a scheme unless that is NULL. */
const char *clp_tracing_add_header(cmd_parms *cmd, clp_server_config *conf, const char *name,
                                   const char *scheme, const char *secret);

/** Are spans exported? */
int clp_tracing_is_on(const clp_server_config *conf);

/** The spans of all children that are not sent yet; NULL if none are exported. */
clp_span_ring *clp_tracing_ring(void);

/** Give the request a span if its client does not say otherwise, before anybody is asked. */
void clp_tracing_begin(const request_rec *r, clp_request *q);

/** For the one thread of all children that sends: take the work up, do it until then, leave it. */
void clp_tracing_send_begin(void);
void clp_tracing_send(apr_time_t until);
void clp_tracing_send_end(void);

void clp_tracing_register(apr_pool_t *p);

#endif
