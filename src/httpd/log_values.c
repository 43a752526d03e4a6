/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "log_values.h"

#include <apr_strings.h>

#define NOTE_PREFIX "clp-"

static const char *number(const clp_log_source *s, apr_int64_t n)
{
    return n >= 0 ? apr_off_t_toa(s->r->pool, n) : NULL;
}

static const char *yes_or_no(int yes)
{
    return yes ? "yes" : "no";
}

static const char *channel(const clp_log_source *s)
{
    return s->last ? s->last->candidate.channel->name : NULL;
}

static const char *client_protocol(const clp_log_source *s)
{
    return s->q->route.dialect->name;
}

static const char *upstream_protocol(const clp_log_source *s)
{
    return s->last ? s->last->candidate.channel->dialect->name : NULL;
}

static const char *model(const clp_log_source *s)
{
    return s->q->sniffed.model;
}

static const char *upstream_model(const clp_log_source *s)
{
    return s->last ? s->last->candidate.model : NULL;
}

static const char *key(const clp_log_source *s)
{
    return s->last && s->last->candidate.key ? s->last->candidate.key->mask : NULL;
}

static const char *attempts(const clp_log_source *s)
{
    return number(s, s->outcome ? s->outcome->attempts->nelts : 0);
}

static const char *chosen(const clp_log_source *s)
{
    return s->last ? clp_pick_name(s->last->candidate.pick) : NULL;
}

static const char *hedge(const clp_log_source *s)
{
    for (int i = 0; s->outcome && i < s->outcome->attempts->nelts; i++) {
        if (APR_ARRAY_IDX(s->outcome->attempts, i, clp_attempt_record).hedge) {
            return s->outcome->winner == i ? "won" : "lost";
        }
    }
    return NULL;
}

static const char *tokens_in(const clp_log_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.input) : NULL;
}

static const char *tokens_out(const clp_log_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.output) : NULL;
}

static const char *tokens_cache_read(const clp_log_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.cache_read) : NULL;
}

static const char *tokens_cache_write(const clp_log_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.cache_write) : NULL;
}

static const char *tokens_reasoning(const clp_log_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.reasoning) : NULL;
}

static const char *ttft(const clp_log_source *s)
{
    return s->outcome && s->outcome->first_event
               ? number(s, apr_time_as_msec(s->outcome->first_event - s->r->request_time))
               : NULL;
}

static const char *duration(const clp_log_source *s)
{
    apr_time_t end = s->outcome && s->outcome->ended ? s->outcome->ended : apr_time_now();
    return number(s, apr_time_as_msec(end - s->r->request_time));
}

static const char *outcome(const clp_log_source *s)
{
    return clp_result_word(s->outcome, s->q->counted_by_estimate, clp_request_status(s->r, s->q));
}

static const char *status_upstream(const clp_log_source *s)
{
    return s->last && s->last->status ? number(s, s->last->status) : NULL;
}

static const char *error(const clp_log_source *s)
{
    const clp_problem *p = s->outcome && s->outcome->problem ? s->outcome->problem : s->q->problem;
    return p && !s->q->counted_by_estimate ? clp_problem_class_name(p->cls) : NULL;
}

static const char *request_id(const clp_log_source *s)
{
    return s->outcome && s->outcome->request_id ? s->outcome->request_id : s->q->id;
}

static const char *gateway_id(const clp_log_source *s)
{
    return s->q->id;
}

static const char *trace_id(const clp_log_source *s)
{
    return s->q->trace.trace_id;
}

static const char *span_id(const clp_log_source *s)
{
    const clp_trace *trace = &s->q->trace;
    return trace->span[0] ? trace->span : trace->parent;
}

static const char *user(const clp_log_source *s)
{
    return s->r->user;
}

static const char *stream(const clp_log_source *s)
{
    return s->q->sniffed.doc ? yes_or_no(s->q->sniffed.stream) : NULL;
}

static const char *stop(const clp_log_source *s)
{
    clp_endpoint e = s->q->route.endpoint;
    if (!s->outcome || s->outcome->result != CLP_RESULT_OK ||
        (e != CLP_ENDPOINT_MESSAGES && e != CLP_ENDPOINT_CHAT && e != CLP_ENDPOINT_RESPONSES)) {
        return NULL;
    }
    return clp_stop_name(s->outcome->stop);
}

static const char *tried(const clp_log_source *s)
{
    return s->outcome ? clp_outcome_tried(s->outcome, s->r->pool) : NULL;
}

static const char *retry_after(const clp_log_source *s)
{
    return apr_table_get(s->r->headers_out, "Retry-After");
}

static const char *converted(const clp_log_source *s)
{
    return s->outcome && s->outcome->result == CLP_RESULT_OK ? yes_or_no(s->outcome->converted)
                                                             : NULL;
}

#define VALUE(name, fn)                                                                            \
    {                                                                                              \
        name, NOTE_PREFIX name, fn                                                                 \
    }

const clp_log_value clp_log_values[] = {
    VALUE("channel", channel),
    VALUE("client-protocol", client_protocol),
    VALUE("upstream-protocol", upstream_protocol),
    VALUE("model", model),
    VALUE("upstream-model", upstream_model),
    VALUE("key", key),
    VALUE("attempts", attempts),
    VALUE("tried", tried),
    VALUE("chosen", chosen),
    VALUE("hedge", hedge),
    VALUE("tokens-in", tokens_in),
    VALUE("tokens-out", tokens_out),
    VALUE("tokens-cache-read", tokens_cache_read),
    VALUE("tokens-cache-write", tokens_cache_write),
    VALUE("tokens-reasoning", tokens_reasoning),
    VALUE("ttft", ttft),
    VALUE("duration", duration),
    VALUE("outcome", outcome),
    VALUE("status-upstream", status_upstream),
    VALUE("error", error),
    VALUE("retry-after", retry_after),
    VALUE("request-id", request_id),
    VALUE("gateway-id", gateway_id),
    VALUE("trace-id", trace_id),
    VALUE("span-id", span_id),
    VALUE("user", user),
    VALUE("stream", stream),
    VALUE("stop", stop),
    VALUE("converted", converted),
    {NULL, NULL, NULL},
};

int clp_log_source_find(clp_log_source *s, request_rec *r)
{
    while (r && !(s->q = clp_request_of(r))) {
        r = r->prev;
    }
    if (!r) {
        return 0;
    }
    s->r = r;
    s->outcome = s->q->outcome;
    s->last = s->outcome ? clp_outcome_last(s->outcome) : NULL;
    return 1;
}
