/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/trace_sender.h"

#include "clp_version.h"
#include "upstream/headers.h"
#include "wire/log.h"

/* How long the collector may take, and when it is asked again. */
#define CONNECT_MS 3000
#define TOTAL_MS   10000
#define AGAIN      apr_time_from_sec(1)
#define AGAIN_MOST apr_time_from_sec(30)
#define REST       apr_time_from_sec(5)

/* Of its answer only this much is looked at. */
#define LOOKED_AT 4096

struct clp_trace_sender {
    const clp_trace_target *target;
    clp_span_ring *ring;
    clp_transport *transport;
    apr_pool_t *pool;
    apr_table_t *headers;
    clp_span_record *records; /* room for a batch */
    clp_buffer body;
    clp_buffer answer;
    apr_pool_t *transfer; /* while a batch is on its way */
    apr_uint64_t end;     /* of the batch in the ring */
    int n;                /* spans of the batch, 0 = there is none */
    int again;            /* it was sent before */
    int status;
    apr_int64_t told_ms; /* when to come back, -1 = not told */
    apr_time_t not_before;
    int failing; /* that was logged */
};

clp_trace_sender *clp_trace_sender_make(const clp_trace_target *target, clp_span_ring *ring,
                                        clp_transport *transport, apr_pool_t *pool)
{
    clp_trace_sender *s = apr_pcalloc(pool, sizeof(*s));

    s->target = target;
    s->ring = ring;
    s->transport = transport;
    s->pool = pool;
    s->headers = apr_table_copy(pool, target->headers);
    apr_table_setn(s->headers, "Content-Type", "application/json");
    apr_table_setn(s->headers, "User-Agent", CLP_PRODUCT);
    s->records = apr_palloc(pool, CLP_TRACE_BATCH * sizeof(*s->records));
    clp_buffer_init(&s->body, pool, 0);
    clp_buffer_init(&s->answer, pool, 0);
    return s;
}

/* --- the end of a batch ----------------------------------------------------------------- */

static void finish(clp_trace_sender *s, int sent)
{
    clp_span_ring_take(s->ring, s->end, sent);
    s->n = 0;
    s->again = 0;
}

/* One line when it begins to fail, one when it is over. */
static void tell_failing(clp_trace_sender *s, const char *why)
{
    if (!s->failing) {
        clp_log(NULL, CLP_LOG_WARNING, 0, 2450,
                "ClaudeTraceExport: %s takes no spans: %s (status %d); they are dropped until it "
                "does",
                s->target->origin, why, s->status);
    }
    s->failing = 1;
}

static void tell_working(clp_trace_sender *s)
{
    if (s->failing) {
        clp_log(NULL, CLP_LOG_NOTICE, 0, 2451, "ClaudeTraceExport: %s takes spans again",
                s->target->origin);
    }
    s->failing = 0;
}

static void arrived(clp_trace_sender *s)
{
    tell_working(s);
    finish(s, s->n - clp_trace_export_rejected(clp_buffer_all(&s->answer), s->n));
}

static apr_interval_time_t patience(const clp_trace_sender *s)
{
    apr_interval_time_t told = apr_time_from_msec(s->told_ms);

    return s->told_ms < 0 || told < AGAIN ? AGAIN : told < AGAIN_MOST ? told : AGAIN_MOST;
}

static void failed(clp_trace_sender *s, const char *why, int later, apr_time_t now)
{
    if (later && !s->again) {
        s->again = 1;
        s->not_before = now + patience(s);
        return;
    }
    tell_failing(s, why);
    finish(s, 0);
    s->not_before = now + REST;
}

static void on_head(void *ctx, int status, const apr_table_t *headers)
{
    clp_trace_sender *s = ctx;

    s->status = status;
    s->told_ms = clp_headers_retry_after(headers, status, apr_time_now());
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    clp_trace_sender *s = ctx;
    apr_size_t room = LOOKED_AT - s->answer.n;

    clp_buffer_append(&s->answer, p, n < room ? n : room);
}

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    clp_trace_sender *s = ctx;
    apr_time_t now = apr_time_now();

    (void)detail;
    if (how != CLP_TRANSFER_DONE) {
        s->status = 0;
        failed(s, clp_transfer_end_text(how), 1, now);
    }
    else if (s->status >= 200 && s->status < 300) {
        arrived(s);
    }
    else {
        failed(s, "it refuses them", s->status == 429 || s->status >= 500, now);
    }
    apr_pool_destroy(s->transfer);
    s->transfer = NULL;
}

/* --- its begin ---------------------------------------------------------------------------- */

static void send_batch(clp_trace_sender *s)
{
    clp_transfer_handler handler = {s, on_head, on_bytes, on_end};
    clp_transfer_request request;

    memset(&request, 0, sizeof(request));
    request.method = "POST";
    request.url = s->target->url;
    request.headers = s->headers;
    request.body = clp_buffer_all(&s->body);
    request.timeouts.connect_ms = CONNECT_MS;
    request.timeouts.total_ms = TOTAL_MS;
    s->status = 0;
    s->told_ms = -1;
    clp_buffer_clear(&s->answer);
    apr_pool_create(&s->transfer, s->pool);
    s->transport->start(s->transport, &request, &handler, s->transfer);
}

void clp_trace_sender_tick(clp_trace_sender *s, apr_time_t now)
{
    if (s->transfer || now < s->not_before) {
        return;
    }
    if (!s->n) {
        s->n = clp_span_ring_read(s->ring, s->records, CLP_TRACE_BATCH, &s->end);
        if (!s->n) {
            clp_span_ring_take(s->ring, s->end, 0); /* those of killed processes */
            return;
        }
        clp_buffer_clear(&s->body);
        clp_trace_export_write(&s->body, &s->target->resource, s->records, s->n);
    }
    send_batch(s);
}

int clp_trace_sender_busy(const clp_trace_sender *s)
{
    return s->transfer != NULL;
}
