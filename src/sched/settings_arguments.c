/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "wire/quantity.h"

/* "window=, min= or percent=" */
static const char *name_arguments(const clp_argument *args, int n, apr_pool_t *pool)
{
    const char *list = apr_pstrcat(pool, args[0].name, "=", NULL);

    for (int i = 1; i < n; i++) {
        list = apr_pstrcat(pool, list, i == n - 1 ? " or " : ", ", args[i].name, "=", NULL);
    }
    return list;
}

static clp_argument *find_argument(clp_argument *args, int n, const char *arg)
{
    for (int i = 0; i < n; i++) {
        apr_size_t length = strlen(args[i].name);

        if (strncmp(arg, args[i].name, length) == 0 && arg[length] == '=') {
            return &args[i];
        }
    }
    return NULL;
}

static int read_argument(clp_argument *arg, const char *value)
{
    apr_int64_t n = 0;

    if (arg->kind == CLP_ARGUMENT_TEXT) {
        arg->text = value;
        return *value != '\0';
    }
    if (arg->kind == CLP_ARGUMENT_COUNT ? !clp_count_parse(value, &n)
                                        : !clp_time_parse(value, &n)) {
        return 0;
    }
    if (arg->kind == CLP_ARGUMENT_SECONDS) {
        if (n % 1000) {
            return 0;
        }
        n /= 1000;
    }
    arg->number = n;
    return n >= arg->min && n <= arg->max;
}

int clp_setting_is_off(int argc, const char *const *argv)
{
    return argc == 1 && strcasecmp(argv[0], "off") == 0;
}

const char *clp_setting_arguments(const clp_channel_draft *d, int argc, const char *const *argv,
                                  clp_argument *args, int n)
{
    for (int i = 0; i < n; i++) {
        args[i].number = -1;
        args[i].text = NULL;
    }
    for (int i = 0; i < argc; i++) {
        clp_argument *arg = find_argument(args, n, argv[i]);
        const char *value;

        if (!arg) {
            return apr_pstrcat(d->pool, d->label, ": '", argv[i], "' is none of ",
                               name_arguments(args, n, d->pool), NULL);
        }
        if (arg->number != -1 || arg->text) {
            return apr_pstrcat(d->pool, d->label, ": ", arg->name, "= is said twice", NULL);
        }
        value = argv[i] + strlen(arg->name) + 1;
        if (!read_argument(arg, value)) {
            return apr_pstrcat(d->pool, d->label, ": ", arg->name, "='", value, "' is not ",
                               arg->range, NULL);
        }
    }
    return NULL;
}
