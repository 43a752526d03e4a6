/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_HEADERS_H
#define CLP_UPSTREAM_HEADERS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

/**
 * @file headers.h
 * @brief Which header fields go up and which come down.
 *
 * Never upstream: credentials of the client (authorization, x-api-key,
 * x-goog-api-key, api-key, cookie, proxy-authorization), hop-by-hop fields
 * (RFC 9110 7.6.1, and whatever Connection names), content-length,
 * content-encoding, accept-encoding, expect, host, forwarded, and what proxies and
 * logins in front add: x-forwarded-*, OIDC_*, x-amzn-oidc-*, cf-access-*,
 * x-goog-iap-*, x-auth-request-*, x-ms-token-*, x-ms-client-principal*.
 * Never to the client: fields that hold keys (an upstream that echoes its request), hop-by-hop,
 * content-length, content-encoding, server, date, set-cookie, alt-svc, strict-transport-security,
 * www-authenticate, proxy-authenticate, access-control-* (whom browsers may let read answers is for
 * this server to say).
 */

/** May this request field of a client go upstream on passthrough? */
int clp_header_goes_up(const char *name, const apr_table_t *from_client);

/** May this field of an upstream's answer go to the client on passthrough? */
int clp_header_comes_down(const char *name, const apr_table_t *from_upstream);

/** Copy what may go up / come down; repeated fields stay apart, malformed ones are left out. */
void clp_headers_up(apr_table_t *to, const apr_table_t *from_client);
void clp_headers_down(apr_table_t *to, const apr_table_t *from_upstream);

/**
 * When to come back, from retry-after-ms, retry-after (seconds or HTTP date)
 * or, with a 429, the reset fields of anthropic-ratelimit-* and
 * x-ratelimit-reset-* (of the limits that have nothing remaining the last to
 * be reset, else the first); milliseconds, -1 = not told. Bounded by one day.
 */
apr_int64_t clp_headers_retry_after(const apr_table_t *from_upstream, int status, apr_time_t now);

/** Is the value one that may be sent: visible ASCII, blanks, bytes >= 0x80, no line ends? */
int clp_header_value_ok(const char *value);

/** Is it fit to be a request's id, for header fields and logs: 1 to 128 visible ASCII
 * characters? */
int clp_header_id_ok(const char *id);

/** Is the name an RFC 9110 token? */
int clp_header_name_ok(const char *name);

#endif
