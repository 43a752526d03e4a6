/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_CLIENT_GONE_H
#define CLP_HTTPD_CLIENT_GONE_H

#include "httpd.h"

/**
 * @file client_gone.h
 * @brief Notices that a client has left while nothing is being written to it.
 *
 * On HTTP/1 the client's socket is watched for the peer's FIN only, through an
 * epoll descriptor of its own: data that a pipelining client sends does not
 * make it readable. An HTTP/2 stream has no socket to watch: there the
 * connection's `aborted` flag, which mod_http2 sets, has to be looked at.
 */
typedef struct clp_client_watch {
    int fd; /**< readable once the client is gone; -1 = none to wait on */
} clp_client_watch;

/** Begin to watch the client of a request; call clp_client_watch_end() after. */
void clp_client_watch_begin(clp_client_watch *w, request_rec *r);

void clp_client_watch_end(clp_client_watch *w);

#endif
