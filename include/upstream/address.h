/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_ADDRESS_H
#define CLP_UPSTREAM_ADDRESS_H

#include <apr_pools.h>

/**
 * @file address.h
 * @brief URLs of upstreams, from the base URL an operator wrote.
 *
 * A trailing '#' keeps the base as it is. Otherwise one trailing '/' goes, and
 * unless the path ends in a version segment (/v1, /v2, /v1beta …) the
 * dialect's own ("/v1") is added before the endpoint.
 *   https://h              + /messages -> https://h/v1/messages
 *   https://h/v1           + /messages -> https://h/v1/messages
 *   https://h/api/v3       + /messages -> https://h/api/v3/messages
 *   https://h/relay#       + /messages -> https://h/relay/messages
 */

/**
 * Check a base URL when the configuration is read: http or https, a host, no
 * user:password, no query, no control characters, a port that is one.
 * @return NULL, or what is wrong with it (in `pool`)
 */
const char *clp_address_check(const char *base, apr_pool_t *pool);

/**
 * The URL of an endpoint.
 * @param version "/v1", or what the dialect uses
 * @param endpoint begins with '/', without the version
 * @param query without '?', already encoded; NULL or "" = none
 */
const char *clp_address_make(const char *base, const char *version, const char *endpoint,
                             const char *query, apr_pool_t *pool);

/** A base URL that may be wrong, for an error text: without the password and the query that
 * somebody may have put there. */
const char *clp_address_shown(const char *base, apr_pool_t *pool);

/** Scheme, host and port of a base URL, for logs: no path, no query. */
const char *clp_address_origin(const char *base, apr_pool_t *pool);

#endif
