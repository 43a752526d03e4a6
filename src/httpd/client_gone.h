/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_CLIENT_GONE_H
#define CLP_HTTPD_CLIENT_GONE_H

#include <apr_time.h>

#include "httpd.h"

#include "upstream/transport.h"

/**
 * @file client_gone.h
 * @brief Notices that a client has left while nothing is being written to it.
 *
 * On HTTP/1 the client's socket is watched for the peer's FIN only, through an
 * epoll descriptor of its own: data that a pipelining client sends does not
 * make it readable. An HTTP/2 stream has no socket to watch: there the
 * connection's `aborted` flag, which mod_http2 sets, is looked at. The watch
 * begins a moment after the wait: answers that come at once need none.
 */
typedef struct clp_client_watch {
    conn_rec *c;
    int mind; /**< does it matter whether the client leaves? */
    int fd;   /**< readable once the client is gone; -1 = none */
    int begun;
    apr_time_t from; /**< when to begin */
} clp_client_watch;

/** nginx's number for a client that left before an answer began; for logs only. */
#define CLP_STATUS_CLIENT_GONE 499

/** Prepare to watch the client of a request; clp_client_watch_end() must follow.
 * With `mind` 0 the client never counts as gone. */
void clp_client_watch_init(clp_client_watch *w, request_rec *r, int mind);

/**
 * Let the transport take one step, at most `wait` long.
 * @return 1 if the client is gone (its connection is marked aborted), else 0
 */
int clp_client_watch_step(clp_client_watch *w, clp_transport *transport, apr_interval_time_t wait);

/** Look at the client now. @return as clp_client_watch_step() */
int clp_client_watch_look(clp_client_watch *w);

void clp_client_watch_end(clp_client_watch *w);

/** Is the client gone? For once, outside of a watch. */
int clp_client_left(request_rec *r);

#endif
