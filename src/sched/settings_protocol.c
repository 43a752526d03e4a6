/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <string.h>
#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "upstream/headers.h"

static const struct {
    const char *name;
    clp_auth_scheme scheme;
} schemes[] = {{"dialect", CLP_AUTH_DIALECT},
               {"bearer", CLP_AUTH_BEARER},
               {"none", CLP_AUTH_NONE},
               {"header", CLP_AUTH_HEADER},
               {NULL, CLP_AUTH_NONE}};

static const char *auth_name(clp_auth_scheme scheme)
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

void clp_show_auth(clp_setting_lines *to, const clp_channel *c)
{
    apr_array_header_t *line = clp_lines_new(to);
    clp_line_add(line, auth_name(c->auth));
    if (c->auth == CLP_AUTH_HEADER) {
        clp_line_add(line, c->auth_header);
    }
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

void clp_show_user_agent(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, c->user_agent);
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

void clp_show_api_version(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, c->api_version);
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

void clp_show_options(clp_setting_lines *to, const clp_channel *c)
{
    const clp_traits dflt = clp_traits_default();
    apr_array_header_t *line = apr_array_make(to->pool, 4, sizeof(const char *));
#define SHOW_TRAIT(member, name, preset, text)                                                     \
    if (c->traits.member != dflt.member) {                                                         \
        clp_line_add(line, c->traits.member ? name "=on" : name "=off");                           \
    }
    CLP_TRAITS(SHOW_TRAIT)
#undef SHOW_TRAIT
    if (line->nelts) {
        ((clp_setting_line *)apr_array_push(to->lines))->argv = line;
    }
}
