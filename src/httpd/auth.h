/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_AUTH_H
#define CLP_HTTPD_AUTH_H

#include "httpd.h"

/**
 * @file auth.h
 * @brief AuthType ClaudeKey: who holds the access key a client shows.
 *
 * A key comes as x-api-key, Authorization: Bearer, x-goog-api-key or, where
 * ClaudeKeyInQuery allows it, ?key=. It is taken out of the request at once:
 * no log, no CGI and no upstream sees it. r->user becomes the key's name.
 */
#define CLP_AUTH_TYPE "ClaudeKey"

/** Did the client show a key in a header field, valid or not? Scripts of other sites cannot. */
int clp_auth_key_shown(request_rec *r);

void clp_auth_register(apr_pool_t *p);

#endif
