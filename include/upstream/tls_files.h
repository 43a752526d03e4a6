/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_TLS_FILES_H
#define CLP_UPSTREAM_TLS_FILES_H

#include <apr_pools.h>

/**
 * @file tls_files.h
 * @brief Checks of what a channel needs to connect, while the configuration is
 * read: certificates, keys, the URL of an outbound proxy.
 *
 * All return NULL, or what is wrong in words that follow the path or URL.
 */

/** A PEM file with at least one certificate. */
const char *clp_tls_certificate_check(const char *path, apr_pool_t *p);

/** A PEM file with a private key that no passphrase protects. */
const char *clp_tls_key_check(const char *path, apr_pool_t *p);

/** The key is that of the file's first certificate; a whole sentence. */
const char *clp_tls_pair_check(const char *cert, const char *key, apr_pool_t *p);

/** A directory that can be listed. */
const char *clp_tls_directory_check(const char *path, apr_pool_t *p);

/** http, https, socks5 or socks5h, a host, perhaps user, password and port. */
const char *clp_proxy_check(const char *url, apr_pool_t *p);

/** The URL of a proxy without its password, for messages and dumps. */
const char *clp_proxy_shown(const char *url, apr_pool_t *p);

#endif
