/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "refusal.h"

#include "wire/text.h"

/* Names in messages are cut here; they come from the client. */
#define NAME_MAX_SHOWN 200

clp_problem *clp_refusal_make(const clp_selection *s, const clp_channel_set *set,
                              const clp_plan_query *q, apr_pool_t *pool)
{
    clp_problem *p;
    if (!s->active) {
        p = clp_problem_make(pool, CLP_OVERLOADED,
                             "no upstream channel is configured and active on this gateway; "
                             "its operator has to add or enable one");
        return clp_problem_because(p, pool, "channel set %s has no active channel with a URL%s",
                                   set && set->name ? set->name : "(none)", " and a key");
    }
    if (!s->serving) {
        clp_span shown = clp_utf8_cut(clp_span_str(q->model), NAME_MAX_SHOWN);
        p = clp_problem_make(pool, CLP_NOT_FOUND,
                             "model: %.*s is not served here; ask /v1/models for those that are",
                             (int)shown.n, shown.p);
        p->param = "model";
        p->code = "model_not_found";
        return p;
    }
    if (q->pin_channel) {
        p = clp_problem_make(pool, CLP_NOT_FOUND,
                             "what this request continues is not available here any more; start "
                             "it anew with the whole conversation");
        p->code = "thread_not_found";
        p->details = CLP_SPAN_LIT("{\"error_code\":\"thread_not_found\"}");
        return clp_problem_because(p, pool, "pinned to channel %s%s%s, which is not usable now",
                                   q->pin_channel, q->pin_key ? ", key " : "",
                                   q->pin_key ? q->pin_key : "");
    }
    p = clp_problem_make(pool, CLP_BAD_REQUEST,
                         "thread: message threads are not supported by the upstreams that serve "
                         "this model; send the whole conversation without thread");
    p->param = "thread";
    p->code = "thread_unsupported_request";
    p->details = CLP_SPAN_LIT(
        "{\"error_code\":\"thread_unsupported_request\",\"unsupported\":[\"thread\"]}");
    return p;
}

/* What the client is told of a channel that cannot be asked now, and as which kind of problem. */
static const struct {
    clp_problem_class cls;
    const char *text;
    const char *cause;
} waits[] = {
    [CLP_OBSTACLE_KEYS] = {CLP_RATE_LIMITED,
                           "the limits of the upstreams that serve this model are used up",
                           "all keys rest as their providers told"},
    [CLP_OBSTACLE_BUSY] = {CLP_OVERLOADED, "the upstreams that serve this model are overloaded",
                           "all channels rest as their providers told"},
    [CLP_OBSTACLE_FULL] = {CLP_RATE_LIMITED,
                           "this gateway has as many requests for this model as it may have",
                           "ChannelLimit or ChannelKeyLimit is reached everywhere"},
    [CLP_OBSTACLE_PROBED] = {CLP_OVERLOADED,
                             "the upstreams that serve this model are failing and being probed",
                             "all circuits are open, and another request probes"},
};

clp_problem *clp_refusal_wait(clp_obstacle obstacle, apr_time_t until, apr_time_t now,
                              apr_pool_t *pool)
{
    apr_int64_t ms = apr_time_as_msec(until - now);
    clp_problem *p;
    if (ms < 1000) {
        ms = 1000;
    }
    p = clp_problem_make(pool, waits[obstacle].cls, "%s; try again in %d s", waits[obstacle].text,
                         (int)((ms + 999) / 1000));
    p->retry_after_ms = ms;
    return clp_problem_because(p, pool, "%s", waits[obstacle].cause);
}
