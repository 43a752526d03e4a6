/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/explanation.h"

#include "visit.h"

static clp_explanation explain(clp_visit *v, clp_visitor *by, clp_option *o)
{
    clp_explanation e = {o->channel, clp_selection_pick(by->selection, o, by->query),
                         CLP_OBSTACLE_NONE, 0};
    by->obstacle = CLP_OBSTACLE_NONE;
    clp_visit_begin_ranked(v, o);
    if (clp_visit_next(v, by, clp_visitor_now(by))) {
        return e;
    }
    if (o->assumed_end) {
        e.obstacle = CLP_OBSTACLE_ASSUMED;
        e.until = o->assumed_end;
    }
    else if (o->tripped) {
        e.obstacle = CLP_OBSTACLE_TRIPPED;
        e.until = (apr_time_t)clp_word_get(&o->tripped->open_until);
    }
    else {
        e.obstacle = by->obstacle;
        e.until = by->until;
    }
    return e;
}

apr_array_header_t *clp_plan_explain(const clp_channel_set *set, const clp_plan_query *query,
                                     apr_pool_t *pool)
{
    apr_array_header_t *out = apr_array_make(pool, 8, sizeof(clp_explanation));
    clp_selection selection;
    clp_visitor visitor;
    clp_visit visit;

    clp_visitor_init(&visitor, &selection, set, query, 1, pool);
    clp_visit_init(&visit, &selection, pool);
    for (int i = 0; i < selection.n; i++) {
        APR_ARRAY_PUSH(out, clp_explanation) = explain(&visit, &visitor, &selection.options[i]);
    }
    for (int i = 0; set && set->channels && i < set->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(set->channels, i, const clp_channel *);
        clp_obstacle o = clp_selection_excludes(c, query);
        if (o != CLP_OBSTACLE_NONE) {
            clp_explanation e = {c, CLP_PICK_PRIORITY, o, 0};
            APR_ARRAY_PUSH(out, clp_explanation) = e;
        }
    }
    return out;
}

const char *clp_obstacle_name(clp_obstacle o)
{
    switch (o) {
    case CLP_OBSTACLE_NONE: return "none";
    case CLP_OBSTACLE_STATUS: return "status";
    case CLP_OBSTACLE_EMPTY: return "empty";
    case CLP_OBSTACLE_MODEL: return "model";
    case CLP_OBSTACLE_PROTOCOL: return "protocol";
    case CLP_OBSTACLE_PIN: return "pin";
    case CLP_OBSTACLE_ASSUMED: return "assumed";
    case CLP_OBSTACLE_TRIPPED: return "tripped";
    case CLP_OBSTACLE_PROBED: return "probed";
    case CLP_OBSTACLE_KEYS: return "keys";
    case CLP_OBSTACLE_BUSY: return "busy";
    case CLP_OBSTACLE_FULL: return "full";
    }
    return "unknown";
}
