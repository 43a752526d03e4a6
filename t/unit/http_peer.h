/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_HTTP_PEER_H
#define CLP_T_HTTP_PEER_H

/**
 * @file http_peer.h
 * @brief An upstream in threads of the test: for each path it has a way to answer, to be silent or
 * to break off. Any other path is told how many bytes came, and their sum.
 */

/** Bytes of the answer to "/big". */
#define HTTP_PEER_BIG (5 * 1024 * 1024)

/** What it has seen. */
typedef struct http_peer_seen {
    int port;
    int requests;
    int keys_seen;   /**< requests that carried "secret-key" */
    char head[8192]; /**< of the last request */
} http_peer_seen;

extern http_peer_seen http_peer;

/** Once a program. */
void http_peer_start(void);

/** How many connections were made to it. */
int http_peer_connections(void);

/** A listener on 127.0.0.1 that nobody serves. */
int http_peer_listen(int backlog, int *port);

#endif
