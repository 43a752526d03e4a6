/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/cooldown.h"

/* Three times of this many bits, in seconds, make a packed policy. */
#define BITS 21
#define MASK (((apr_uint64_t)1 << BITS) - 1)

clp_cooldown_policy clp_cooldown_policy_default(void)
{
    clp_cooldown_policy policy = {
        .assumed = apr_time_from_sec(5 * 60),
        .repeated = apr_time_from_sec(10 * 60),
        .max = apr_time_from_sec(24 * 3600),
    };
    return policy;
}

apr_uint64_t clp_cooldown_pack(const clp_cooldown_policy *policy)
{
    return (apr_uint64_t)apr_time_sec(policy->assumed) |
           (apr_uint64_t)apr_time_sec(policy->repeated) << BITS |
           (apr_uint64_t)apr_time_sec(policy->max) << 2 * BITS;
}

clp_cooldown_policy clp_cooldown_unpack(apr_uint64_t word)
{
    clp_cooldown_policy policy = {
        .assumed = apr_time_from_sec((apr_int64_t)(word & MASK)),
        .repeated = apr_time_from_sec((apr_int64_t)(word >> BITS & MASK)),
        .max = apr_time_from_sec((apr_int64_t)(word >> 2 * BITS & MASK)),
    };
    return policy;
}
