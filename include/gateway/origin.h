/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ORIGIN_H
#define CLP_GATEWAY_ORIGIN_H

#include <apr_pools.h>

/**
 * @file origin.h
 * @brief Web origins (RFC 6454) and the header lists of CORS.
 */

/**
 * An origin as browsers send it: scheme and host in lower case, the scheme's
 * default port left out. Any scheme with a host will do (http, https,
 * chrome-extension, app …).
 * @param wrong out: what is wrong with the text when it is no origin
 * @return in `pool`; NULL when the text is no origin
 */
const char *clp_origin_normal(const char *text, const char **wrong, apr_pool_t *pool);

/**
 * The field names of an Access-Control-Request-Headers value that may be
 * repeated to the browser: RFC 9110 tokens, in lower case, without duplicates,
 * at most 64 of them.
 * @return comma-separated, in `pool`; "" when there is none
 */
const char *clp_cors_field_names(const char *requested, apr_pool_t *pool);

#endif
