/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "curl_engine.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "curl_transfer.h"

/* Connections an engine keeps open, over all its hosts. */
#define CONNECTIONS_MAX 16L

/* The client is looked at this often while the upstream keeps us busy. */
#define CLIENT_LOOK_US 100000

#define POLL_MAX_MS 600000

static apr_int64_t clock_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* --- transfers ------------------------------------------------------------- */

static int handle_take(clp_curl_engine *e, clp_curl_handle *h)
{
    if (e->spares) {
        *h = e->spare[--e->spares];
        return 1;
    }
    return clp_curl_handle_open(h);
}

static void handle_give(clp_curl_engine *e, clp_curl_handle *h, int clean)
{
    if (clean && e->spares < CLP_CURL_SPARES) {
        clp_curl_handle_detach(h);
        e->spare[e->spares++] = *h;
    }
    else {
        clp_curl_handle_close(h);
    }
    h->easy = NULL;
}

static apr_status_t transfer_pool_gone(void *data);

/* Take a transfer out of everything. Nothing of it is touched afterwards, so
 * that its handler may destroy its pool. */
static void transfer_forget(clp_transfer *t, int clean)
{
    clp_curl_engine *e = t->engine;
    if (t->place == CLP_TRANSFER_RUNS) {
        curl_multi_remove_handle(e->multi, t->handle.easy);
    }
    else {
        e->waiting--;
    }
    if (t->handle.easy) {
        handle_give(e, &t->handle, clean);
    }
    t->place = CLP_TRANSFER_GONE;
    if (t->prev) {
        t->prev->next = t->next;
    }
    else {
        e->alive = t->next;
    }
    if (t->next) {
        t->next->prev = t->prev;
    }
    apr_pool_cleanup_kill(t->pool, t, transfer_pool_gone);
}

static apr_status_t transfer_pool_gone(void *data)
{
    clp_transfer *t = data;
    if (t->place != CLP_TRANSFER_GONE) {
        transfer_forget(t, 0);
    }
    return APR_SUCCESS;
}

static void transfer_end(clp_transfer *t, clp_transfer_end how, const char *detail, int clean)
{
    clp_curl_engine *e = t->engine;
    clp_transfer_handler handler = t->handler;
    transfer_forget(t, clean);
    e->told++;
    handler.on_end(handler.ctx, how, detail);
}

static clp_transfer *engine_start(clp_transport *transport, const clp_transfer_request *request,
                                  const clp_transfer_handler *handler, apr_pool_t *pool)
{
    clp_curl_engine *e = (clp_curl_engine *)transport;
    clp_transfer *t = apr_pcalloc(pool, sizeof(*t));
    t->engine = e;
    t->place = CLP_TRANSFER_WAITS;
    t->handler = *handler;
    t->pool = pool;
    t->timeouts = request->timeouts;
    t->body = request->body;
    t->hosts = request->hosts;
    t->headers = apr_table_make(pool, 16);
    t->begun = clock_now();
    if (handle_take(e, &t->handle)) {
        clp_curl_handle_prepare(t, request);
    }
    else {
        t->broken = "libcurl is out of memory";
    }
    if (!e->alive) {
        e->left = 0;
    }
    t->next = e->alive;
    if (t->next) {
        t->next->prev = t;
    }
    e->alive = t;
    e->waiting++;
    apr_pool_cleanup_register(pool, t, transfer_pool_gone, apr_pool_cleanup_null);
    return t;
}

static void engine_cancel(clp_transport *transport, clp_transfer *t)
{
    clp_curl_engine *e = (clp_curl_engine *)transport;
    if (t->place == CLP_TRANSFER_GONE || t->cancelled) {
        return;
    }
    if (e->inside) {
        /* libcurl is in the middle of it: its callback fails, engine_run() clears up. */
        t->cancelled = 1;
        e->dropped = 1;
    }
    else {
        transfer_forget(t, 0);
    }
}

/* --- stepping -------------------------------------------------------------- */

/*
 * Give libcurl what was started since the last time. Handlers told of a
 * failure here may start anew; that waits for the next step.
 */
static void engine_admit(clp_curl_engine *e)
{
    for (clp_transfer *t = e->alive; t && e->waiting; t = t->next) {
        if (t->place == CLP_TRANSFER_WAITS && !t->broken) {
            if (curl_multi_add_handle(e->multi, t->handle.easy) == CURLM_OK) {
                t->place = CLP_TRANSFER_RUNS;
                e->waiting--;
            }
            else {
                t->broken = "libcurl did not take the request";
            }
        }
    }
    for (int failed = e->waiting; failed > 0; failed--) {
        clp_transfer *t = e->alive;
        clp_transfer *oldest = NULL;
        for (; t; t = t->next) {
            if (t->place == CLP_TRANSFER_WAITS && t->broken) {
                oldest = t;
            }
        }
        if (!oldest) {
            break;
        }
        transfer_end(oldest, CLP_TRANSFER_FAILED, oldest->broken, 0);
    }
}

static void engine_sweep(clp_curl_engine *e)
{
    clp_transfer *t = e->alive;
    e->dropped = 0;
    while (t) {
        clp_transfer *next = t->next;
        if (t->cancelled) {
            transfer_forget(t, 0);
        }
        t = next;
    }
}

/* Tell the ends libcurl reports. A handler may do anything with any transfer,
 * so nothing is kept over its call. */
static void engine_collect(clp_curl_engine *e)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(e->multi, &left))) {
        CURLcode rc = msg->data.result;
        char *data = NULL;
        clp_transfer *t;
        clp_transfer_end how;
        const char *detail = NULL;
        if (msg->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &data);
        t = (clp_transfer *)data;
        how = clp_curl_transfer_result(t, rc);
        if (how == CLP_TRANSFER_FORBIDDEN) {
            detail = t->forbidden;
        }
        else if (rc != CURLE_OK) {
            detail = t->error[0] ? t->error : curl_easy_strerror(rc);
        }
        transfer_end(t, how, detail, rc == CURLE_OK);
    }
}

/* End what is late. Begins anew after each handler call; each ends one transfer. */
static void engine_expire(clp_curl_engine *e, apr_int64_t now)
{
    clp_transfer *t = e->alive;
    while (t) {
        clp_transfer_end how = CLP_TRANSFER_LATE_TOTAL;
        if (clp_curl_transfer_deadline(t, e->away, &how) <= now) {
            transfer_end(t, how, NULL, 0);
            t = e->alive;
        }
        else {
            t = t->next;
        }
    }
}

static void engine_run(clp_curl_engine *e)
{
    int running = 0;
    apr_int64_t now;
    e->inside = 1;
    curl_multi_perform(e->multi, &running);
    e->inside = 0;
    now = clock_now();
    for (clp_transfer *t = e->alive; t; t = t->next) {
        if (t->moved) {
            t->moved = 0;
            t->last_read = now - e->away;
            e->told++;
        }
    }
    if (e->dropped) {
        e->told++;
        engine_sweep(e);
    }
    engine_collect(e);
    engine_expire(e, now);
}

/* How long to wait: what the caller allows, or the first deadline; rounded up, so
 * that a wait that ends finds the deadline passed. */
static int engine_patience(const clp_curl_engine *e, apr_interval_time_t timeout, apr_int64_t now)
{
    apr_int64_t wait = timeout;
    for (const clp_transfer *t = e->alive; t; t = t->next) {
        clp_transfer_end how;
        apr_int64_t at = clp_curl_transfer_deadline(t, e->away, &how);
        if (at != APR_INT64_MAX && at - now < wait) {
            wait = at - now;
        }
    }
    if (wait <= 0) {
        return 0;
    }
    return wait / 1000 >= POLL_MAX_MS ? POLL_MAX_MS : (int)((wait + 999) / 1000);
}

static void client_look(clp_curl_engine *e, int client_fd, apr_int64_t now, int *client_ready)
{
    struct pollfd p = {.fd = client_fd, .events = POLLIN};
    if (client_fd >= 0 && now - e->looked >= CLIENT_LOOK_US) {
        e->looked = now;
        *client_ready = poll(&p, 1, 0) > 0;
    }
}

static void engine_step(clp_transport *transport, int client_fd, apr_interval_time_t timeout,
                        int *client_ready)
{
    clp_curl_engine *e = (clp_curl_engine *)transport;
    apr_int64_t now = clock_now();
    *client_ready = 0;
    if (e->left) {
        e->away += now - e->left;
    }
    e->told = 0;
    if (e->waiting) {
        engine_admit(e);
        engine_run(e);
        now = clock_now();
    }
    if (e->told) {
        client_look(e, client_fd, now, client_ready);
    }
    else {
        struct curl_waitfd w = {.fd = client_fd, .events = CURL_WAIT_POLLIN};
        curl_multi_poll(e->multi, &w, client_fd >= 0 ? 1 : 0, engine_patience(e, timeout, now),
                        NULL);
        *client_ready = client_fd >= 0 && w.revents;
        e->looked = now;
        engine_run(e);
    }
    e->left = clock_now();
}

/* --- its life -------------------------------------------------------------- */

void clp_curl_engine_clear(clp_curl_engine *e)
{
    while (e->alive) {
        transfer_forget(e->alive, 0);
    }
}

void clp_curl_engine_close(clp_curl_engine *e)
{
    clp_curl_engine_clear(e);
    while (e->spares) {
        clp_curl_handle_close(&e->spare[--e->spares]);
    }
    curl_multi_cleanup(e->multi);
    free(e);
}

clp_curl_engine *clp_curl_engine_open(void)
{
    clp_curl_engine *e = calloc(1, sizeof(*e));
    if (!e) {
        return NULL;
    }
    e->multi = curl_multi_init();
    if (!e->multi) {
        free(e);
        return NULL;
    }
    curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    e->transport.start = engine_start;
    e->transport.cancel = engine_cancel;
    e->transport.step = engine_step;
    return e;
}
