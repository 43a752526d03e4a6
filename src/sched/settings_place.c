/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "upstream/address.h"
#include "wire/text.h"

/** What a service speaks. */
static const struct {
    const char *service;
    const clp_dialect *dialect;
} services[] = {
    {"claude", &clp_dialect_messages},
    {"openai", &clp_dialect_chat},
    {"openai-legacy", &clp_dialect_chat_legacy},
    {"responses", &clp_dialect_responses},
    {"gemini", &clp_dialect_gemini},
    {NULL, NULL},
};

static const char *service_name(const clp_dialect *dialect)
{
    int i = 0;
    while (services[i].service && services[i].dialect != dialect) {
        i++;
    }
    return services[i].service;
}

const char *clp_set_service(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    for (int i = 0; services[i].service; i++) {
        if (strcasecmp(argv[0], services[i].service) == 0) {
            d->channel->dialect = services[i].dialect;
            return NULL;
        }
    }
    return apr_pstrcat(d->pool, d->label, ": '", argv[0],
                       "' is no known service; use claude, openai, openai-legacy, responses or "
                       "gemini",
                       NULL);
}

void clp_show_service(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, service_name(c->dialect));
}

static const char *too_many(const clp_channel_draft *d, const char *what, int most)
{
    return apr_psprintf(d->pool, "%s: a channel has %d %s at most", d->label, most, what);
}

const char *clp_set_url(clp_channel_draft *d, int argc, const char *const *argv)
{
    const apr_array_header_t *urls = d->channel->urls;
    const char *url = argv[0];
    const char *wrong;

    (void)argc;
    if (strstr(url, "${")) {
        wrong = "the variable is not defined (Define, or the environment of httpd)";
    }
    else {
        wrong = clp_address_check(url, d->pool);
    }
    if (!wrong) {
        wrong = clp_setting_bind_url(d, url);
    }
    if (wrong) {
        return apr_pstrcat(d->pool, d->label, " '", clp_address_shown(url, d->pool), "': ", wrong,
                           NULL);
    }
    for (int i = 0; i < urls->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(urls, i, const char *), url) == 0) {
            return apr_pstrcat(d->pool, d->label, " '", url, "' is given twice", NULL);
        }
    }
    if (urls->nelts == CLP_CHANNEL_URLS_MAX) {
        return too_many(d, "URLs", CLP_CHANNEL_URLS_MAX);
    }
    APR_ARRAY_PUSH(d->channel->urls, const char *) = url;
    return NULL;
}

void clp_show_urls(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_list(to, c->urls);
}

/** @param source env:NAME and the like; NULL when the key itself was said */
static const char *add_key(clp_channel_draft *d, const char *secret, const char *source)
{
    const apr_array_header_t *keys = d->channel->keys;
    const char *id = clp_key_digest(secret, d->pool);

    for (int i = 0; i < keys->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(keys, i, clp_key).id, id) == 0) {
            return apr_psprintf(d->pool, "%s: key %d and key %d of channel '%s' are the same",
                                d->label, i + 1, keys->nelts + 1, d->channel->name);
        }
    }
    if (keys->nelts == CLP_CHANNEL_KEYS_MAX) {
        return too_many(d, "keys", CLP_CHANNEL_KEYS_MAX);
    }
    clp_channel_add_key(d->channel, secret, clp_mask_secret(secret, d->pool), id)->source = source;
    return NULL;
}

/* Arguments of a program may be secrets. */
static const char *source_of(const char *arg, apr_pool_t *pool)
{
    apr_size_t n = strcspn(arg, " \t");

    if (!strncmp(arg, "exec:", 5)) {
        return arg[n] ? apr_pstrcat(pool, apr_pstrmemdup(pool, arg, n), " " CLP_SHOWN_SECRET, NULL)
                      : arg;
    }
    return !strncmp(arg, "env:", 4) || !strncmp(arg, "file:", 5) ? arg : NULL;
}

const char *clp_set_key(clp_channel_draft *d, int argc, const char *const *argv)
{
    apr_array_header_t *secrets = apr_array_make(d->pool, 1, sizeof(const char *));
    const char *wrong = d->source->secrets(d->source->ctx, d->label, argv[0], secrets, d->pool);
    const char *from = source_of(argv[0], d->pool);

    (void)argc;
    for (int i = 0; i < secrets->nelts && !wrong; i++) {
        wrong = add_key(d, APR_ARRAY_IDX(secrets, i, const char *), from);
    }
    return wrong;
}

void clp_show_keys(clp_setting_lines *to, const clp_channel *c)
{
    const char *before = NULL;
    for (int i = 0; i < c->keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(c->keys, i, clp_key);
        /* A file may hold several. */
        if (!key->source || !before || strcmp(key->source, before) != 0) {
            clp_lines_one(to, key->source ? key->source : key->mask);
        }
        before = key->source;
    }
}
