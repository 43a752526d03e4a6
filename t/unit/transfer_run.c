/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "transfer_run.h"

#include <apr_strings.h>
#include <apr_time.h>

#include "http_peer.h"

const char *transfer_url(const char *path, apr_pool_t *pool)
{
    return apr_psprintf(pool, "http://127.0.0.1:%d%s", http_peer.port, path);
}

static void on_head(void *ctx, int status, const apr_table_t *headers)
{
    transfer_run *s = ctx;
    s->heads++;
    s->status = status;
    s->headers = headers;
    s->calls_after_end += s->ends;
    if (s->cancel_in_head) {
        s->engine->cancel(s->engine, s->transfer);
    }
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    transfer_run *s = ctx;
    s->calls_after_end += s->ends;
    clp_buffer_append(&s->body, p, n);
    if (s->cancel_in_body) {
        s->engine->cancel(s->engine, s->transfer);
    }
}

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    transfer_run *s = ctx;
    s->ends++;
    s->how = how;
    apr_cpystrn(s->detail, detail ? detail : "", sizeof(s->detail));
    if (s->then) {
        clp_transfer_request r = {.method = "GET"};
        r.url = transfer_url(s->then_path, s->then->pool);
        transfer_begin(s->then, &r);
    }
    if (s->drop_pool_at_end) {
        apr_pool_clear(s->pool);
    }
}

transfer_run *transfer_make(clp_transport *engine, apr_pool_t *pool)
{
    transfer_run *s = apr_pcalloc(pool, sizeof(*s));
    s->engine = engine;
    clp_buffer_init(&s->body, pool, 0);
    apr_pool_create(&s->pool, pool);
    return s;
}

void transfer_begin(transfer_run *s, const clp_transfer_request *request)
{
    clp_transfer_handler h = {s, on_head, on_bytes, on_end};
    s->transfer = s->engine->start(s->engine, request, &h, s->pool);
}

void transfer_finish(transfer_run *s)
{
    apr_time_t until = apr_time_now() + apr_time_from_sec(10);
    while (!s->ends && apr_time_now() < until) {
        int ready;
        s->engine->step(s->engine, -1, apr_time_from_sec(5), &ready);
        s->steps++;
    }
}

transfer_run *transfer_get(clp_transport *engine, const char *path, clp_timeouts timeouts,
                           apr_pool_t *pool)
{
    transfer_run *s = transfer_make(engine, pool);
    clp_transfer_request r = {.method = "GET", .timeouts = timeouts};
    r.url = transfer_url(path, pool);
    transfer_begin(s, &r);
    transfer_finish(s);
    return s;
}

const clp_timeouts transfer_no_timeouts = {0, 0, 0, 0};
