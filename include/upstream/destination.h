/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_DESTINATION_H
#define CLP_UPSTREAM_DESTINATION_H

#include <apr_pools.h>

/**
 * @file destination.h
 * @brief Where the URL of an upstream or a proxy leads, as libcurl will understand it.
 */
typedef struct clp_destination {
    const char *scheme; /**< in lower case */
    const char *host;   /**< a name or an address, without brackets, with its zone if it has one */
    const char *port;   /**< as it is said; "" = the scheme's own */
} clp_destination;

/** Read a URL, into `pool`. @return 1, or 0 if it leads nowhere */
int clp_destination_read(clp_destination *to, const char *url, apr_pool_t *pool);

/** Is it the same host? An unusual spelling makes another one. */
int clp_destination_same_host(const clp_destination *a, const clp_destination *b);

/** Is it the same scheme, host and port? */
int clp_destination_same(const clp_destination *a, const clp_destination *b);

/** Do both have the same port, or each the one of its scheme (http or https)? */
int clp_destination_same_port(const clp_destination *a, const clp_destination *b);

/** Is it asked by https? */
int clp_destination_secure(const clp_destination *to);

#endif
