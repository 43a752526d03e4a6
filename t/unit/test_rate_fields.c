/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <apr_strings.h>

#include "tap.h"
#include "upstream/rate_fields.h"

/* 2026-11-23T10:00:00Z */
#define NOW apr_time_from_sec(APR_INT64_C(1795428000))

static const struct {
    int to_openai;
    const char *from_name;
    const char *from_value;
    const char *to_name;
    const char *to_value; /* NULL = left out */
    const char *why;
} cases[] = {
    {1, "anthropic-ratelimit-requests-limit", "50", "x-ratelimit-limit-requests", "50", "count"},
    {1, "anthropic-ratelimit-tokens-remaining", "7", "x-ratelimit-remaining-tokens", "7", "count"},
    {1, "anthropic-ratelimit-input-tokens-limit", "9", "x-ratelimit-limit-tokens", NULL,
     "input tokens have no equal"},
    {1, "anthropic-ratelimit-tokens-reset", "2026-11-23T10:00:09Z", "x-ratelimit-reset-tokens",
     "9s", "instant to duration"},
    {1, "anthropic-ratelimit-tokens-reset", "2026-11-23T12:06:00+02:00", "x-ratelimit-reset-tokens",
     "6m0s", "instant with an offset"},
    {1, "anthropic-ratelimit-tokens-reset", "2026-11-23T09:59:00.5Z", "x-ratelimit-reset-tokens",
     "0s", "an instant in the past"},
    {1, "anthropic-ratelimit-tokens-reset", "soon", "x-ratelimit-reset-tokens", NULL,
     "unreadable instant"},
    {1, "anthropic-ratelimit-tokens-reset", "2026-13-23T10:00:09Z", "x-ratelimit-reset-tokens",
     NULL, "no such month"},
    {0, "x-ratelimit-limit-requests", "50", "anthropic-ratelimit-requests-limit", "50", "count"},
    {0, "x-ratelimit-reset-requests", "6m0s", "anthropic-ratelimit-requests-reset",
     "2026-11-23T10:06:00Z", "duration to instant"},
    {0, "x-ratelimit-reset-requests", "20ms", "anthropic-ratelimit-requests-reset",
     "2026-11-23T10:00:01Z", "milliseconds round up"},
    {0, "x-ratelimit-reset-requests", "1h0m1.5s", "anthropic-ratelimit-requests-reset",
     "2026-11-23T11:00:02Z", "fractions round up"},
    {0, "x-ratelimit-reset-requests", "7", "anthropic-ratelimit-requests-reset", NULL,
     "a number without a unit"},
    {0, "x-ratelimit-reset-requests", "-3s", "anthropic-ratelimit-requests-reset", NULL,
     "a negative duration"},
};

int main(void)
{
    apr_pool_t *pool = tap_begin();
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_table_t *from = apr_table_make(pool, 2);
        apr_table_t *to = apr_table_make(pool, 2);
        apr_table_setn(from, cases[i].from_name, cases[i].from_value);
        (cases[i].to_openai ? clp_rate_fields_to_openai : clp_rate_fields_to_anthropic)(to, from,
                                                                                        NOW);
        IS_STR(apr_table_get(to, cases[i].to_name), cases[i].to_value, cases[i].why);
    }
    return tap_end();
}
