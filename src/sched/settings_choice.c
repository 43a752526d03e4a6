/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "wire/quantity.h"

#define MAX_PRIORITY 1000000
#define MAX_MODEL    256

const char *clp_set_priority(clp_channel_draft *d, int argc, const char *const *argv)
{
    apr_int64_t n;

    (void)argc;
    if (!clp_count_parse(argv[0], &n) || n > MAX_PRIORITY) {
        return apr_psprintf(d->pool, "%s: '%s' is not a number from 0 to %d", d->label, argv[0],
                            MAX_PRIORITY);
    }
    d->channel->priority = (int)n;
    return NULL;
}

void clp_show_priority(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, apr_itoa(to->pool, c->priority));
}

static const struct {
    const char *name;
    clp_channel_status status;
} statuses[] = {{"active", CLP_CHANNEL_ACTIVE},
                {"suspended", CLP_CHANNEL_SUSPENDED},
                {"disabled", CLP_CHANNEL_DISABLED},
                {NULL, CLP_CHANNEL_ACTIVE}};

static const char *status_name(clp_channel_status status)
{
    int i = 0;
    while (statuses[i].name && statuses[i].status != status) {
        i++;
    }
    return statuses[i].name;
}

const char *clp_set_status(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    for (int i = 0; statuses[i].name; i++) {
        if (strcasecmp(argv[0], statuses[i].name) == 0) {
            d->channel->status = statuses[i].status;
            return NULL;
        }
    }
    return apr_pstrcat(d->pool, d->label, ": '", argv[0], "' is not active, suspended or disabled",
                       NULL);
}

void clp_show_status(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, status_name(c->status));
}

static const char *check_model_pattern(const clp_channel_draft *d, const char *pattern)
{
    if (!*pattern || strlen(pattern) > MAX_MODEL) {
        return apr_psprintf(d->pool, "%s: a model's name has 1 to %d bytes", d->label, MAX_MODEL);
    }
    for (const char *c = pattern; *c; c++) {
        if (apr_iscntrl(*c)) {
            return apr_pstrcat(d->pool, d->label, ": the name holds a control character", NULL);
        }
    }
    return NULL;
}

/* Does `before` fit every name that `pattern` fits? Where it has a '?', that is told only of equal
 * ones, since a '?' does not stand for what a '*' stands for. */
static int covers(const char *before, const char *pattern)
{
    return strcmp(before, pattern) == 0 ||
           (!strchr(before, '?') && clp_model_matches(before, pattern, NULL, NULL));
}

const char *clp_set_model_map(clp_channel_draft *d, int argc, const char *const *argv)
{
    const char *pattern = argv[0];
    const char *target = argv[1];
    apr_array_header_t *map = d->channel->model_map;
    const char *wrong = check_model_pattern(d, pattern);
    clp_model_rule *rule;

    (void)argc;
    if (wrong || (wrong = check_model_pattern(d, target))) {
        return wrong;
    }
    if (strchr(target, '*') && !strchr(pattern, '*')) {
        return apr_pstrcat(d->pool, d->label, ": '", target, "' has a '*', but the pattern '",
                           pattern, "' has none to fill it", NULL);
    }
    for (int i = 0; i < map->nelts; i++) {
        if (covers(APR_ARRAY_IDX(map, i, clp_model_rule).pattern, pattern)) {
            return apr_pstrcat(d->pool, d->label, ": '", pattern,
                               "' is mapped already; the first match wins, so this line would "
                               "never count",
                               NULL);
        }
    }
    rule = &APR_ARRAY_PUSH(map, clp_model_rule);
    rule->pattern = pattern;
    rule->target = target;
    return NULL;
}

void clp_show_model_map(clp_setting_lines *to, const clp_channel *c)
{
    for (int i = 0; i < c->model_map->nelts; i++) {
        const clp_model_rule *rule = &APR_ARRAY_IDX(c->model_map, i, clp_model_rule);
        apr_array_header_t *line = clp_lines_new(to);
        clp_line_add(line, rule->pattern);
        clp_line_add(line, rule->target);
    }
}

const char *clp_set_models(clp_channel_draft *d, int argc, const char *const *argv)
{
    const char *wrong = check_model_pattern(d, argv[0]);

    (void)argc;
    if (!wrong) {
        APR_ARRAY_PUSH(d->channel->models, const char *) = argv[0];
    }
    return wrong;
}

void clp_show_models(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_list(to, c->models);
}
