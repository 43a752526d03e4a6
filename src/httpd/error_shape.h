/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_ERROR_SHAPE_H
#define CLP_HTTPD_ERROR_SHAPE_H

#include "httpd.h"

/**
 * @file error_shape.h
 * @brief Errors that httpd itself answers (401, 403, 405, 413 …), told in the
 * protocol of the client instead of HTML.
 *
 * Works for every request the module claims. An ErrorDocument with a text or
 * URL of the operator's stays in force.
 */

/**
 * Say what the user shall read if this request ends with an error status that
 * httpd answers; a sentence without secrets, which must live as long as r.
 */
void clp_error_explain(request_rec *r, const char *message);

void clp_error_shape_register(apr_pool_t *p);

#endif
