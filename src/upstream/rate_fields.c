/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/rate_fields.h"

#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "wire/instant.h"

static const char *const kinds[] = {"requests", "tokens"};
static const char *const counts[] = {"limit", "remaining"};

#define EACH(i, list) (apr_size_t i = 0; i < sizeof(list) / sizeof((list)[0]); i++)

static const char *anthropic_name(const char *kind, const char *what, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "anthropic-ratelimit-", kind, "-", what, NULL);
}

static const char *openai_name(const char *kind, const char *what, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "x-ratelimit-", what, "-", kind, NULL);
}

static apr_int64_t seconds_up(apr_interval_time_t t)
{
    return t <= 0 ? 0 : (t + APR_USEC_PER_SEC - 1) / APR_USEC_PER_SEC;
}

/* "1h2m3.5s", "20ms", "6m0s"; -1 = unreadable. */
static apr_interval_time_t parse_duration(const char *s)
{
    static const struct {
        const char *unit;
        double microseconds;
    } units[] = {{"ms", 1e3}, {"h", 3600e6}, {"m", 60e6}, {"s", 1e6}};
    double total = 0;

    if (!*s) {
        return -1;
    }
    while (*s) {
        char *end;
        double n = strtod(s, &end);
        apr_size_t i = 0;
        if (end == s || !apr_isdigit(*s)) {
            return -1;
        }
        while (i < 4 && strncmp(end, units[i].unit, strlen(units[i].unit)) != 0) {
            i++;
        }
        if (i == 4) {
            return -1;
        }
        total += n * units[i].microseconds;
        s = end + strlen(units[i].unit);
    }
    return total < 1e15 ? (apr_interval_time_t)total : -1;
}

static void copy_count(apr_table_t *to, const char *to_name, const apr_table_t *from,
                       const char *from_name)
{
    const char *v = apr_table_get(from, from_name);
    if (v) {
        apr_table_set(to, to_name, v);
    }
}

void clp_rate_fields_to_openai(apr_table_t *to, const apr_table_t *from, apr_time_t now)
{
    apr_pool_t *pool = apr_table_elts(to)->pool;
    for
        EACH(k, kinds)
        {
            const char *reset;
            apr_time_t at;
        for
            EACH(c, counts)
            {
                copy_count(to, openai_name(kinds[k], counts[c], pool), from,
                           anthropic_name(kinds[k], counts[c], pool));
            }
        reset = apr_table_get(from, anthropic_name(kinds[k], "reset", pool));
        if (reset && clp_instant_parse(reset, &at)) {
            apr_int64_t s = seconds_up(at - now);
            apr_table_setn(
                to, openai_name(kinds[k], "reset", pool),
                s < 60 ? apr_psprintf(pool, "%ds", (int)s)
                       : apr_psprintf(pool, "%" APR_INT64_T_FMT "m%ds", s / 60, (int)(s % 60)));
        }
        }
}

void clp_rate_fields_to_anthropic(apr_table_t *to, const apr_table_t *from, apr_time_t now)
{
    apr_pool_t *pool = apr_table_elts(to)->pool;
    for
        EACH(k, kinds)
        {
            const char *reset;
            apr_interval_time_t in;
        for
            EACH(c, counts)
            {
                copy_count(to, anthropic_name(kinds[k], counts[c], pool), from,
                           openai_name(kinds[k], counts[c], pool));
            }
        reset = apr_table_get(from, openai_name(kinds[k], "reset", pool));
        if (reset && (in = parse_duration(reset)) >= 0) {
            apr_table_setn(to, anthropic_name(kinds[k], "reset", pool),
                           clp_instant_text(apr_time_from_sec(seconds_up(now + in)), pool));
        }
        }
}
