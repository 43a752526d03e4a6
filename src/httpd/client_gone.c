/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "client_gone.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <apr_portable.h>

#include "http_core.h"

#define WATCH_AFTER apr_time_from_msec(50)

void clp_client_watch_init(clp_client_watch *w, request_rec *r, int mind)
{
    w->c = r->connection;
    w->mind = mind;
    w->fd = -1;
    w->begun = !mind || w->c->master; /* a stream's socket is a dummy */
    w->from = apr_time_now() + WATCH_AFTER;
}

static void begin(clp_client_watch *w)
{
    struct epoll_event event = {.events = EPOLLRDHUP};
    apr_socket_t *socket = ap_get_conn_socket(w->c);
    apr_os_sock_t client;

    w->begun = 1;
    if (!socket || apr_os_sock_get(&client, socket) != APR_SUCCESS) {
        return;
    }
    w->fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->fd >= 0 && epoll_ctl(w->fd, EPOLL_CTL_ADD, client, &event) != 0) {
        clp_client_watch_end(w);
    }
}

static int judge(clp_client_watch *w, int ready)
{
    if (!w->mind || !(ready || w->c->aborted)) {
        return 0;
    }
    w->c->aborted = 1;
    return 1;
}

int clp_client_watch_step(clp_client_watch *w, clp_transport *transport, apr_interval_time_t wait)
{
    int ready = 0;

    if (!w->begun) {
        apr_interval_time_t until = w->from - apr_time_now();
        if (until <= 0) {
            begin(w);
        }
        else if (until < wait) {
            wait = until;
        }
    }
    transport->step(transport, w->fd, wait, &ready);
    return judge(w, ready);
}

int clp_client_watch_look(clp_client_watch *w)
{
    struct pollfd p = {.events = POLLIN};

    if (!w->begun) {
        begin(w);
    }
    p.fd = w->fd; /* poll() passes over -1 */
    return judge(w, poll(&p, 1, 0) > 0);
}

void clp_client_watch_end(clp_client_watch *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        w->fd = -1;
    }
}

int clp_client_left(request_rec *r)
{
    clp_client_watch w;
    int left;

    clp_client_watch_init(&w, r, 1);
    left = w.c->aborted || clp_client_watch_look(&w);
    clp_client_watch_end(&w);
    return left;
}
