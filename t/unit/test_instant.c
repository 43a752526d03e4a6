/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/instant.h"

#include "tap.h"

#define NOON APR_INT64_C(1795435200) /* 2026-11-23T12:00:00Z */

static const struct {
    const char *text;
    apr_int64_t microseconds; /* since NOON */
} instants[] = {
    {"2026-11-23T12:00:00Z", 0},
    {"2026-11-23t12:00:00z", 0},
    {"2026-11-23 12:00:00Z", 0},
    {"2026-11-23T12:00:01.25Z", 1250000},
    {"2026-11-23T12:00:00.0000019Z", 1},
    {"2026-11-23T13:30:00+01:30", 0},
    {"2026-11-23T04:00:00-08:00", 0},
    {"2026-11-23T11:59:60Z", 0},
    {"2026-11-22T12:00:00Z", -86400 * APR_INT64_C(1000000)},
};

static const char *const none[] = {
    "",
    "2026-11-23",
    "2026-11-23T12:00:00",
    "2026-11-23T12:00Z",
    "2026-11-23T12:00:00.Z",
    "2026-11-23T12:00:00Zulu",
    "2026-11-23T12:00:00+0100",
    "2026-11-23T12:00:00+24:00",
    "2026-11-23T12:00:00+01:60",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T12:60:00Z",
    "2026-11-23T12:00:61Z",
    "26-11-23T12:00:00Z",
    " 2026-11-23T12:00:00Z",
    "2026/11/23T12:00:00Z",
};

int main(void)
{
    apr_pool_t *pool = tap_begin();
    apr_time_t got = 0;

    for (apr_size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
        OK(clp_instant_parse(instants[i].text, &got), "'%s' is one", instants[i].text);
        IS_INT(got - apr_time_from_sec(NOON), instants[i].microseconds, instants[i].text);
    }
    got = 7;
    for (apr_size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        OK(!clp_instant_parse(none[i], &got) && got == 7, "'%s' is none", none[i]);
    }
    OK(clp_instant_parse("2028-02-29T00:00:00Z", &got), "a leap day");
    IS_STR(clp_instant_text(got, pool), "2028-02-29T00:00:00Z", "and back");
    IS_STR(clp_instant_text(apr_time_from_sec(NOON) + 999999, pool), "2026-11-23T12:00:00Z",
           "parts of a second are cut off");
    return tap_end();
}
