/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "answer_head.h"

#include <apr_strings.h>

#include "call.h"
#include "upstream/headers.h"
#include "upstream/rate_fields.h"

#define EVENTS "text/event-stream; charset=utf-8"

/* --- the upstream's --------------------------------------------------------------- */

static int tells_id(const char *name)
{
    return !strcasecmp(name, "request-id") || !strcasecmp(name, "x-request-id");
}

/* httpd would refuse to send the whole answer for one malformed field. */
static apr_table_t *sound_fields(const apr_table_t *headers, apr_pool_t *pool)
{
    const apr_array_header_t *all = apr_table_elts(headers);
    apr_table_t *sound = apr_table_make(pool, all->nelts);
    for (int i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *e = (const apr_table_entry_t *)all->elts + i;
        if (clp_header_name_ok(e->key) && clp_header_value_ok(e->val) &&
            (!tells_id(e->key) || clp_header_id_ok(e->val))) {
            apr_table_add(sound, e->key, e->val);
        }
    }
    return sound;
}

static const char *first_of(const apr_table_t *t, const char *a, const char *b)
{
    const char *v = apr_table_get(t, a);
    return v ? v : apr_table_get(t, b);
}

void clp_upstream_head_take(clp_upstream_head *up, int status, const apr_table_t *headers,
                            apr_pool_t *pool)
{
    up->status = status;
    up->headers = sound_fields(headers, pool);
    up->content_type = apr_table_get(up->headers, "Content-Type");
    up->request_id = first_of(up->headers, "request-id", "x-request-id");
}

clp_body_kind clp_upstream_head_kind(const clp_upstream_head *up)
{
    const char *type = up->content_type;

    if (type && !strncasecmp(type, "text/event-stream", 17)) {
        return CLP_BODY_SSE;
    }
    if (type && !strncasecmp(type, "application/json", 16)) {
        return CLP_BODY_JSON;
    }
    return CLP_BODY_UNKNOWN;
}

/* --- the client's ------------------------------------------------------------------ */

/* As the client's protocol names it. */
static void set_request_id(apr_table_t *headers, const clp_dialect *client, const char *id)
{
    if (id && clp_header_id_ok(id)) {
        apr_table_set(headers, client == &clp_dialect_messages ? "request-id" : "x-request-id", id);
    }
}

static void add_stream_headers(apr_table_t *headers)
{
    if (!apr_table_get(headers, "Cache-Control")) {
        apr_table_setn(headers, "Cache-Control", "no-cache");
    }
    apr_table_setn(headers, "X-Accel-Buffering", "no");
}

void clp_answer_head_plain(clp_answer_head *head, const clp_exchange_params *params, int stream,
                           apr_pool_t *pool)
{
    head->status = 200;
    head->content_type = stream && !params->sniffed->array ? EVENTS : "application/json";
    head->headers = apr_table_make(pool, 8);
    head->length = -1;
    if (stream) {
        add_stream_headers(head->headers);
    }
    set_request_id(head->headers, params->client, params->request_id);
}

static void add_retry_headers(apr_table_t *headers, apr_int64_t ms, apr_pool_t *pool)
{
    if (ms >= 0) {
        apr_table_setn(headers, "Retry-After",
                       apr_psprintf(pool, "%" APR_INT64_T_FMT, (ms + 999) / 1000));
        apr_table_setn(headers, "retry-after-ms", apr_psprintf(pool, "%" APR_INT64_T_FMT, ms));
    }
}

void clp_answer_head_problem(clp_answer_head *head, const clp_exchange_params *params,
                             const clp_problem *problem, apr_size_t length, apr_pool_t *pool)
{
    clp_answer_head_plain(head, params, 0, pool);
    head->status = params->client->problem_status(problem);
    head->length = (apr_int64_t)length;
    set_request_id(head->headers, params->client, problem->request_id);
    add_retry_headers(head->headers, problem->retry_after_ms, pool);
}

void clp_answer_head_converted(clp_answer_head *head, const clp_exchange_params *params,
                               const clp_upstream_head *up, apr_pool_t *pool)
{
    apr_time_t now = apr_time_now();

    clp_answer_head_plain(head, params, clp_wants_stream(params), pool);
    set_request_id(head->headers, params->client, up->request_id);
    if (params->client == &clp_dialect_messages) {
        clp_rate_fields_to_anthropic(head->headers, up->headers, now);
    }
    else {
        clp_rate_fields_to_openai(head->headers, up->headers, now);
    }
}

void clp_answer_head_passed(clp_answer_head *head, const clp_exchange_params *params,
                            const clp_upstream_head *up, int stream, apr_pool_t *pool)
{
    head->status = up->status;
    head->content_type = up->content_type ? up->content_type : "application/json";
    head->headers = apr_table_make(pool, 8);
    head->length = -1;
    clp_headers_down(head->headers, up->headers);
    apr_table_unset(head->headers, "Content-Type");
    if (stream) {
        add_stream_headers(head->headers);
    }
    if (stream == 1 && clp_upstream_head_kind(up) != CLP_BODY_SSE) {
        head->content_type = EVENTS;
    }
    if (!up->request_id) {
        set_request_id(head->headers, params->client, params->request_id);
    }
}
