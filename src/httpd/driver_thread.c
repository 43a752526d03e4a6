/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "driver_thread.h"

#include <apr_strings.h>

#include "http_protocol.h"

#include "client_gone.h"
#include "debug_headers.h"
#include "reply.h"

static void send_head(request_rec *r, clp_request *q, const clp_exchange *x)
{
    const clp_answer_head *head = clp_exchange_head(x);

    clp_reply_status(r, head->status);
    r->headers_out = apr_table_overlay(r->pool, r->headers_out, head->headers);
    ap_set_content_type(r, head->content_type);
    if (head->length >= 0) {
        ap_set_content_length(r, (apr_off_t)head->length);
    }
    else {
        /* Every event has to leave at once: no compression that waits for more. */
        apr_table_setn(r->subprocess_env, "no-gzip", "1");
        apr_table_setn(r->subprocess_env, "no-brotli", "1");
    }
    clp_debug_headers_set(r, q, clp_exchange_outcome(x));
}

static apr_status_t pass(request_rec *r, apr_bucket_brigade *bb, clp_span bytes, int flush)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_status_t rv;

    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_transient_create(bytes.p, bytes.n, alloc));
    if (flush) {
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(alloc));
    }
    rv = ap_pass_brigade(r->output_filters, bb);
    apr_brigade_cleanup(bb);
    return r->connection->aborted ? APR_ECONNABORTED : rv;
}

/* Without its last chunk the client cannot take the answer for a whole one. */
static void break_connection(request_rec *r, apr_bucket_brigade *bb)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    r->connection->keepalive = AP_CONN_CLOSE;
    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    ap_pass_brigade(r->output_filters, bb);
    apr_brigade_cleanup(bb);
}

typedef struct drive {
    request_rec *r;
    clp_request *q;
    clp_exchange *x;
    apr_bucket_brigade *bb;
    int head_sent;
    clp_client_watch watch;
} drive;

static void drive_init(drive *d, request_rec *r, clp_request *q, clp_exchange *x)
{
    d->r = r;
    d->q = q;
    d->x = x;
    d->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    d->head_sent = 0;
    clp_client_watch_init(&d->watch, r, !CLP_CONF(q->conf, ignore_abort));
}

/* Send all that may be sent now. */
static void deliver(drive *d)
{
    clp_span out;

    if (clp_exchange_head(d->x) && !d->head_sent) {
        send_head(d->r, d->q, d->x);
        d->head_sent = 1;
    }
    while ((out = clp_exchange_output(d->x)).n) {
        int last = clp_exchange_done(d->x) && !clp_exchange_broken(d->x);
        if (pass(d->r, d->bb, out, !last) != APR_SUCCESS) {
            clp_exchange_abort(d->x);
            return;
        }
        clp_exchange_taken(d->x, apr_time_now());
    }
}

/* Wait for the upstream, the client's leaving or the clock, once. */
static void advance(drive *d, clp_transport *transport)
{
    apr_interval_time_t wait = clp_exchange_wait(d->x, apr_time_now());
    int gone = clp_client_watch_step(&d->watch, transport, wait);

    /* Nothing more is begun for a client that left while an attempt failed. */
    if (gone ||
        (clp_exchange_wait(d->x, apr_time_now()) == 0 && clp_client_watch_look(&d->watch))) {
        clp_exchange_abort(d->x);
    }
    else {
        clp_exchange_tick(d->x, apr_time_now());
    }
}

static int finish(drive *d)
{
    clp_client_watch_end(&d->watch);
    if (clp_exchange_broken(d->x)) {
        if (d->head_sent) {
            break_connection(d->r, d->bb);
        }
        else {
            d->r->status = CLP_STATUS_CLIENT_GONE;
        }
    }
    return OK;
}

int clp_drive_on_thread(request_rec *r, clp_request *q, clp_exchange *x, clp_transport *transport)
{
    drive d;

    drive_init(&d, r, q, x);
    clp_exchange_start(x, apr_time_now());
    deliver(&d);
    while (!clp_exchange_done(x)) {
        advance(&d, transport);
        deliver(&d);
    }
    return finish(&d);
}

void clp_drive_silently(request_rec *r, clp_request *q, clp_exchange *x, clp_transport *transport)
{
    drive d;

    drive_init(&d, r, q, x);
    clp_exchange_start(x, apr_time_now());
    while (!clp_exchange_done(x)) {
        advance(&d, transport);
    }
    clp_client_watch_end(&d.watch);
}

int clp_drive_deliver(request_rec *r, clp_request *q, clp_exchange *x)
{
    drive d;
    drive_init(&d, r, q, x);
    deliver(&d);
    return finish(&d);
}
