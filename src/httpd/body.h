/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_BODY_H
#define CLP_HTTPD_BODY_H

#include "request.h"

/**
 * @file body.h
 * @brief Reads the request's body: bounded, and with its content coding taken off.
 */

/**
 * Read and decode the whole body into q->body (in memory that goes with the request).
 * @param problem out: what to tell the client, or NULL
 * @return OK, or an HTTP status / AP_FILTER_ERROR to return from the handler
 *         (nothing of ours was sent then)
 */
int clp_body_read(request_rec *r, clp_request *q, clp_problem **problem);

/** Likewise, with these bounds in bytes, as sent and decoded. */
int clp_body_take(request_rec *r, apr_int64_t max, apr_int64_t max_decoded, clp_span *body,
                  clp_problem **problem);

#endif
