/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_ADMIN_H
#define CLP_HTTPD_ADMIN_H

#include "httpd.h"

#include "wire/buffer.h"

/**
 * @file admin.h
 * @brief SetHandler claude-admin: the admin API behind httpd's authentication.
 *
 * Here is decided who may ask (a user, unless ClaudeRequireUser Off; Require says which) and
 * whether a change is meant: not sent by a page of another site.
 */

/** Does the location belong to the API? False before the location is known. */
int clp_admin_claims(request_rec *r);

/** The document of an error that httpd answers there. */
void clp_admin_error_document(request_rec *r, const char *message, clp_buffer *out);

void clp_admin_register(apr_pool_t *p);

#endif
