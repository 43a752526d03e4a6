/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/curl_engine.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include <apr_thread_mutex.h>

#include "curl_transfer.h"

/* Easy handles an engine keeps for its next transfers. */
#define SPARE_MAX 4

/* Connections an engine keeps open, over all its hosts. */
#define CONNECTIONS_MAX 16L

/* The client is looked at this often while the upstream keeps us busy. */
#define CLIENT_LOOK_US 100000

#define POLL_MAX_MS 600000

struct clp_curl_engine {
    clp_transport transport; /* first: what users hold is a pointer to it */
    clp_curl_engines *set;
    clp_curl_engine *all_next, *all_prev; /* every engine of the set; under the set's mutex */
    clp_curl_engine *idle_next;           /* under the set's mutex */
    CURLM *multi;
    clp_transfer *alive;
    CURL *spare[SPARE_MAX];
    clp_curl_shape shape[SPARE_MAX]; /* what each spare is set up for */
    int spares;
    int waiting;        /* transfers not yet given to libcurl */
    int told;           /* handlers called in this step */
    int inside;         /* libcurl runs: its handles must stay */
    int dropped;        /* transfers were cancelled meanwhile */
    apr_int64_t away;   /* time that passed outside of step() */
    apr_int64_t left;   /* when step() last returned; 0 = not since a transfer was alive */
    apr_int64_t looked; /* when the client was last looked at */
};

struct clp_curl_engines {
    apr_thread_mutex_t *mutex;
    clp_curl_engine *all;
    clp_curl_engine *idle;
    int idles;
    int max_idle;
};

static apr_int64_t clock_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* --- transfers ------------------------------------------------------------- */

static CURL *easy_take(clp_curl_engine *e, clp_curl_shape *shape)
{
    if (e->spares) {
        e->spares--;
        *shape = e->shape[e->spares];
        return e->spare[e->spares];
    }
    shape->words[0] = '\0';
    shape->url[0] = '\0';
    shape->parsed = NULL;
    return curl_easy_init();
}

static void easy_drop(CURL *easy, const clp_curl_shape *shape)
{
    curl_easy_cleanup(easy);
    curl_url_cleanup(shape->parsed);
}

static void easy_give(clp_curl_engine *e, CURL *easy, const clp_curl_shape *shape, int clean)
{
    if (clean && e->spares < SPARE_MAX) {
        clp_curl_transfer_detach(easy);
        e->shape[e->spares] = *shape;
        e->spare[e->spares++] = easy;
    }
    else {
        easy_drop(easy, shape);
    }
}

static apr_status_t transfer_pool_gone(void *data);

/* Take a transfer out of everything. Nothing of it is touched afterwards, so
 * that its handler may destroy its pool. */
static void transfer_forget(clp_transfer *t, int clean)
{
    clp_curl_engine *e = t->engine;
    if (t->place == CLP_TRANSFER_RUNS) {
        curl_multi_remove_handle(e->multi, t->easy);
    }
    else {
        e->waiting--;
    }
    if (t->easy) {
        easy_give(e, t->easy, &t->shape, clean);
        t->easy = NULL;
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
    t->easy = easy_take(e, &t->shape);
    if (t->easy) {
        clp_curl_transfer_prepare(t, request, &t->shape);
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
            if (curl_multi_add_handle(e->multi, t->easy) == CURLM_OK) {
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

/* --- engines --------------------------------------------------------------- */

static void engine_close(clp_curl_engine *e)
{
    while (e->alive) {
        transfer_forget(e->alive, 0);
    }
    while (e->spares) {
        e->spares--;
        easy_drop(e->spare[e->spares], &e->shape[e->spares]);
    }
    curl_multi_cleanup(e->multi);
    free(e);
}

static clp_curl_engine *engine_open(clp_curl_engines *set)
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
    e->set = set;
    e->transport.start = engine_start;
    e->transport.cancel = engine_cancel;
    e->transport.step = engine_step;
    return e;
}

static apr_status_t engines_gone(void *data)
{
    clp_curl_engines *set = data;
    while (set->all) {
        clp_curl_engine *e = set->all;
        set->all = e->all_next;
        engine_close(e);
    }
    curl_global_cleanup();
    return APR_SUCCESS;
}

clp_curl_engines *clp_curl_engines_make(apr_pool_t *pool, int max_idle)
{
    clp_curl_engines *set = apr_pcalloc(pool, sizeof(*set));
    set->max_idle = max_idle;
    if (apr_thread_mutex_create(&set->mutex, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS ||
        curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }
    apr_pool_cleanup_register(pool, set, engines_gone, apr_pool_cleanup_null);
    return set;
}

clp_transport *clp_curl_engine_take(clp_curl_engines *set)
{
    clp_curl_engine *e;
    apr_thread_mutex_lock(set->mutex);
    e = set->idle;
    if (e) {
        set->idle = e->idle_next;
        set->idles--;
    }
    apr_thread_mutex_unlock(set->mutex);
    if (e) {
        return &e->transport;
    }
    e = engine_open(set);
    if (!e) {
        return NULL;
    }
    apr_thread_mutex_lock(set->mutex);
    e->all_next = set->all;
    if (e->all_next) {
        e->all_next->all_prev = e;
    }
    set->all = e;
    apr_thread_mutex_unlock(set->mutex);
    return &e->transport;
}

void clp_curl_engine_give(clp_curl_engines *set, clp_transport *engine)
{
    clp_curl_engine *e = (clp_curl_engine *)engine;
    int keep;
    while (e->alive) {
        transfer_forget(e->alive, 0);
    }
    apr_thread_mutex_lock(set->mutex);
    keep = set->idles < set->max_idle;
    if (keep) {
        e->idle_next = set->idle;
        set->idle = e;
        set->idles++;
    }
    else {
        if (e->all_prev) {
            e->all_prev->all_next = e->all_next;
        }
        else {
            set->all = e->all_next;
        }
        if (e->all_next) {
            e->all_next->all_prev = e->all_prev;
        }
    }
    apr_thread_mutex_unlock(set->mutex);
    if (!keep) {
        engine_close(e);
    }
}
