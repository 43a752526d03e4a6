/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/breaker.h"

/* Where the members lie in a packed policy: bits. */
enum {
    AT_ON = 0,
    AT_WINDOW = 1,
    AT_MIN = 7,
    AT_PERCENT = 13,
    AT_OPEN = 20,
    AT_PROBE = 40,
    BITS_COUNT = 6,
    BITS_PERCENT = 7,
    BITS_TIME = 20
};

clp_breaker_policy clp_breaker_policy_default(void)
{
    clp_breaker_policy policy = {
        .on = 1,
        .window = 10,
        .min = 5,
        .percent = 50,
        .open = apr_time_from_sec(15 * 60),
        .probe = apr_time_from_sec(2 * 60),
    };
    return policy;
}

apr_uint64_t clp_breaker_pack(const clp_breaker_policy *policy)
{
    return (apr_uint64_t)(policy->on != 0) << AT_ON | (apr_uint64_t)policy->window << AT_WINDOW |
           (apr_uint64_t)policy->min << AT_MIN | (apr_uint64_t)policy->percent << AT_PERCENT |
           (apr_uint64_t)apr_time_sec(policy->open) << AT_OPEN |
           (apr_uint64_t)apr_time_sec(policy->probe) << AT_PROBE;
}

static int bits(apr_uint64_t word, int at, int n)
{
    return (int)(word >> at & ((1u << n) - 1));
}

clp_breaker_policy clp_breaker_unpack(apr_uint64_t word)
{
    clp_breaker_policy policy = {
        .on = bits(word, AT_ON, 1),
        .window = bits(word, AT_WINDOW, BITS_COUNT),
        .min = bits(word, AT_MIN, BITS_COUNT),
        .percent = bits(word, AT_PERCENT, BITS_PERCENT),
        .open = apr_time_from_sec(bits(word, AT_OPEN, BITS_TIME)),
        .probe = apr_time_from_sec(bits(word, AT_PROBE, BITS_TIME)),
    };
    return policy;
}
