/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_CURL_TRANSFER_H
#define CLP_UPSTREAM_CURL_TRANSFER_H

#include <curl/curl.h>

#include "upstream/transport.h"

/**
 * @file curl_transfer.h
 * @brief One request on one easy handle: its options, what libcurl calls back,
 * what its result means, and its deadlines. The engine owns the handle's life.
 *
 * Times are microseconds of a monotonic clock.
 */
typedef struct clp_curl_engine clp_curl_engine;

typedef enum clp_transfer_place {
    CLP_TRANSFER_WAITS, /**< began, not yet given to libcurl */
    CLP_TRANSFER_RUNS,  /**< with libcurl */
    CLP_TRANSFER_GONE   /**< ended or cancelled; the engine has forgotten it */
} clp_transfer_place;

/**
 * What a handle was set up for, as far as it costs time to set: one that is
 * used again for the like keeps it. The words of the setting itself, so that
 * no two settings are taken for one; empty: a fresh handle, or one to reset.
 */
typedef struct clp_curl_shape {
    char words[256];
    char url[256]; /**< what `parsed` was made from; empty: the handle has it as text */
    CURLU *parsed; /**< owned by whoever owns the handle; NULL = none yet */
} clp_curl_shape;

struct clp_transfer {
    clp_curl_engine *engine;
    clp_transfer *next, *prev; /**< in the engine's list of transfers that are alive */
    clp_transfer_place place;
    CURL *easy;
    clp_curl_shape shape; /**< what `easy` is set up for */
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

/**
 * Set all options of a handle for a request, and the transfer as what its
 * callbacks get. On failure t->broken says why.
 * @param shape of the handle; updated
 */
void clp_curl_transfer_prepare(clp_transfer *t, const clp_transfer_request *request,
                               clp_curl_shape *shape);

/** Take a finished transfer's memory out of its handle. */
void clp_curl_transfer_detach(CURL *easy);

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
