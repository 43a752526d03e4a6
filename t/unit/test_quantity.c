/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/quantity.h"

#include "tap.h"

typedef int (*parse_fn)(const char *text, apr_int64_t *out);

static void gives(parse_fn parse, const char *text, apr_int64_t want)
{
    apr_int64_t got = -7;

    OK(parse(text, &got), "'%s' is one", text);
    IS_INT(got, want, text);
}

static void refuses(parse_fn parse, const char *text)
{
    apr_int64_t got = -7;

    OK(!parse(text, &got) && got == -7, "'%s' is none, and nothing is stored", text);
}

int main(void)
{
    static const char *const none[] = {"",    "k",   "-1", "+1", " 1",  "1 ",  "1.5", "0x10",
                                       "1kb", "1ss", "1,", "１", "1k ", "ten", NULL};

    tap_begin();
    gives(clp_count_parse, "0", 0);
    gives(clp_count_parse, "0042", 42);
    gives(clp_count_parse, "9223372036854775799", APR_INT64_MAX - 8);
    refuses(clp_count_parse, "9223372036854775808");
    refuses(clp_count_parse, "99999999999999999999");
    refuses(clp_count_parse, "1k");

    gives(clp_size_parse, "512", 512);
    gives(clp_size_parse, "20k", 20480);
    gives(clp_size_parse, "32M", 33554432);
    gives(clp_size_parse, "2g", APR_INT64_C(2147483648));
    refuses(clp_size_parse, "9223372036854775g");
    refuses(clp_size_parse, "1s");

    gives(clp_time_parse, "10", 10000);
    gives(clp_time_parse, "500ms", 500);
    gives(clp_time_parse, "10s", 10000);
    gives(clp_time_parse, "2m", 120000);
    gives(clp_time_parse, "2MIN", 120000);
    gives(clp_time_parse, "3h", 10800000);
    gives(clp_time_parse, "1d", 86400000);
    refuses(clp_time_parse, "9223372036854775d");

    for (int i = 0; none[i]; i++) {
        refuses(clp_count_parse, none[i]);
        refuses(clp_size_parse, none[i]);
        refuses(clp_time_parse, none[i]);
    }
    return tap_end();
}
