/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/trace_spans.h"

#include <string.h>

#include <apr_uri.h>

#include "wire/text.h"

#define PUT(member, text) clp_utf8_put(member, sizeof(member), text)

static unsigned char digit(char c)
{
    return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Lower-case hex; "" leaves zeroes. */
static void put_id(unsigned char *to, apr_size_t n, const char *hex)
{
    for (apr_size_t i = 0; i < n && hex[2 * i]; i++) {
        to[i] = (unsigned char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    }
}

/* As the conventions spell it: what the prompt has, wherever it was read from. */
static apr_int64_t all_input(const clp_usage *u)
{
    if (u->input < 0) {
        return -1;
    }
    return u->input + (u->cache_read > 0 ? u->cache_read : 0) +
           (u->cache_write > 0 ? u->cache_write : 0);
}

static void put_usage(clp_span_record *to, const clp_usage *u)
{
    to->tokens_in = all_input(u);
    to->tokens_out = u->output;
    to->cache_read = u->cache_read;
    to->cache_write = u->cache_write;
    to->reasoning = u->reasoning;
}

/* By what is spoken there: who stands behind a URL is not known. */
static const char *provider_of(const clp_dialect *dialect)
{
    return dialect == &clp_dialect_messages ? "anthropic"
           : dialect == &clp_dialect_gemini ? "gcp.gemini"
                                            : "openai";
}

static const char *finish_of(clp_stop stop)
{
    switch (stop) {
    case CLP_STOP_LENGTH:
    case CLP_STOP_WINDOW: return "length";
    case CLP_STOP_TOOL: return "tool_call";
    case CLP_STOP_FILTER: return "content_filter";
    case CLP_STOP_PAUSE: return "pause";
    default: return "stop";
    }
}

/* Of a URL only host and port: a path may hold a key. */
static void put_upstream(clp_span_record *to, const clp_candidate *candidate)
{
    apr_pool_t *pool;
    apr_uri_t uri;

    apr_pool_create_unmanaged(&pool);
    if (apr_uri_parse(pool, candidate->url, &uri) == APR_SUCCESS) {
        PUT(to->host, uri.hostname);
        to->port = uri.port ? uri.port : apr_uri_port_of_scheme(uri.scheme);
    }
    apr_pool_destroy(pool);
    PUT(to->channel, candidate->channel->name);
    PUT(to->provider, provider_of(candidate->channel->dialect));
    PUT(to->upstream_model, candidate->model);
    PUT(to->pick, clp_pick_name(candidate->pick));
}

static void begin(clp_span_record *to, const clp_traced_request *r)
{
    memset(to, 0, sizeof(*to));
    put_id(to->trace_id, sizeof(to->trace_id), r->trace->trace_id);
    put_usage(to, &CLP_USAGE_NONE);
    PUT(to->method, r->method);
    PUT(to->request_id, r->ended.id);
}

static void put_outcome(clp_span_record *to, const clp_outcome *o)
{
    const clp_attempt_record *last = clp_outcome_last(o);

    to->attempts = (apr_uint16_t)o->attempts->nelts;
    to->first_token = o->first_event;
    to->failed = clp_booked_failed(o->booked) != 0;
    put_usage(to, &o->usage);
    PUT(to->error, clp_failure_name(o->problem, o->booked));
    if (o->result == CLP_RESULT_OK) {
        PUT(to->finish, finish_of(o->stop));
    }
    if (last) {
        put_upstream(to, &last->candidate);
    }
}

static void request_span(clp_span_record *to, const clp_traced_request *r)
{
    begin(to, r);
    to->kind = CLP_SPAN_REQUEST;
    put_id(to->span_id, sizeof(to->span_id), r->trace->span);
    put_id(to->parent_id, sizeof(to->parent_id), r->trace->parent);
    to->remote = r->trace->parent[0] != '\0';
    to->start = r->ended.start;
    to->end = r->ended.end;
    to->status = (apr_uint16_t)r->ended.status;
    to->stream = r->ended.stream > 0;
    PUT(to->operation, r->ended.operation);
    PUT(to->protocol, r->ended.client->name);
    PUT(to->provider, provider_of(r->ended.client));
    PUT(to->model, r->ended.model);
    if (r->ended.outcome) {
        put_outcome(to, r->ended.outcome);
    }
    else {
        to->failed = r->ended.status >= 500;
        PUT(to->error, clp_failure_name(r->ended.problem, CLP_BOOKED_SUCCESS));
    }
}

static void attempt_span(clp_span_record *to, const clp_traced_request *r,
                         const clp_attempt_record *a, int number)
{
    char id[CLP_SPAN_ID_HEX + 1];

    begin(to, r);
    to->kind = CLP_SPAN_ATTEMPT;
    clp_trace_attempt(r->trace, number, id);
    put_id(to->span_id, sizeof(to->span_id), id);
    put_id(to->parent_id, sizeof(to->parent_id), r->trace->span);
    to->start = a->started;
    to->end = a->ended ? a->ended : r->ended.end;
    to->first_token = a->first_event;
    to->status = (apr_uint16_t)a->status;
    to->hedge = a->hedge != 0;
    to->failed = a->result == CLP_ATTEMPT_FAILED || a->result == CLP_ATTEMPT_TRUNCATED;
    if (a->result != CLP_ATTEMPT_SERVED) {
        PUT(to->error, a->problem ? clp_problem_class_name(a->problem->cls)
                                  : clp_attempt_result_name(a->result));
    }
    put_upstream(to, &a->candidate);
}

int clp_trace_spans(clp_span_record *out, const clp_traced_request *request)
{
    const clp_outcome *o = request->ended.outcome;
    int n = 1;

    request_span(out, request);
    for (int i = 0; o && i < o->attempts->nelts && i < CLP_SPAN_ATTEMPTS; i++) {
        attempt_span(&out[n++], request, &APR_ARRAY_IDX(o->attempts, i, clp_attempt_record), i);
    }
    return n;
}
