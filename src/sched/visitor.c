/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "visitor.h"

#include <string.h>

void clp_visitor_init(clp_visitor *by, clp_selection *selection, const clp_channel_set *set,
                      const clp_plan_query *query, int peek, apr_pool_t *pool)
{
    apr_uint64_t random = query->random;
    apr_time_t now;

    memset(by, 0, sizeof(*by));
    by->query = query;
    by->selection = selection;
    by->pool = pool;
    by->peek = peek;
    now = clp_visitor_now(by);
    if (!random) {
        random = clp_selection_mix((apr_uint64_t)now ^ (apr_uint64_t)(apr_size_t)pool);
    }
    clp_selection_make(selection, set, query, now, peek, random, pool);
    by->random = clp_selection_mix(random);
}

apr_time_t clp_visitor_now(const clp_visitor *by)
{
    return by->query->now ? by->query->now() : apr_time_now();
}

void clp_visitor_note(clp_visitor *by, clp_obstacle obstacle, apr_time_t until)
{
    if (!by->obstacle || until < by->until) {
        by->obstacle = obstacle;
        by->until = until;
    }
}
