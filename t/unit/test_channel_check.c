/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include <apr_strings.h>

#include "gateway/channel_check.h"
#include "sched/breaker.h"

#define NOW apr_time_from_sec(1795435200)

static apr_pool_t *pool;

/* What the upstream does, and what it was asked. */
typedef struct script {
    int status; /* 0 = no answer */
    const char *body;
    clp_transfer_end end;
    const char *asked; /* method, URL and body */
    const char *key;
    apr_int32_t total_ms;
    clp_transfer_handler handler;
} script;

static script upstream;

static clp_transfer *start(clp_transport *t, const clp_transfer_request *request,
                           const clp_transfer_handler *handler, apr_pool_t *p)
{
    const char *key = apr_table_get(request->headers, "x-api-key");

    (void)t;
    (void)p;
    upstream.asked = apr_pstrcat(
        pool, request->method, " ", request->url, request->body.n ? " " : "",
        request->body.n ? apr_pstrmemdup(pool, request->body.p, request->body.n) : "", NULL);
    upstream.key = key ? key : apr_table_get(request->headers, "Authorization");
    upstream.total_ms = request->timeouts.total_ms;
    upstream.handler = *handler;
    return NULL;
}

static void cancel(clp_transport *t, clp_transfer *transfer)
{
    (void)t;
    (void)transfer;
}

static void step(clp_transport *t, int fd, apr_interval_time_t timeout, int *ready)
{
    const clp_transfer_handler *h = &upstream.handler;

    (void)t;
    (void)fd;
    (void)timeout;
    (void)ready;
    if (upstream.status) {
        h->on_head(h->ctx, upstream.status, apr_table_make(pool, 1));
        h->on_bytes(h->ctx, upstream.body, strlen(upstream.body));
    }
    h->on_end(h->ctx, upstream.end, NULL);
}

static clp_transport transport = {start, cancel, step};

static clp_channel *channel_of(const clp_dialect *dialect)
{
    clp_channel *c = clp_channel_make("c", pool);

    c->dialect = dialect;
    APR_ARRAY_PUSH(c->urls, const char *) = "https://h";
    clp_channel_add_key(c, "sk-1", "sk-...", "id");
    c->row.row = 3;
    c->circuits = apr_pcalloc(pool, sizeof(clp_row_ref));
    c->circuits[0].row = 4;
    return c;
}

static const struct {
    const clp_dialect *dialect;
    const char *path;
    const char *model;
    int status;
    const char *body;
    clp_transfer_end end;
    const char *asked;
    const char *key;
    clp_booked booked;
    int failed;
} cases[] = {
    {&clp_dialect_messages, "/models", NULL, 200, "{}", CLP_TRANSFER_DONE,
     "GET https://h/v1/models", "sk-1", CLP_BOOKED_SUCCESS, 0},
    {&clp_dialect_chat, "/health?full=1", NULL, 204, "", CLP_TRANSFER_DONE,
     "GET https://h/v1/health?full=1", "Bearer sk-1", CLP_BOOKED_SUCCESS, 0},
    {&clp_dialect_gemini, "/models", NULL, 404, "<html>", CLP_TRANSFER_DONE,
     "GET https://h/v1beta/models", NULL, CLP_BOOKED_NO_MODEL, 0},
    {&clp_dialect_chat, "/models", NULL, 302, "", CLP_TRANSFER_DONE, "GET https://h/v1/models",
     "Bearer sk-1", CLP_BOOKED_SERVER_ERROR, 1},
    {&clp_dialect_chat, "/models", NULL, 401, "{}", CLP_TRANSFER_DONE, "GET https://h/v1/models",
     "Bearer sk-1", CLP_BOOKED_AUTH, 0},
    {&clp_dialect_chat, "/models", NULL, 429, "{}", CLP_TRANSFER_DONE, "GET https://h/v1/models",
     "Bearer sk-1", CLP_BOOKED_RATE_LIMITED, 0},
    {&clp_dialect_chat, "/models", NULL, 500, "{}", CLP_TRANSFER_DONE, "GET https://h/v1/models",
     "Bearer sk-1", CLP_BOOKED_SERVER_ERROR, 1},
    {&clp_dialect_messages, "/models", NULL, 529, "{}", CLP_TRANSFER_DONE,
     "GET https://h/v1/models", "sk-1", CLP_BOOKED_OVERLOADED, 1},
    {&clp_dialect_chat, "/models", NULL, 0, "", CLP_TRANSFER_NO_CONNECT, "GET https://h/v1/models",
     "Bearer sk-1", CLP_BOOKED_TRANSPORT, 1},
    {&clp_dialect_chat, "/models", NULL, 0, "", CLP_TRANSFER_FORBIDDEN, "GET https://h/v1/models",
     "Bearer sk-1", CLP_BOOKED_TRANSPORT, 1},
    {&clp_dialect_chat, "/models", NULL, 200, "{", CLP_TRANSFER_LATE_TOTAL,
     "GET https://h/v1/models", "Bearer sk-1", CLP_BOOKED_TIMEOUT, 1},
    {&clp_dialect_messages, NULL, "small", 200, "{\"type\":\"message\"}", CLP_TRANSFER_DONE,
     "POST https://h/v1/messages "
     "{\"model\":\"small\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}]"
     "}",
     "sk-1", CLP_BOOKED_SUCCESS, 0},
    {&clp_dialect_chat, NULL, "small", 200, "<html>Log in</html>", CLP_TRANSFER_DONE,
     "POST https://h/v1/chat/completions "
     "{\"model\":\"small\",\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}],"
     "\"max_completion_tokens\":1}",
     "Bearer sk-1", CLP_BOOKED_GARBAGE, 1},
};

static void test_cases(void)
{
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const clp_channel *c = channel_of(cases[i].dialect);
        clp_health_check how = {
            apr_time_from_sec(30), apr_time_from_msec(1500), cases[i].path, cases[i].model, 1, 3};
        clp_channel_check *check;
        clp_booking b;

        upstream.status = cases[i].status;
        upstream.body = cases[i].body;
        upstream.end = cases[i].end;
        check = clp_channel_check_begin(c, &how, &transport, NOW, pool);
        IS_STR(upstream.asked, cases[i].asked, "what is asked");
        if (cases[i].key) {
            IS_STR(upstream.key, cases[i].key, "with the first key");
        }
        IS_INT(upstream.total_ms, 1500, "within its time");
        OK(!clp_channel_check_done(check), "it runs");
        transport.step(&transport, -1, 0, NULL);
        OK(clp_channel_check_done(check), "it is done");
        b = clp_channel_check_booking(check);
        IS_STR(clp_booked_name((clp_booked)b.result), clp_booked_name(cases[i].booked),
               "what it is booked as");
        IS_INT(clp_health_failed((clp_booked)b.result), cases[i].failed, "whether it failed");
        OK(b.kind == CLP_BOOK_ATTEMPT && b.flags == CLP_BOOKED_HEALTH && b.channel.row == 3 &&
               b.circuit.row == 4 && b.key.row == CLP_NO_ROW && b.at > NOW,
           "where it belongs");
        OK(!cases[i].failed || clp_channel_check_result(check).error, "a failure has words");
    }
}

int main(void)
{
    pool = tap_begin();
    test_cases();
    return tap_end();
}
