/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>

#include <apr_strings.h>

#include "fuzz.h"
#include "gateway/overlay.h"
#include "wire/buffer.h"

/*
 * The input: an overlay's document, as an operator may write it. Holds: it is refused with words,
 * or laid over the channel of a configuration; every channel that comes of it can be shown, and
 * the document, written, is one that gives the same channels. Keys of the configuration go to its
 * own host only.
 */
static const char *secret(void *ctx, const char *label, const char *arg, apr_array_header_t *out,
                          apr_pool_t *pool)
{
    (void)ctx;
    (void)label;
    (void)pool;
    APR_ARRAY_PUSH(out, const char *) = arg;
    return NULL;
}

static const clp_channel_source source = {NULL, NULL, NULL, secret};

static const clp_channel_source *overlay_source(apr_pool_t *pool)
{
    clp_channel_source *bound = apr_pmemdup(pool, &source, sizeof(source));

    bound->hosts = clp_host_rules_make(pool);
    return bound;
}

static apr_array_header_t *configured(apr_pool_t *pool)
{
    static const char *const service[] = {"claude"};
    static const char *const url[] = {"https://conf.example"};
    static const char *const keys[] = {"key-a", "key-b"};
    apr_array_header_t *all = apr_array_make(pool, 1, sizeof(const clp_channel *));
    clp_channel_draft d;

    clp_channel_draft_begin(&d, "conf", "httpd.conf:1", &source, pool);
    d.label = "";
    FUZZ_CHECK(!clp_channel_draft_set(&d, CLP_SETTING_SERVICE, 1, service));
    FUZZ_CHECK(!clp_channel_draft_set(&d, CLP_SETTING_URLS, 1, url));
    FUZZ_CHECK(!clp_channel_draft_set(&d, CLP_SETTING_KEYS, 2, keys));
    APR_ARRAY_PUSH(all, const clp_channel *) = d.channel;
    return all;
}

/* Its keys go where they went, whatever is said. */
static void check_configured(const clp_channel *c)
{
    static const char own[] = "https://conf.example";

    for (int i = 0; i < c->urls->nelts; i++) {
        const char *url = APR_ARRAY_IDX(c->urls, i, const char *);
        FUZZ_CHECK(strncasecmp(url, own, sizeof(own) - 1) == 0);
        url += sizeof(own) - 1;
        FUZZ_CHECK(!*url || *url == '/' || *url == '#' || (*url == ':' && atoi(url + 1) == 443));
    }
    FUZZ_CHECK(!c->proxy && c->tls.verify && c->auth != CLP_AUTH_HEADER);
}

/* The channels as sections of a configuration; NULL if the document is refused. */
static const clp_buffer *shown(const clp_overlay *o, apr_pool_t *pool)
{
    clp_document_error error = {NULL, NULL};
    clp_buffer *out = clp_buffer_make(pool, 0);
    apr_array_header_t *laid;

    if (!clp_overlay_lay(o, configured(pool), overlay_source(pool), pool, &laid, &error)) {
        FUZZ_CHECK(error.path && error.message);
        return NULL;
    }
    check_configured(APR_ARRAY_IDX(laid, 0, const clp_channel *));
    for (int i = 0; i < laid->nelts; i++) {
        clp_channel_conf_write(out, APR_ARRAY_IDX(laid, i, const clp_channel *), pool);
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    clp_document_error error = {NULL, NULL};
    clp_overlay *o = clp_overlay_parse(clp_span_of((const char *)data, size), pool, &error);

    if (o) {
        clp_overlay *again = clp_overlay_parse(clp_overlay_text(o, pool), pool, &error);
        const clp_buffer *first = shown(o, pool);
        const clp_buffer *second;
        FUZZ_CHECK(again && again->revision == o->revision);
        second = shown(again, pool);
        FUZZ_CHECK(!first == !second);
        FUZZ_CHECK(!first || clp_span_eq(clp_buffer_all(first), clp_buffer_all(second)));
    }
    else {
        FUZZ_CHECK(error.path && error.message);
    }
    apr_pool_destroy(pool);
    return 0;
}
