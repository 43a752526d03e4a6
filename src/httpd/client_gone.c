/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "client_gone.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <apr_portable.h>

#include "http_core.h"

void clp_client_watch_begin(clp_client_watch *w, request_rec *r)
{
    struct epoll_event event = {.events = EPOLLRDHUP};
    apr_socket_t *socket;
    apr_os_sock_t client;

    w->fd = -1;
    if (r->connection->master) {
        return; /* its socket is a dummy */
    }
    socket = ap_get_conn_socket(r->connection);
    if (!socket || apr_os_sock_get(&client, socket) != APR_SUCCESS) {
        return;
    }
    w->fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->fd >= 0 && epoll_ctl(w->fd, EPOLL_CTL_ADD, client, &event) != 0) {
        clp_client_watch_end(w);
    }
}

void clp_client_watch_end(clp_client_watch *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        w->fd = -1;
    }
}
