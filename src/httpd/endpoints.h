/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_ENDPOINTS_H
#define CLP_HTTPD_ENDPOINTS_H

#include "request.h"

/**
 * @file endpoints.h
 * @brief The handlers of the single endpoints. Each is called with the method
 * checked and the client authenticated, and returns what the hook shall return.
 */

int clp_endpoint_generate(request_rec *r, clp_request *q);     /* generate.c */
int clp_endpoint_count_tokens(request_rec *r, clp_request *q); /* count_handler.c */
int clp_endpoint_response(request_rec *r, clp_request *q);     /* responses_handler.c */
int clp_endpoint_compact(request_rec *r, clp_request *q);      /* responses_handler.c */
int clp_endpoint_forward(request_rec *r, clp_request *q);      /* generate.c */
int clp_endpoint_models(request_rec *r, clp_request *q);       /* models_handler.c */
int clp_endpoint_health(request_rec *r, clp_request *q);       /* health.c */

/** Let go of all lists of models that this process keeps: sets of channels are about to be freed,
 * and others may come to lie where they did. */
void clp_endpoint_models_forget(void);

/** Names of handlers: what clients get, and the demo upstream (SetHandler claude-demo). */
#define CLP_HANDLER      "claude-proxy"
#define CLP_DEMO_HANDLER "claude-demo"

/** The demo upstream (demo.c). */
void clp_demo_register(apr_pool_t *p);

/** clp-quiet, for logs without polling (polling.c). */
void clp_polling_register(apr_pool_t *p);

/** %{…}^CL and notes for the access log (log_tags.c). */
void clp_log_tags_register(apr_pool_t *p);

#endif
