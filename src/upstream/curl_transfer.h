/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_CURL_TRANSFER_H
#define CLP_UPSTREAM_CURL_TRANSFER_H

#include "curl_handle.h"

/**
 * @file curl_transfer.h
 * @brief One request on one easy handle: what libcurl calls back, what its result means, and its
 * deadlines. The engine owns the handle's life.
 *
 * Times are microseconds of a monotonic clock.
 */
typedef struct clp_curl_engine clp_curl_engine;

typedef enum clp_transfer_place {
    CLP_TRANSFER_WAITS, /**< began, not yet given to libcurl */
    CLP_TRANSFER_RUNS,  /**< with libcurl */
    CLP_TRANSFER_GONE   /**< ended or cancelled; the engine has forgotten it */
} clp_transfer_place;

struct clp_transfer {
    clp_curl_engine *engine;
    clp_transfer *next, *prev; /**< in the engine's list of transfers that are alive */
    clp_transfer_place place;
    clp_curl_handle handle;
    clp_transfer_handler handler;
    apr_pool_t *pool;
    clp_timeouts timeouts;
    clp_span body;
    const char *broken;          /**< why it cannot even be started, or NULL */
    const clp_host_rules *hosts; /**< of the request */
    const char *forbidden; /**< the last address that they forbade, and what it is; NULL = none */

    apr_table_t *headers;
    apr_size_t head_bytes; /**< of all heads, interim ones too */
    int status;            /**< of the head that is being read; 0 between heads */

    apr_int64_t begun;
    apr_int64_t last_read; /**< on the clock that stops while nobody steps */
    unsigned opened : 1;   /**< a connection was tried that may be */
    unsigned sent : 1;     /**< a connection is there and the request goes out */
    unsigned head_told : 1;
    unsigned body_begun : 1;
    unsigned moved : 1;     /**< the handler was called since the engine last looked */
    unsigned too_large : 1; /**< the head passed its bound */
    unsigned cancelled : 1;
    char error[CURL_ERROR_SIZE];
};

/* What libcurl calls back (CURLOPT_HEADERFUNCTION and so on); ctx is the transfer. */
size_t clp_curl_on_header(char *line, size_t size, size_t n, void *ctx);
size_t clp_curl_on_body(char *p, size_t size, size_t n, void *ctx);
int clp_curl_on_connected(void *ctx, char *peer, char *own, int peer_port, int own_port);
curl_socket_t clp_curl_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a);

/** What libcurl's result means for this transfer. */
clp_transfer_end clp_curl_transfer_result(const clp_transfer *t, CURLcode rc);

/**
 * The next deadline.
 * @param away time that nobody stepped the engine, so far; stretches idle_ms
 * @param how out: what passing it means
 * @return when, or APR_INT64_MAX for never
 */
apr_int64_t clp_curl_transfer_deadline(const clp_transfer *t, apr_int64_t away,
                                       clp_transfer_end *how);

#endif
