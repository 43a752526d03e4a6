/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include <apr_strings.h>

#include "http_config.h"
#include "http_protocol.h"

#include "body.h"
#include "dialect/guard.h"
#include "gateway/count.h"
#include "gateway/demo.h"
#include "gateway/models_answer.h"
#include "reply.h"
#include "wire/text.h"

/* An answer on its way: event by event to the client if it is streamed. */
typedef struct demo_answer {
    request_rec *r;
    apr_bucket_brigade *bb;
    clp_sink to;
    clp_buffer *out;
    int stream;
    apr_interval_time_t first; /* waited before the answer */
    apr_interval_time_t each;  /* waited before each piece of it */
    int gone;
} demo_answer;

static void send_out(demo_answer *a, int last)
{
    apr_bucket_alloc_t *alloc = a->r->connection->bucket_alloc;

    if (a->out->n && !a->gone) {
        APR_BRIGADE_INSERT_TAIL(a->bb, apr_bucket_transient_create(a->out->p, a->out->n, alloc));
        if (!last) {
            APR_BRIGADE_INSERT_TAIL(a->bb, apr_bucket_flush_create(alloc));
        }
        a->gone = ap_pass_brigade(a->r->output_filters, a->bb) != APR_SUCCESS ||
                  a->r->connection->aborted;
        apr_brigade_cleanup(a->bb);
    }
    clp_buffer_clear(a->out);
}

static void put_event(void *ctx, const clp_event *event)
{
    demo_answer *a = ctx;
    apr_interval_time_t wait = event->kind == CLP_EVENT_START         ? a->first
                               : event->kind == CLP_EVENT_BLOCK_DELTA ? a->each
                                                                      : 0;
    if (a->gone) {
        return;
    }
    if (wait) {
        apr_sleep(wait);
    }
    clp_sink_put(&a->to, event);
    if (a->stream && event->kind == CLP_EVENT_BLOCK_DELTA) {
        send_out(a, 0);
    }
}

static void put_into_writer(void *ctx, const clp_event *event)
{
    clp_writer *w = ctx;
    w->put(w, event);
}

/* The demo is an upstream, not the gateway: its requests have no record that logs or other hooks
 * would take for one of the gateway's. */
static clp_request *demo_request(request_rec *r, const clp_dialect *dialect)
{
    clp_request *q = apr_pcalloc(r->pool, sizeof(*q));
    q->conf = clp_dir_config_of(r);
    q->route.dialect = dialect;
    if (dialect == &clp_dialect_gemini) {
        clp_route_gemini(&q->route, r, ap_strstr_c(r->uri, "/models/") + 8);
    }
    q->id = apr_pstrcat(r->pool, "req_", clp_random_base62(24, r->pool), NULL);
    return q;
}

/* OK and a conversation, OK and a problem, or what the handler shall return. */
static int read_conversation(request_rec *r, clp_request *q, clp_conversation **c,
                             clp_problem **problem)
{
    const clp_dialect *d = q->route.dialect;
    clp_intake intake = clp_request_intake(q);
    int status = clp_body_read(r, q, problem);

    if (status == OK && !*problem) {
        *problem = d->sniff(&q->sniffed, q->body, &intake, r->pool);
    }
    if (status == OK && !*problem) {
        *problem = d->read_request(c, q->body, &intake, r->pool);
    }
    if (status == OK && !*problem && !(*c)->model) {
        *problem = clp_problem_at(r->pool, CLP_BAD_REQUEST, "model", "is missing");
    }
    return status;
}

static int generate(request_rec *r, const clp_dialect *dialect)
{
    clp_request *q = demo_request(r, dialect);
    clp_writer_options options;
    clp_conversation *c;
    clp_problem *problem;
    demo_answer a;
    clp_sink sink = {put_event, &a};
    clp_sink writer = {put_into_writer, NULL};
    int status = read_conversation(r, q, &c, &problem);

    if (status != OK) {
        return status;
    }
    if (!problem) {
        problem = clp_demo_problem(c->model, r->pool);
    }
    if (problem) {
        return clp_reply_problem(r, q, problem);
    }
    memset(&a, 0, sizeof(a));
    a.r = r;
    a.bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    a.out = clp_buffer_make(r->pool, 0);
    a.stream = c->stream;
    clp_demo_pace(c->model, &a.first, &a.each);
    memset(&options, 0, sizeof(options));
    options.stream = c->stream;
    options.array = q->sniffed.array;
    options.include_usage = c->include_usage;
    options.legacy_functions = c->legacy_functions;
    options.created = apr_time_sec(r->request_time);
    options.input_estimate = clp_count_conversation(c);
    options.id = q->id + strlen("req_");
    options.request = c;
    writer.ctx = dialect->open_writer(&options, a.out, r->pool);
    a.to = clp_guard_sink(clp_guard_make(writer, r->pool));
    apr_table_setn(r->headers_out, dialect == &clp_dialect_messages ? "request-id" : "x-request-id",
                   q->id);
    if (!c->stream) {
        clp_demo_answer(c, &sink, r->pool);
        return clp_reply_json(r, HTTP_OK, a.out);
    }
    ap_set_content_type(r, options.array ? "application/json" : "text/event-stream; charset=utf-8");
    apr_table_setn(r->headers_out, "Cache-Control", "no-cache");
    clp_demo_answer(c, &sink, r->pool);
    send_out(&a, 1);
    return OK;
}

static int count_tokens(request_rec *r, const clp_dialect *dialect)
{
    clp_request *q = demo_request(r, dialect);
    clp_conversation *c;
    clp_problem *problem;
    clp_buffer *json = clp_buffer_make(r->pool, 0);
    int status = read_conversation(r, q, &c, &problem);

    if (status != OK) {
        return status;
    }
    if (problem) {
        return clp_reply_problem(r, q, problem);
    }
    dialect->write_count(clp_count_conversation(c), json);
    return clp_reply_json(r, HTTP_OK, json);
}

static int list_models(request_rec *r, const clp_dialect *dialect)
{
    int anthropic = apr_table_get(r->headers_in, "anthropic-version") != NULL;
    apr_array_header_t *list = apr_array_make(r->pool, 8, sizeof(clp_model));
    clp_buffer *json = clp_buffer_make(r->pool, 0);

    for (const char *const *id = clp_demo_models; *id; id++) {
        clp_model *m = apr_array_push(list);
        m->id = m->display = *id;
        m->owner = "mod_claude_proxy";
        m->created = 0;
    }
    clp_models_answer_list(dialect == &clp_dialect_gemini ? CLP_MODELS_GOOGLE
                           : anthropic                    ? CLP_MODELS_ANTHROPIC
                                                          : CLP_MODELS_OPENAI,
                           list, NULL, json, r->pool);
    return clp_reply_json(r, HTTP_OK, json);
}

typedef struct demo_row {
    const char *ending; /* of the path */
    int method;
    const clp_dialect *dialect;
    int (*run)(request_rec *r, const clp_dialect *dialect);
} demo_row;

static const demo_row rows[] = {
    {"/messages", M_POST, &clp_dialect_messages, generate},
    {"/messages/count_tokens", M_POST, &clp_dialect_messages, count_tokens},
    {"/chat/completions", M_POST, &clp_dialect_chat, generate},
    {"/responses", M_POST, &clp_dialect_responses, generate},
    {"/responses/input_tokens", M_POST, &clp_dialect_responses, count_tokens},
    {":generateContent", M_POST, &clp_dialect_gemini, generate},
    {":streamGenerateContent", M_POST, &clp_dialect_gemini, generate},
    {":countTokens", M_POST, &clp_dialect_gemini, count_tokens},
    {"/v1beta/models", M_GET, &clp_dialect_gemini, list_models},
    {"/models", M_GET, &clp_dialect_chat, list_models},
};

static int handle(request_rec *r)
{
    apr_size_t n;

    if (!r->handler || strcmp(r->handler, CLP_DEMO_HANDLER) != 0) {
        return DECLINED;
    }
    n = strlen(r->uri);
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const demo_row *row = &rows[i];
        apr_size_t ending = strlen(row->ending);
        if (n < ending || strcmp(r->uri + n - ending, row->ending) != 0 ||
            (*row->ending == ':' && !ap_strstr_c(r->uri, "/models/"))) {
            continue;
        }
        if (r->method_number != row->method) {
            r->allowed |= AP_METHOD_BIT << row->method;
            return HTTP_METHOD_NOT_ALLOWED;
        }
        return row->run(r, row->dialect);
    }
    return HTTP_NOT_FOUND;
}

void clp_demo_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
}
