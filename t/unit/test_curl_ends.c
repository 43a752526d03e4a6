/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "http_peer.h"
#include "transfer_run.h"
#include "upstream/curl_engines.h"

/* How transfers end that do not end well: nobody there, too late, or left by us. */

static void test_no_connection(clp_transport *e, apr_pool_t *pool)
{
    int port;
    int fd = http_peer_listen(1, &port);
    transfer_run *s = transfer_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    close(fd);
    r.url = apr_psprintf(pool, "http://127.0.0.1:%d/", port);
    transfer_begin(s, &r);
    transfer_finish(s);
    IS_INT(s->how, CLP_TRANSFER_NO_CONNECT, "connection refused");

    s = transfer_make(e, pool);
    r.url = "http://name.invalid/";
    transfer_begin(s, &r);
    transfer_finish(s);
    IS_INT(s->how, CLP_TRANSFER_NO_HOST, "no such host");

    s = transfer_make(e, pool);
    r.url = transfer_url("/hello", pool);
    r.proxy = apr_psprintf(pool, "http://127.0.0.1:%d", port);
    transfer_begin(s, &r);
    transfer_finish(s);
    IS_INT(s->how, CLP_TRANSFER_NO_CONNECT, "the proxy is used, and refuses");

    s = transfer_make(e, pool);
    r.proxy = NULL;
    r.url = apr_psprintf(pool, "https://127.0.0.1:%d/", http_peer.port);
    clp_tls tls = {.verify = 1};
    r.tls = &tls;
    r.timeouts.total_ms = 1000;
    transfer_begin(s, &r);
    /* The server waits for the end of a head that never comes; it answers to
     * no TLS. Told by the deadline, or by the handshake if it gives up. */
    transfer_finish(s);
    OK(s->how == CLP_TRANSFER_LATE_TOTAL || s->how == CLP_TRANSFER_NO_TLS, "no TLS there");
}

/* A listener whose queue is full does not answer further SYNs. */
static void test_connect_deadline(clp_transport *e, apr_pool_t *pool)
{
    int port;
    int listener = http_peer_listen(0, &port);
    int fillers[4];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    transfer_run *s = transfer_make(e, pool);
    clp_transfer_request r = {.method = "GET",
                              .timeouts = {.connect_ms = 200, .first_byte_ms = 3000}};
    a.sin_port = htons((in_port_t)port);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        OK(connect(fillers[i], (struct sockaddr *)&a, sizeof(a)) <= 0, "fill the queue");
    }
    r.url = apr_psprintf(pool, "http://127.0.0.1:%d/", port);
    transfer_begin(s, &r);
    transfer_finish(s);
    IS_INT(s->how, CLP_TRANSFER_LATE_CONNECT, "no connection in time");
    for (int i = 0; i < 4; i++) {
        close(fillers[i]);
    }
    close(listener);
}

static void test_deadlines(clp_transport *e, apr_pool_t *pool)
{
    static const struct {
        const char *path;
        clp_timeouts timeouts;
        clp_transfer_end how;
        int at_least_ms;
    } rows[] = {
        {"/silent", {1000, 1200, 0, 0}, CLP_TRANSFER_LATE_FIRST_BYTE, 1200},
        {"/head-only", {0, 200, 0, 0}, CLP_TRANSFER_LATE_FIRST_BYTE, 200},
        {"/stall", {0, 5000, 200, 0}, CLP_TRANSFER_LATE_IDLE, 200},
        {"/slow-stream", {0, 0, 5000, 150}, CLP_TRANSFER_LATE_TOTAL, 150},
        {"/slow-stream", {2000, 5000, 900, 0}, CLP_TRANSFER_DONE, 1000},
    };
    /* The last one takes longer than it may be idle. Between what happens and what would happen
     * else there is so much time that a busy machine makes no difference. */
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_time_t began = apr_time_now();
        transfer_run *s = transfer_get(e, rows[i].path, rows[i].timeouts, pool);
        int ms = (int)apr_time_as_msec(apr_time_now() - began);
        OK(s->how == rows[i].how && s->ends == 1, "%s: %s", rows[i].path,
           clp_transfer_end_text(rows[i].how));
        OK(ms >= rows[i].at_least_ms && ms < rows[i].at_least_ms + 3000, "in time (%d ms)", ms);
        OK(s->steps < 60, "without spinning (%d steps)", s->steps);
    }
}

/* Time that nobody steps (the client reads slowly) is no idle time. */
static void test_pause(clp_transport *e, apr_pool_t *pool)
{
    transfer_run *s = transfer_make(e, pool);
    clp_transfer_request r = {.method = "GET", .timeouts = {.idle_ms = 150}};
    int ready;
    r.url = transfer_url("/stall", pool);
    transfer_begin(s, &r);
    while (!s->body.n && !s->ends) {
        e->step(e, -1, apr_time_from_sec(5), &ready);
    }
    usleep(300000);
    e->step(e, -1, 0, &ready);
    OK(!s->ends, "a pause of ours does not end the transfer");
    transfer_finish(s);
    IS_INT(s->how, CLP_TRANSFER_LATE_IDLE, "a pause of the upstream's does");
}

static void test_cancel(clp_transport *e, apr_pool_t *pool)
{
    transfer_run *s = transfer_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    int ready;
    int before;

    s->cancel_in_head = 1;
    r.url = transfer_url("/hello", pool);
    transfer_begin(s, &r);
    for (int i = 0; i < 20; i++) {
        e->step(e, -1, 10000, &ready);
    }
    OK(s->heads == 1 && !s->ends && !s->body.n, "cancelled in on_head: nothing follows");

    s = transfer_make(e, pool);
    s->cancel_in_body = 1;
    r.url = transfer_url("/big", pool);
    transfer_begin(s, &r);
    for (int i = 0; i < 20; i++) {
        e->step(e, -1, 10000, &ready);
    }
    OK(s->body.n > 0 && s->body.n <= 16384 && !s->ends, "cancelled in on_bytes: no further bytes");

    s = transfer_make(e, pool);
    r.url = transfer_url("/stall", pool);
    transfer_begin(s, &r);
    while (!s->body.n) {
        e->step(e, -1, apr_time_from_sec(5), &ready);
    }
    e->cancel(e, s->transfer);
    e->cancel(e, s->transfer);
    e->step(e, -1, 10000, &ready);
    IS_INT(s->ends, 0, "cancelled from outside, twice: the handler is not called again");

    s = transfer_make(e, pool);
    transfer_begin(s, &r);
    e->cancel(e, s->transfer);
    e->step(e, -1, 10000, &ready);
    OK(!s->heads && !s->ends, "cancelled before the first step");

    s = transfer_make(e, pool);
    transfer_begin(s, &r);
    e->step(e, -1, 10000, &ready);
    apr_pool_destroy(s->pool);
    for (int i = 0; i < 5; i++) {
        e->step(e, -1, 10000, &ready);
    }
    OK(!s->ends, "a destroyed pool cancels");

    s = transfer_get(e, "/hello", transfer_no_timeouts, pool);
    before = http_peer_connections();
    e->cancel(e, s->transfer);
    s = transfer_get(e, "/hello", transfer_no_timeouts, pool);
    OK(s->how == CLP_TRANSFER_DONE && http_peer_connections() == before,
       "a cancel after the end is harmless");
}

static void test_chain(clp_transport *e, apr_pool_t *pool)
{
    transfer_run *a = transfer_make(e, pool);
    transfer_run *b = transfer_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    a->then = b;
    a->then_path = "/hello";
    a->drop_pool_at_end = 1;
    r.url = transfer_url("/error", pool);
    transfer_begin(a, &r);
    transfer_finish(b);
    OK(a->ends == 1 && a->status == 529, "the first ended");
    OK(b->ends == 1 && b->how == CLP_TRANSFER_DONE && b->status == 200,
       "the second began in on_end, while the first one's pool went");

    a = transfer_make(e, pool);
    b = transfer_make(e, pool);
    a->then = b;
    a->then_path = "/hello";
    r.url = "ftp://nowhere/";
    transfer_begin(a, &r);
    transfer_finish(b);
    OK(a->how == CLP_TRANSFER_FAILED && b->how == CLP_TRANSFER_DONE, "also after a failed start");
}

static void test_client_fd(clp_transport *e, apr_pool_t *pool)
{
    int fds[2];
    int ready = -1;
    apr_time_t began = apr_time_now();
    transfer_run *s = transfer_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    if (pipe(fds)) {
        printf("Bail out! no pipe\n");
        exit(1);
    }
    r.url = transfer_url("/silent", pool);
    transfer_begin(s, &r);
    e->step(e, fds[0], 20000, &ready);
    e->step(e, fds[0], 20000, &ready);
    IS_INT(ready, 0, "a quiet client");
    close(fds[1]);
    ready = 0;
    while (!ready && apr_time_now() - began < apr_time_from_sec(5)) {
        e->step(e, fds[0], apr_time_from_sec(5), &ready);
    }
    IS_INT(ready, 1, "a client that goes wakes the step");
    OK(apr_time_now() - began < apr_time_from_sec(2), "at once");
    e->cancel(e, s->transfer);
    e->step(e, fds[0], apr_time_from_sec(5), &ready);
    IS_INT(ready, 1, "also without a transfer");
    began = apr_time_now();
    e->step(e, -1, 50000, &ready);
    OK(apr_time_now() - began >= 45000, "with nothing to do, a step waits out its time");
    close(fds[0]);
}

int main(void)
{
    apr_pool_t *root = tap_begin();
    apr_pool_t *pool;
    clp_curl_engines *set;
    clp_transport *e;
    apr_pool_create(&pool, root);
    http_peer_start();
    set = clp_curl_engines_make(pool, 4);
    e = clp_curl_engine_take(set);
    test_no_connection(e, pool);
    test_connect_deadline(e, pool);
    test_deadlines(e, pool);
    test_pause(e, pool);
    test_cancel(e, pool);
    test_chain(e, pool);
    test_client_fd(e, pool);

    /* Destroying the set with a transfer alive must leave nothing behind. */
    transfer_run *s = transfer_make(e, root);
    clp_transfer_request r = {.method = "GET"};
    int ready;
    r.url = transfer_url("/silent", root);
    transfer_begin(s, &r);
    e->step(e, -1, 10000, &ready);
    apr_pool_destroy(pool);
    apr_pool_destroy(s->pool);
    OK(!s->ends, "the set goes, its transfers go quietly");
    return tap_end();
}
