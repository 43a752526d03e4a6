/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ping.h"

#include <string.h>

#include "channel_headers.h"
#include "clp_version.h"
#include "upstream/address.h"

/** A channel being asked. */
typedef struct question {
    struct asking *asking;
    clp_pong *pong;
    int url;
    apr_time_t began;
    clp_transfer_request request;
    clp_transfer *transfer; /* NULL = ended */
} question;

typedef struct asking {
    apr_pool_t *pool;
    clp_transport *transport;
    apr_time_t deadline;
    int open;
} asking;

static void ask(question *q);

/* --- what an answer means --------------------------------------------------------- */

static const struct {
    int from, to;
    const char *error, *message;
} meanings[] = {
    {401, 401, "auth", "the key is refused"},
    {402, 402, "quota", "no credit is left"},
    {403, 403, "auth", "the key is refused"},
    {404, 405, NULL, "the provider has no list of models: the key was not tried"},
    {429, 429, "rate_limit", "too many requests"},
    {300, 399, "redirect", "the provider says it is elsewhere"},
    {400, 499, "client_error", "the provider refuses the question"},
    {500, 599, "server_error", "the provider has an error"},
};

static void take_status(clp_pong *pong, int status)
{
    pong->status = status;
    pong->alive = 1;
    pong->error = NULL;
    pong->message = NULL;
    for (apr_size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (status >= meanings[i].from && status <= meanings[i].to) {
            pong->error = meanings[i].error;
            pong->message = meanings[i].message;
            pong->alive = !meanings[i].error;
            return;
        }
    }
}

static const char *class_of(clp_transfer_end how)
{
    switch (how) {
    case CLP_TRANSFER_NO_HOST: return "dns";
    case CLP_TRANSFER_NO_CONNECT: return "connect";
    case CLP_TRANSFER_FORBIDDEN: return "forbidden";
    case CLP_TRANSFER_NO_TLS: return "tls";
    case CLP_TRANSFER_LATE_CONNECT:
    case CLP_TRANSFER_LATE_FIRST_BYTE:
    case CLP_TRANSFER_LATE_IDLE:
    case CLP_TRANSFER_LATE_TOTAL: return "timeout";
    default: return "transport";
    }
}

/* --- asking ------------------------------------------------------------------------- */

static void stop_clock(question *q)
{
    q->pong->latency_ms = apr_time_as_msec(apr_time_now() - q->began);
}

static void close_question(question *q)
{
    q->transfer = NULL;
    q->asking->open--;
}

/* The list itself is of no interest. */
static void on_head(void *ctx, int status, const apr_table_t *headers)
{
    question *q = ctx;

    (void)headers;
    stop_clock(q);
    take_status(q->pong, status);
    q->asking->transport->cancel(q->asking->transport, q->transfer);
    close_question(q);
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    (void)ctx;
    (void)p;
    (void)n;
}

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    question *q = ctx;

    (void)detail;
    stop_clock(q);
    q->pong->error = class_of(how);
    q->pong->message = clp_transfer_end_text(how);
    if (++q->url < q->pong->channel->urls->nelts && apr_time_now() < q->asking->deadline) {
        ask(q);
    }
    else {
        close_question(q);
    }
}

static apr_table_t *headers_of(const clp_channel *c, apr_pool_t *pool)
{
    apr_table_t *headers = apr_table_make(pool, 8);

    apr_table_setn(headers, "User-Agent", CLP_PRODUCT);
    apr_table_setn(headers, "Accept", "application/json");
    if (c->dialect == &clp_dialect_messages) {
        apr_table_setn(headers, "anthropic-version", c->api_version);
    }
    clp_channel_sign(headers, c, c->keys->nelts ? &APR_ARRAY_IDX(c->keys, 0, clp_key) : NULL, pool);
    clp_channel_edit_headers(headers, c);
    return headers;
}

static void ask(question *q)
{
    const clp_transfer_handler handler = {q, on_head, on_bytes, on_end};
    const clp_channel *c = q->pong->channel;
    clp_transport *transport = q->asking->transport;
    apr_int32_t left;

    q->began = apr_time_now();
    left = (apr_int32_t)apr_time_as_msec(q->asking->deadline - q->began);
    q->pong->url = APR_ARRAY_IDX(c->urls, q->url, const char *);
    memset(&q->request, 0, sizeof(q->request));
    q->request.method = "GET";
    q->request.url =
        clp_address_make(q->pong->url, c->dialect == &clp_dialect_gemini ? "/v1beta" : "/v1",
                         "/models", NULL, q->asking->pool);
    q->request.headers = headers_of(c, q->asking->pool);
    q->request.timeouts.connect_ms = c->timeouts.connect_ms;
    q->request.timeouts.total_ms = left > 1 ? left : 1;
    clp_channel_route(c, &q->request);
    q->transfer = transport->start(transport, &q->request, &handler, q->asking->pool);
}

apr_array_header_t *clp_ping(const apr_array_header_t *channels, clp_transport *transport,
                             apr_pool_t *pool)
{
    apr_array_header_t *pongs = apr_array_make(pool, channels->nelts, sizeof(clp_pong));
    asking a = {pool, transport, apr_time_now() + apr_time_from_msec(CLP_PING_MAX_MS),
                channels->nelts};
    int ready;

    for (int i = 0; i < channels->nelts; i++) {
        clp_pong *pong = apr_array_push(pongs);
        pong->channel = APR_ARRAY_IDX(channels, i, const clp_channel *);
    }
    for (int i = 0; i < channels->nelts; i++) {
        question *q = apr_pcalloc(pool, sizeof(*q));
        q->asking = &a;
        q->pong = &APR_ARRAY_IDX(pongs, i, clp_pong);
        ask(q);
    }
    while (a.open > 0) {
        transport->step(transport, -1, apr_time_from_msec(500), &ready);
    }
    return pongs;
}
