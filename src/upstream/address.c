/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "upstream/tls_files.h"

#define URL_MAX  2000
#define HOST_MAX 253

/* The parts of a base URL, as offsets into it; the path may be empty. */
typedef struct base_parts {
    const char *authority;
    const char *path;
} base_parts;

static int split(base_parts *parts, const char *base)
{
    if (!strncasecmp(base, "https://", 8)) {
        parts->authority = base + 8;
    }
    else if (!strncasecmp(base, "http://", 7)) {
        parts->authority = base + 7;
    }
    else {
        return 0;
    }
    parts->path = parts->authority + strcspn(parts->authority, "/?#");
    return 1;
}

static const char *check_ipv6(const char *p, apr_size_t n)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (n >= sizeof(text)) {
        return "the IPv6 address is not valid";
    }
    memcpy(text, p, n);
    text[n] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1 ? NULL : "the IPv6 address is not valid";
}

static const char *check_host(const char *p, apr_size_t n)
{
    if (!n) {
        return "the host is missing";
    }
    if (n > HOST_MAX) {
        return "the host name is too long";
    }
    for (apr_size_t i = 0; i < n; i++) {
        if (!apr_isalnum(p[i]) && p[i] != '-' && p[i] != '.' && p[i] != '_') {
            return (unsigned char)p[i] >= 0x80
                       ? "the host name is not ASCII (write it in its xn-- form)"
                       : "the host name holds a character that is not allowed";
        }
    }
    if (p[0] == '.' || p[0] == '-') {
        return "the host name begins with a character that is not allowed";
    }
    return NULL;
}

static const char *check_port(const char *p, const char *end)
{
    long port = 0;
    if (p == end || end - p > 5) {
        return "the port is not a number from 1 to 65535";
    }
    for (; p < end; p++) {
        if (!apr_isdigit(*p)) {
            return "the port is not a number from 1 to 65535";
        }
        port = port * 10 + (*p - '0');
    }
    return port >= 1 && port <= 65535 ? NULL : "the port is not a number from 1 to 65535";
}

static const char *check_authority(const char *p, const char *end)
{
    const char *host_end;
    const char *wrong;
    if (memchr(p, '@', (apr_size_t)(end - p))) {
        return "user and password do not belong into the URL";
    }
    if (p < end && *p == '[') {
        host_end = memchr(p, ']', (apr_size_t)(end - p));
        if (!host_end) {
            return "the IPv6 address has no closing bracket";
        }
        wrong = check_ipv6(p + 1, (apr_size_t)(host_end - p - 1));
        host_end++;
    }
    else {
        host_end = memchr(p, ':', (apr_size_t)(end - p));
        host_end = host_end ? host_end : end;
        wrong = check_host(p, (apr_size_t)(host_end - p));
    }
    if (wrong || host_end == end) {
        return wrong;
    }
    return *host_end == ':' ? check_port(host_end + 1, end) : "there is text behind the host";
}

static const char *check_path(const char *p)
{
    for (; *p; p++) {
        if (*p == '?') {
            return "a query does not belong into the base URL";
        }
        if (*p == '#') {
            return p[1] ? "a '#' may only be the last character" : NULL;
        }
        if (*p == '%') {
            if (!apr_isxdigit(p[1]) || !apr_isxdigit(p[2])) {
                return "a '%' is not followed by two hexadecimal digits";
            }
        }
        else if (!apr_isalnum(*p) && !strchr("/-._~!$&'()*+,;=:@", *p)) {
            return "the path holds a character that has to be written as %XX";
        }
    }
    return NULL;
}

const char *clp_address_check(const char *base, apr_pool_t *pool)
{
    base_parts parts;
    const char *wrong;
    (void)pool;
    for (const char *p = base; *p; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7f) {
            return "blanks and control characters do not belong into a URL";
        }
    }
    if (strlen(base) > URL_MAX) {
        return "the URL is too long";
    }
    if (!split(&parts, base)) {
        return "the URL does not begin with http:// or https://";
    }
    wrong = check_authority(parts.authority, parts.path);
    return wrong ? wrong : check_path(parts.path);
}

/* Is this path segment an API version: v1, v2, v1beta, v1beta2? */
static int is_version(const char *p, const char *end)
{
    if (end - p < 2 || *p != 'v' || !apr_isdigit(p[1])) {
        return 0;
    }
    for (p++; p < end; p++) {
        if (!apr_isalnum(*p)) {
            return 0;
        }
    }
    return 1;
}

const char *clp_address_shown(const char *base, apr_pool_t *pool)
{
    apr_size_t n = strcspn(base, "?");

    if (base[n]) {
        base = apr_pstrcat(pool, apr_pstrmemdup(pool, base, n), "?...", NULL);
    }
    return clp_proxy_shown(base, pool);
}

const char *clp_address_make(const char *base, const char *version, const char *endpoint,
                             const char *query, apr_pool_t *pool)
{
    base_parts parts = {base, base};
    const char *end = base + strlen(base);
    int verbatim = end > base && end[-1] == '#';
    int has_query = query && *query;
    if (verbatim) {
        end--;
    }
    if (end > base && end[-1] == '/') {
        end--;
    }
    if (!verbatim && split(&parts, base)) {
        const char *segment = end;
        while (segment > parts.path && segment[-1] != '/') {
            segment--;
        }
        verbatim = segment > parts.path && is_version(segment, end);
    }
    return apr_pstrcat(pool, apr_pstrmemdup(pool, base, (apr_size_t)(end - base)),
                       verbatim ? "" : version, endpoint, has_query ? "?" : "",
                       has_query ? query : "", NULL);
}

const char *clp_address_origin(const char *base, apr_pool_t *pool)
{
    base_parts parts;
    const char *host;
    if (!split(&parts, base)) {
        return "";
    }
    host = parts.authority;
    for (const char *p = parts.authority; p < parts.path; p++) {
        if (*p == '@') {
            host = p + 1;
        }
    }
    return apr_pstrcat(pool, apr_pstrmemdup(pool, base, (apr_size_t)(parts.authority - base)),
                       apr_pstrmemdup(pool, host, (apr_size_t)(parts.path - host)), NULL);
}
