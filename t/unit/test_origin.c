/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/origin.h"

#include <apr_strings.h>

#include "tap.h"

static apr_pool_t *pool;

static void normal(const char *text, const char *want)
{
    const char *wrong = NULL;

    IS_STR(clp_origin_normal(text, &wrong, pool), want, text);
}

static void refused(const char *text)
{
    const char *wrong = NULL;

    OK(!clp_origin_normal(text, &wrong, pool) && wrong, "'%s': %s", text, wrong ? wrong : "taken");
}

static void check_origins(void)
{
    normal("https://app.example.org", "https://app.example.org");
    normal("HTTPS://App.Example.ORG", "https://app.example.org");
    normal("https://example.org:443", "https://example.org");
    normal("https://example.org:80", "https://example.org:80");
    normal("http://localhost:80", "http://localhost");
    normal("http://localhost:3000", "http://localhost:3000");
    normal("http://[::1]:3000", "http://[::1]:3000");
    normal("http://[2001:DB8::1]", "http://[2001:db8::1]");
    normal("chrome-extension://abcdef", "chrome-extension://abcdef");
    normal("http://127.0.0.1:08080", "http://127.0.0.1:8080");

    refused("");
    refused("null");
    refused("example.org");
    refused("//example.org");
    refused("://example.org");
    refused("1http://example.org");
    refused("ht tp://example.org");
    refused("https://");
    refused("https://:443");
    refused("https://example.org/");
    refused("https://example.org?x");
    refused("https://user@example.org");
    refused("https://*.example.org");
    refused("https://example.org:");
    refused("https://example.org:0");
    refused("https://example.org:65536");
    refused("https://example.org:80x");
    refused("https://[::1");
    refused("https://[]");
    refused("https://a b");
}

static void check_fields(void)
{
    char *many = apr_pstrdup(pool, "x0");
    const char *got;
    int commas = 0;

    IS_STR(clp_cors_field_names("", pool), "", "none");
    IS_STR(clp_cors_field_names(" , ,", pool), "", "only separators");
    IS_STR(clp_cors_field_names("Content-Type, x-api-key,anthropic-version", pool),
           "content-type,x-api-key,anthropic-version", "lower case");
    IS_STR(clp_cors_field_names("a,A, a", pool), "a", "once each");
    IS_STR(clp_cors_field_names("a, b:c, \"d\", e\r\nf, g", pool), "a,g", "only tokens");
    for (int i = 1; i < 100; i++) {
        many = apr_psprintf(pool, "%s,x%d", many, i);
    }
    got = clp_cors_field_names(many, pool);
    for (const char *c = got; *c; c++) {
        commas += *c == ',';
    }
    IS_INT(commas, 63, "bounded");
}

int main(void)
{
    pool = tap_begin();
    check_origins();
    check_fields();
    return tap_end();
}
