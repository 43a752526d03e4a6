/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_CORS_H
#define CLP_HTTPD_CORS_H

#include "httpd.h"
#include "http_config.h"

/**
 * @file cors.h
 * @brief Cross-origin requests of browsers (WHATWG Fetch, "CORS protocol").
 *
 * Preflights are answered before authentication, since browsers send them
 * without credentials.
 */
typedef struct clp_cors clp_cors;

/**
 * ClaudeCORSOrigin.
 * @param cors NULL, or what earlier lines of the same scope said
 * @param out what all of them say together, in cmd->pool
 * @return NULL or an error text
 */
const char *clp_cors_add(clp_cors *cors, cmd_parms *cmd, int argc, char *const argv[],
                         clp_cors **out);

void clp_cors_register(apr_pool_t *p);

#endif
