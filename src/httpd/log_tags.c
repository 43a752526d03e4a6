/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include <apr_optional.h>
#include <apr_strings.h>

#include "http_config.h"
#include "http_protocol.h"
#include "mod_log_config.h"

#include "wire/text.h"

/*
 * Values are made from the request's record when a log asks for one, and, once per request, as
 * notes for whoever reads those. They can stand between quotes in a JSON log as they are.
 * Nothing of a prompt, an answer or a key is ever among them.
 */
#define UNKNOWN     "-"
#define NOTE_PREFIX "clp-"

typedef struct tag_source {
    request_rec *r;
    const clp_request *q;
    const clp_outcome *outcome;     /* NULL = no exchange */
    const clp_attempt_record *last; /* NULL = no attempt */
} tag_source;

/* --- values: NULL = unknown -------------------------------------------------------- */

static const char *number(const tag_source *s, apr_int64_t n)
{
    return n >= 0 ? apr_off_t_toa(s->r->pool, n) : NULL;
}

static const char *yes_or_no(int yes)
{
    return yes ? "yes" : "no";
}

static const char *channel(const tag_source *s)
{
    return s->last ? s->last->candidate.channel->name : NULL;
}

static const char *client_protocol(const tag_source *s)
{
    return s->q->route.dialect->name;
}

static const char *upstream_protocol(const tag_source *s)
{
    return s->last ? s->last->candidate.channel->dialect->name : NULL;
}

static const char *model(const tag_source *s)
{
    return s->q->sniffed.model;
}

static const char *upstream_model(const tag_source *s)
{
    return s->last ? s->last->candidate.model : NULL;
}

static const char *key(const tag_source *s)
{
    return s->last && s->last->candidate.key ? s->last->candidate.key->mask : NULL;
}

static const char *attempts(const tag_source *s)
{
    return number(s, s->outcome ? s->outcome->attempts->nelts : 0);
}

static const char *chosen(const tag_source *s)
{
    return s->last ? clp_pick_name(s->last->candidate.pick) : NULL;
}

static const char *hedge(const tag_source *s)
{
    for (int i = 0; s->outcome && i < s->outcome->attempts->nelts; i++) {
        if (APR_ARRAY_IDX(s->outcome->attempts, i, clp_attempt_record).hedge) {
            return s->outcome->winner == i ? "won" : "lost";
        }
    }
    return NULL;
}

static const char *tokens_in(const tag_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.input) : NULL;
}

static const char *tokens_out(const tag_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.output) : NULL;
}

static const char *tokens_cache_read(const tag_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.cache_read) : NULL;
}

static const char *tokens_cache_write(const tag_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.cache_write) : NULL;
}

static const char *tokens_reasoning(const tag_source *s)
{
    return s->outcome ? number(s, s->outcome->usage.reasoning) : NULL;
}

static const char *ttft(const tag_source *s)
{
    return s->outcome && s->outcome->first_event
               ? number(s, apr_time_as_msec(s->outcome->first_event - s->r->request_time))
               : NULL;
}

static const char *duration(const tag_source *s)
{
    apr_time_t end = s->outcome && s->outcome->ended ? s->outcome->ended : apr_time_now();
    return number(s, apr_time_as_msec(end - s->r->request_time));
}

static const char *outcome(const tag_source *s)
{
    return clp_result_word(s->outcome, s->q->counted_by_estimate, clp_request_status(s->r, s->q));
}

static const char *status_upstream(const tag_source *s)
{
    return s->last && s->last->status ? number(s, s->last->status) : NULL;
}

static const char *error(const tag_source *s)
{
    const clp_problem *p = s->outcome && s->outcome->problem ? s->outcome->problem : s->q->problem;
    return p && !s->q->counted_by_estimate ? clp_problem_class_name(p->cls) : NULL;
}

static const char *request_id(const tag_source *s)
{
    return s->outcome && s->outcome->request_id ? s->outcome->request_id : s->q->id;
}

static const char *gateway_id(const tag_source *s)
{
    return s->q->id;
}

static const char *trace_id(const tag_source *s)
{
    return s->q->trace.trace_id;
}

static const char *span_id(const tag_source *s)
{
    const clp_trace *trace = &s->q->trace;
    return trace->span[0] ? trace->span : trace->parent;
}

static const char *user(const tag_source *s)
{
    return s->r->user;
}

static const char *stream(const tag_source *s)
{
    return s->q->sniffed.doc ? yes_or_no(s->q->sniffed.stream) : NULL;
}

static const char *stop(const tag_source *s)
{
    clp_endpoint e = s->q->route.endpoint;
    if (!s->outcome || s->outcome->result != CLP_RESULT_OK ||
        (e != CLP_ENDPOINT_MESSAGES && e != CLP_ENDPOINT_CHAT && e != CLP_ENDPOINT_RESPONSES)) {
        return NULL;
    }
    return clp_stop_name(s->outcome->stop);
}

static const char *tried(const tag_source *s)
{
    return s->outcome ? clp_outcome_tried(s->outcome, s->r->pool) : NULL;
}

static const char *retry_after(const tag_source *s)
{
    return apr_table_get(s->r->headers_out, "Retry-After");
}

static const char *converted(const tag_source *s)
{
    return s->outcome && s->outcome->result == CLP_RESULT_OK ? yes_or_no(s->outcome->converted)
                                                             : NULL;
}

typedef struct tag {
    const char *name;
    const char *note;
    const char *(*value)(const tag_source *s);
} tag;

#define TAG(name, fn)                                                                              \
    {                                                                                              \
        name, NOTE_PREFIX name, fn                                                                 \
    }

static const tag tags[] = {
    TAG("channel", channel),
    TAG("client-protocol", client_protocol),
    TAG("upstream-protocol", upstream_protocol),
    TAG("model", model),
    TAG("upstream-model", upstream_model),
    TAG("key", key),
    TAG("attempts", attempts),
    TAG("tried", tried),
    TAG("chosen", chosen),
    TAG("hedge", hedge),
    TAG("tokens-in", tokens_in),
    TAG("tokens-out", tokens_out),
    TAG("tokens-cache-read", tokens_cache_read),
    TAG("tokens-cache-write", tokens_cache_write),
    TAG("tokens-reasoning", tokens_reasoning),
    TAG("ttft", ttft),
    TAG("duration", duration),
    TAG("outcome", outcome),
    TAG("status-upstream", status_upstream),
    TAG("error", error),
    TAG("retry-after", retry_after),
    TAG("request-id", request_id),
    TAG("gateway-id", gateway_id),
    TAG("trace-id", trace_id),
    TAG("span-id", span_id),
    TAG("user", user),
    TAG("stream", stream),
    TAG("stop", stop),
    TAG("converted", converted),
};

#define TAGS (sizeof(tags) / sizeof(tags[0]))

/* --- what httpd asks ----------------------------------------------------------------- */

/* The request's record; an ErrorDocument's request stands for the one it tells of. */
static int find_source(tag_source *s, request_rec *r)
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

/* Fit to stand between the quotes of a JSON string. */
static const char *safe(const char *value, apr_pool_t *pool)
{
    clp_buffer *out;
    const unsigned char *p = (const unsigned char *)value;

    while (*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\') {
        p++;
    }
    if (!*p) {
        return value;
    }
    out = clp_buffer_make(pool, 0);
    clp_text_escape(out, clp_span_str(value), 1);
    return clp_buffer_cstr(out, pool);
}

static const tag *tag_named(const char *name, apr_size_t n)
{
    for (apr_size_t i = 0; i < TAGS; i++) {
        if (strlen(tags[i].name) == n && !memcmp(tags[i].name, name, n)) {
            return &tags[i];
        }
    }
    return NULL;
}

/* %{NAME}^CL, or %{NAME|OTHERWISE}^CL for another word than "-" when nothing is known. */
static const char *log_tag(request_rec *r, char *argument)
{
    const char *bar = ap_strchr_c(argument, '|');
    const tag *t = tag_named(argument, bar ? (apr_size_t)(bar - argument) : strlen(argument));
    const char *value = NULL;
    tag_source s;

    if (t && find_source(&s, r)) {
        value = t->value(&s);
    }
    return value && *value ? safe(value, r->pool) : bar ? bar + 1 : UNKNOWN;
}

/* Before mod_log_config writes its lines. */
static int set_notes(request_rec *r)
{
    request_rec *last = r;
    tag_source s;

    while (last->next) {
        last = last->next;
    }
    if (!find_source(&s, last)) {
        return DECLINED;
    }
    for (apr_size_t i = 0; i < TAGS; i++) {
        const char *value = tags[i].value(&s);
        if (value && *value) {
            /* Runs once a request, and these names begin alike: setn would compare each
             * with all before it. */
            apr_table_addn(last->notes, tags[i].note, safe(value, r->pool));
        }
    }
    return DECLINED;
}

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    APR_OPTIONAL_FN_TYPE(ap_register_log_handler) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_register_log_handler);
    static char name[] = "^CL";

    (void)plog;
    (void)ptemp;
    if (add) {
        add(pconf, name, log_tag, 0);
    }
    return OK;
}

void clp_log_tags_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(set_notes, NULL, NULL, APR_HOOK_FIRST);
}
