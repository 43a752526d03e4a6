/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_CURL_ENGINE_H
#define CLP_UPSTREAM_CURL_ENGINE_H

#include "curl_transfer.h"

/**
 * @file curl_engine.h
 * @brief One engine: a CURLM with its connections, stepped by one thread at a time.
 *
 * Times are microseconds of a monotonic clock.
 */

/** Easy handles an engine keeps at most. */
#define CLP_CURL_SPARES 4

struct clp_curl_engine {
    clp_transport transport;              /**< first: what users hold is a pointer to it */
    clp_curl_engine *all_next, *all_prev; /**< every engine of the set; under the set's mutex */
    clp_curl_engine *idle_next;           /**< under the set's mutex */
    CURLM *multi;
    clp_transfer *alive;
    clp_curl_handle spare[CLP_CURL_SPARES]; /**< for its next transfers */
    int spares;
    int waiting;        /**< transfers not yet given to libcurl */
    int told;           /**< handlers called in this step */
    int inside;         /**< libcurl runs: its handles must stay */
    int dropped;        /**< transfers were cancelled meanwhile */
    apr_int64_t away;   /**< time that passed outside of step() */
    apr_int64_t left;   /**< when step() last returned; 0 = not since a transfer was alive */
    apr_int64_t looked; /**< when the client was last looked at */
};

/** NULL when out of memory. */
clp_curl_engine *clp_curl_engine_open(void);

/** End what is alive, without telling its handlers. */
void clp_curl_engine_clear(clp_curl_engine *e);

/** End what is alive, close the connections and free the engine. */
void clp_curl_engine_close(clp_curl_engine *e);

#endif
