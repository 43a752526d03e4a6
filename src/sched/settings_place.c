/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "sched/channel_show.h"
#include "upstream/address.h"
#include "upstream/headers.h"
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

const char *clp_service_name(const clp_dialect *dialect)
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
    APR_ARRAY_PUSH(d->channel->urls, const char *) = url;
    return NULL;
}

/** @param source env:NAME and the like; NULL when the key itself was said */
static const char *add_key(clp_channel_draft *d, const char *secret, const char *source)
{
    const apr_array_header_t *keys = d->channel->keys;
    char digest[65];
    const char *id;

    clp_sha256_hex(clp_span_str(secret), digest);
    id = apr_pstrmemdup(d->pool, digest, 16);
    for (int i = 0; i < keys->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(keys, i, clp_key).id, id) == 0) {
            return apr_psprintf(d->pool, "%s: key %d and key %d of channel '%s' are the same",
                                d->label, i + 1, keys->nelts + 1, d->channel->name);
        }
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

static const struct {
    const char *name;
    clp_auth_scheme scheme;
} schemes[] = {{"dialect", CLP_AUTH_DIALECT},
               {"bearer", CLP_AUTH_BEARER},
               {"none", CLP_AUTH_NONE},
               {"header", CLP_AUTH_HEADER},
               {NULL, CLP_AUTH_NONE}};

const char *clp_auth_name(clp_auth_scheme scheme)
{
    int i = 0;
    while (schemes[i].name && schemes[i].scheme != scheme) {
        i++;
    }
    return schemes[i].name;
}

const char *clp_set_auth(clp_channel_draft *d, int argc, const char *const *argv)
{
    const char *header = argc > 1 ? argv[1] : NULL;
    int i = 0;

    while (schemes[i].name && strcasecmp(argv[0], schemes[i].name) != 0) {
        i++;
    }
    if (!schemes[i].name) {
        return apr_pstrcat(d->pool, d->label, ": '", argv[0],
                           "' is not dialect, bearer, none or header NAME", NULL);
    }
    if ((schemes[i].scheme == CLP_AUTH_HEADER) != (header != NULL)) {
        return header ? apr_pstrcat(d->pool, d->label, " ", argv[0], " takes no field name", NULL)
                      : apr_pstrcat(d->pool, d->label,
                                    " header wants the name of the field behind it", NULL);
    }
    if (header && !clp_header_name_ok(header)) {
        return apr_pstrcat(d->pool, d->label, ": '", header, "' is no field name", NULL);
    }
    d->channel->auth = schemes[i].scheme;
    d->channel->auth_header = header;
    return NULL;
}

const char *clp_set_user_agent(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    if (!*argv[0] || !clp_header_value_ok(argv[0])) {
        return apr_pstrcat(d->pool, d->label, ": the text is empty, or holds a control character",
                           NULL);
    }
    d->channel->user_agent = argv[0];
    return NULL;
}

const char *clp_set_api_version(clp_channel_draft *d, int argc, const char *const *argv)
{
    const char *date = argv[0];

    (void)argc;
    for (int i = 0; i < 11; i++) {
        int fits =
            i == 10 ? date[i] == '\0' : (i == 4 || i == 7 ? date[i] == '-' : apr_isdigit(date[i]));
        if (!fits) {
            return apr_pstrcat(d->pool, d->label, ": '", date, "' is not a date as 2023-06-01",
                               NULL);
        }
    }
    d->channel->api_version = date;
    return NULL;
}

/** Where a trait lives and what it is by default. */
static const struct trait_row {
    const char *name;
    apr_size_t offset;
    int dflt;
} trait_rows[] = {
#define TRAIT_ROW(member, name, dflt, text) {name, APR_OFFSETOF(clp_traits, member), (dflt)},
    CLP_TRAITS(TRAIT_ROW)
#undef TRAIT_ROW
        {NULL, 0, 0},
};

static const char *list_traits(apr_pool_t *p)
{
    const char *list = trait_rows[0].name;

    for (int i = 1; trait_rows[i].name; i++) {
        list = apr_pstrcat(p, list, ", ", trait_rows[i].name, NULL);
    }
    return list;
}

const char *clp_set_option(clp_channel_draft *d, int argc, const char *const *argv)
{
    const char *setting = argv[0];
    const char *value = strchr(setting, '=');
    const char *name =
        value ? apr_pstrmemdup(d->pool, setting, (apr_size_t)(value - setting)) : setting;
    const struct trait_row *row = trait_rows;
    int *member;
    int on;

    (void)argc;
    while (row->name && strcasecmp(name, row->name) != 0) {
        row++;
    }
    if (!row->name) {
        return apr_pstrcat(d->pool, d->label, ": there is no option '", name, "'; there are ",
                           list_traits(d->pool), NULL);
    }
    member = (int *)((char *)&d->channel->traits + row->offset);
    if (value && strcasecmp(value, "=auto") == 0) {
        *member = row->dflt;
    }
    else if (value && clp_setting_flag(value + 1, &on)) {
        *member = on;
    }
    else {
        return apr_pstrcat(d->pool, d->label, ": write ", row->name, "=on, ", row->name, "=off or ",
                           row->name, "=auto, not '", setting, "'", NULL);
    }
    return NULL;
}
