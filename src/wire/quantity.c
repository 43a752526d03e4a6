/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/quantity.h"

#include <strings.h>

#include <apr_strings.h>

/** A word that may follow the number, and what it multiplies by. */
typedef struct unit {
    const char *name;
    apr_int64_t factor;
} unit;

static const unit no_units[] = {{"", 1}, {NULL, 0}};

static const unit size_units[] = {
    {"", 1}, {"k", 1024}, {"m", 1024 * 1024}, {"g", 1024 * 1024 * 1024}, {NULL, 0},
};

static const unit time_units[] = {
    {"", 1000},     {"ms", 1},          {"s", 1000},         {"m", 60 * 1000},
    {"min", 60000}, {"h", 3600 * 1000}, {"d", 86400 * 1000}, {NULL, 0},
};

static int parse_with(const unit *units, const char *text, apr_int64_t *out)
{
    apr_int64_t n = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++) {
        if (n > (APR_INT64_MAX - 9) / 10) {
            return 0;
        }
        n = n * 10 + (*p - '0');
    }
    if (p == text) {
        return 0;
    }
    for (const unit *u = units; u->name; u++) {
        if (strcasecmp(u->name, p) == 0) {
            if (n > APR_INT64_MAX / u->factor) {
                return 0;
            }
            *out = n * u->factor;
            return 1;
        }
    }
    return 0;
}

int clp_count_parse(const char *text, apr_int64_t *out)
{
    return parse_with(no_units, text, out);
}

int clp_size_parse(const char *text, apr_int64_t *out)
{
    return parse_with(size_units, text, out);
}

int clp_time_parse(const char *text, apr_int64_t *out)
{
    return parse_with(time_units, text, out);
}

const char *clp_time_show(apr_int64_t ms, apr_pool_t *pool)
{
    static const unit shown[] = {{"d", 86400 * 1000}, {"h", 3600 * 1000}, {"min", 60 * 1000},
                                 {"s", 1000},         {"ms", 1},          {NULL, 0}};
    const unit *u = shown;

    if (ms == 0) {
        return "0";
    }
    while (ms % u->factor) {
        u++;
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT "%s", ms / u->factor, u->name);
}
