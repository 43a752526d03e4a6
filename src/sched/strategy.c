/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/strategy.h"

#include <strings.h>

static const char *const names[] = {
    [CLP_STRATEGY_FAILOVER] = "failover",     [CLP_STRATEGY_ROUND_ROBIN] = "round-robin",
    [CLP_STRATEGY_RANDOM] = "random",         [CLP_STRATEGY_WEIGHTED] = "weighted",
    [CLP_STRATEGY_LEAST_BUSY] = "least-busy", [CLP_STRATEGY_LOWEST_LATENCY] = "lowest-latency",
};

#define NAMES ((int)(sizeof(names) / sizeof(names[0])))

const char *clp_strategy_name(clp_strategy s)
{
    return names[s];
}

int clp_strategy_parse(const char *name, clp_strategy *out)
{
    for (int i = 0; i < NAMES; i++) {
        if (!strcasecmp(name, names[i])) {
            *out = (clp_strategy)i;
            return 1;
        }
    }
    return 0;
}
