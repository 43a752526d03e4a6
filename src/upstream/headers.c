/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/headers.h"

#include <string.h>
#include <strings.h>

#include <apr_date.h>
#include <apr_lib.h>

#include "wire/instant.h"

#define DAY_MS (APR_INT64_C(24) * 60 * 60 * 1000)

#define HOP_BY_HOP                                                                                 \
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"

static const char *const never_up[] = {HOP_BY_HOP,
                                       "authorization",
                                       "x-api-key",
                                       "x-goog-api-key",
                                       "api-key",
                                       "cookie",
                                       "proxy-authorization",
                                       "content-length",
                                       "content-encoding",
                                       "accept-encoding",
                                       "expect",
                                       "host",
                                       "forwarded",
                                       NULL};

/* How the names of fields begin that proxies and logins in front of the handler
 * add: addresses, tokens and claims of users. */
static const char *const front_fields[] = {
    "x-forwarded-",    "oidc_",       "x-amzn-oidc-",          "cf-access-", "x-goog-iap-",
    "x-auth-request-", "x-ms-token-", "x-ms-client-principal", NULL};

static const char *const never_down[] = {HOP_BY_HOP,
                                         "content-length",
                                         "content-encoding",
                                         "server",
                                         "date",
                                         "set-cookie",
                                         "authorization",
                                         "proxy-authorization",
                                         "x-api-key",
                                         "x-goog-api-key",
                                         "api-key",
                                         "alt-svc",
                                         "strict-transport-security",
                                         "www-authenticate",
                                         "proxy-authenticate",
                                         NULL};

static int is_listed(const char *const *list, const char *name)
{
    int c = apr_tolower(*name);
    for (; *list; list++) {
        if (**list == c && !strcasecmp(*list, name)) {
            return 1;
        }
    }
    return 0;
}

static int begins_with_listed(const char *const *list, const char *name)
{
    for (; *list; list++) {
        if (!strncasecmp(*list, name, strlen(*list))) {
            return 1;
        }
    }
    return 0;
}

/* Does a Connection value name this field? */
static int connection_names(const char *value, const char *name)
{
    apr_size_t n = strlen(name);
    while (*value) {
        apr_size_t len;
        value += strspn(value, " \t,");
        len = strcspn(value, " \t,");
        if (len == n && !strncasecmp(value, name, n)) {
            return 1;
        }
        value += len;
    }
    return 0;
}

static int is_per_hop(const apr_table_t *all, const char *name)
{
    const apr_array_header_t *elts = apr_table_elts(all);
    for (int i = 0; i < elts->nelts; i++) {
        const apr_table_entry_t *e = (const apr_table_entry_t *)elts->elts + i;
        if (!strcasecmp(e->key, "connection") && connection_names(e->val, name)) {
            return 1;
        }
    }
    return 0;
}

int clp_header_goes_up(const char *name, const apr_table_t *from_client)
{
    return !is_listed(never_up, name) && !begins_with_listed(front_fields, name) &&
           !is_per_hop(from_client, name);
}

int clp_header_comes_down(const char *name, const apr_table_t *from_upstream)
{
    return !is_listed(never_down, name) && strncasecmp(name, "access-control-", 15) != 0 &&
           !is_per_hop(from_upstream, name);
}

static void copy(apr_table_t *to, const apr_table_t *from,
                 int (*may)(const char *, const apr_table_t *))
{
    const apr_array_header_t *elts = apr_table_elts(from);
    for (int i = 0; i < elts->nelts; i++) {
        const apr_table_entry_t *e = (const apr_table_entry_t *)elts->elts + i;
        if (may(e->key, from) && clp_header_name_ok(e->key) && clp_header_value_ok(e->val)) {
            apr_table_add(to, e->key, e->val);
        }
    }
}

void clp_headers_up(apr_table_t *to, const apr_table_t *from_client)
{
    copy(to, from_client, clp_header_goes_up);
}

void clp_headers_down(apr_table_t *to, const apr_table_t *from_upstream)
{
    copy(to, from_upstream, clp_header_comes_down);
}

/*
 * A non-negative decimal number, times `scale`, in milliseconds; *end is moved
 * behind it. -1 if there is none. Large numbers stop at a day.
 */
static apr_int64_t number(const char **end, apr_int64_t scale)
{
    const char *p = *end;
    apr_int64_t whole = 0;
    apr_int64_t part = 0;
    apr_int64_t unit = scale;
    if (!apr_isdigit(*p)) {
        return -1;
    }
    for (; apr_isdigit(*p); p++) {
        whole = whole < DAY_MS ? whole * 10 + (*p - '0') : whole;
    }
    if (*p == '.') {
        for (p++; apr_isdigit(*p); p++) {
            unit /= 10;
            part += unit * (*p - '0');
        }
    }
    *end = p;
    return whole > DAY_MS / scale ? DAY_MS : whole * scale + part;
}

static int at_end(const char *p)
{
    p += strspn(p, " \t");
    return !*p;
}

/* A bare number of `scale` milliseconds each, or -1. */
static apr_int64_t plain_number(const char *value, apr_int64_t scale)
{
    apr_int64_t ms;
    value += strspn(value, " \t");
    ms = number(&value, scale);
    return at_end(value) ? ms : -1;
}

/* Seconds since 1970, as some answers tell resets; 0 = not one. */
static apr_time_t epoch_seconds(const char *value)
{
    apr_int64_t s = 0;
    const char *p = value;
    for (; apr_isdigit(*p) && p - value < 10; p++) {
        s = s * 10 + (*p - '0');
    }
    return at_end(p) && s >= APR_INT64_C(1000000000) ? apr_time_from_sec(s) : 0;
}

static apr_int64_t until(apr_time_t then, apr_time_t now)
{
    apr_int64_t ms = (then - now + 999) / 1000;
    return ms < 0 ? 0 : ms > DAY_MS ? DAY_MS : ms;
}

/* "6m0s", "1h2m3.5s", "120ms", or plain seconds; -1 = none of these. */
static apr_int64_t duration(const char *value)
{
    static const struct {
        const char *name;
        apr_int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", DAY_MS}};
    apr_int64_t sum = plain_number(value, 1000);
    if (sum >= 0) {
        return sum;
    }
    value += strspn(value, " \t");
    sum = 0;
    do {
        const char *p = value;
        apr_size_t u;
        apr_int64_t ms = number(&p, 1);
        if (ms < 0) {
            return -1;
        }
        for (u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
            if (!strncmp(p, units[u].name, strlen(units[u].name))) {
                break;
            }
        }
        if (u == sizeof(units) / sizeof(units[0])) {
            return -1;
        }
        sum += number(&value, units[u].ms);
        value += strlen(units[u].name);
    } while (!at_end(value));
    return sum > DAY_MS ? DAY_MS : sum;
}

/* What one reset field says, in milliseconds from now; -1 = nothing. */
static apr_int64_t reset_in(const char *value, apr_time_t now)
{
    apr_time_t at = epoch_seconds(value);
    return at || clp_instant_parse(value, &at) ? until(at, now) : duration(value);
}

/*
 * Limits come in groups: name-remaining and name-reset, or remaining-name and
 * reset-name. The limit that was hit has nothing remaining, and the last of
 * those to be reset decides; if none says so, the first reset of all is a guess.
 */
static apr_int64_t rate_limit_reset(const apr_table_t *headers, apr_time_t now)
{
    static const char *const groups[][2] = {
        {"anthropic-ratelimit-requests-reset", "anthropic-ratelimit-requests-remaining"},
        {"anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining"},
        {"anthropic-ratelimit-input-tokens-reset", "anthropic-ratelimit-input-tokens-remaining"},
        {"anthropic-ratelimit-output-tokens-reset", "anthropic-ratelimit-output-tokens-remaining"},
        {"anthropic-ratelimit-unified-reset", "anthropic-ratelimit-unified-remaining"},
        {"x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"},
        {"x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"},
    };
    apr_int64_t hit = -1;
    apr_int64_t guess = -1;
    for (apr_size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        const char *reset = apr_table_get(headers, groups[i][0]);
        const char *remaining = apr_table_get(headers, groups[i][1]);
        apr_int64_t ms = reset ? reset_in(reset, now) : -1;
        if (ms < 0) {
            continue;
        }
        if (remaining && plain_number(remaining, 1) == 0 && ms > hit) {
            hit = ms;
        }
        if (guess < 0 || ms < guess) {
            guess = ms;
        }
    }
    return hit >= 0 ? hit : guess;
}

apr_int64_t clp_headers_retry_after(const apr_table_t *from_upstream, int status, apr_time_t now)
{
    const char *value = apr_table_get(from_upstream, "retry-after-ms");
    apr_int64_t ms = value ? plain_number(value, 1) : -1;
    if (ms < 0 && (value = apr_table_get(from_upstream, "retry-after"))) {
        ms = plain_number(value, 1000);
        if (ms < 0) {
            apr_time_t then = apr_date_parse_http(value);
            ms = then != APR_DATE_BAD ? until(then, now) : -1;
        }
    }
    if (ms < 0 && status == 429) {
        ms = rate_limit_reset(from_upstream, now);
    }
    return ms > DAY_MS ? DAY_MS : ms;
}

int clp_header_value_ok(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f) {
            return 0;
        }
    }
    return 1;
}

int clp_header_id_ok(const char *id)
{
    apr_size_t n = 0;
    while (n <= 128 && id[n] > 0x20 && id[n] < 0x7f) {
        n++;
    }
    return n >= 1 && n <= 128 && !id[n];
}

int clp_header_name_ok(const char *name)
{
    if (!*name) {
        return 0;
    }
    for (; *name; name++) {
        if (!apr_isalnum(*name) && !strchr("!#$%&'*+-.^_`|~", *name)) {
            return 0;
        }
    }
    return 1;
}
