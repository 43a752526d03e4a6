/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/origin.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "wire/quantity.h"

#define MAX_FIELD_NAMES  64
#define MAX_FIELD_LENGTH 64

static const char *lower(apr_pool_t *pool, const char *from, apr_size_t n)
{
    char *to = apr_pstrmemdup(pool, from, n);

    for (char *c = to; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    return to;
}

static const char *default_port(const char *scheme)
{
    if (strcmp(scheme, "https") == 0) {
        return "443";
    }
    return strcmp(scheme, "http") == 0 ? "80" : "";
}

const char *clp_origin_normal(const char *text, const char **wrong, apr_pool_t *pool)
{
    const char *colon = strstr(text, "://");
    const char *host = colon ? colon + 3 : NULL;
    const char *scheme, *port;
    apr_size_t n;
    apr_int64_t number;

    if (!host || colon == text || !apr_isalpha(*text)) {
        *wrong = "an origin is scheme://host or scheme://host:port";
        return NULL;
    }
    scheme = lower(pool, text, (apr_size_t)(colon - text));
    if (scheme[strspn(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.")]) {
        *wrong = "the scheme holds a character that no scheme has";
        return NULL;
    }
    if (*host == '[') {
        n = strspn(host + 1, "0123456789abcdefABCDEF:.") + 1;
        if (n == 1 || host[n] != ']') {
            *wrong = "the IPv6 address has no closing bracket";
            return NULL;
        }
        n++;
    }
    else {
        n = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    }
    if (n == 0) {
        *wrong = "there is no host behind ://";
        return NULL;
    }
    port = host + n;
    if (*port == '\0') {
        return apr_pstrcat(pool, scheme, "://", lower(pool, host, n), NULL);
    }
    if (*port != ':') {
        *wrong = "an origin has no path, user, pattern or blank: only scheme, host and port";
        return NULL;
    }
    port++;
    if (!clp_count_parse(port, &number) || number < 1 || number > 65535) {
        *wrong = "the port is not a number from 1 to 65535";
        return NULL;
    }
    if (strcmp(port, default_port(scheme)) == 0) {
        return apr_pstrcat(pool, scheme, "://", lower(pool, host, n), NULL);
    }
    return apr_psprintf(pool, "%s://%s:%d", scheme, lower(pool, host, n), (int)number);
}

static int is_token(const char *name)
{
    return *name && strlen(name) <= MAX_FIELD_LENGTH &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~")] == '\0';
}

static int has(const apr_array_header_t *names, const char *name)
{
    for (int i = 0; i < names->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(names, i, const char *), name) == 0) {
            return 1;
        }
    }
    return 0;
}

const char *clp_cors_field_names(const char *requested, apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, 16, sizeof(const char *));
    const char *p = requested;

    while (*p && names->nelts < MAX_FIELD_NAMES) {
        apr_size_t n;
        const char *name;

        p += strspn(p, ", \t");
        n = strcspn(p, ", \t");
        name = lower(pool, p, n);
        p += n;
        if (is_token(name) && !has(names, name)) {
            APR_ARRAY_PUSH(names, const char *) = name;
        }
    }
    return apr_array_pstrcat(pool, names, ',');
}
