/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_CURL_ENGINES_H
#define CLP_UPSTREAM_CURL_ENGINES_H

#include <apr_pools.h>

#include "upstream/transport.h"

/**
 * @file curl_engines.h
 * @brief The transport on libcurl: the engines of a process.
 *
 * An engine is one CURLM with its connections. A process keeps its idle
 * engines in a last-in-first-out list, so that few warm connections serve
 * many threads; a thread takes one per request and gives it back. libcurl
 * promises nothing across fork(): make the set in the child.
 */
typedef struct clp_curl_engines clp_curl_engines;

/**
 * Initialise libcurl for this process and make the (empty) set. Call once per
 * child process; the pool's clean-up closes everything. NULL if libcurl fails.
 * @param max_idle most idle engines kept; further ones are closed when given back
 */
clp_curl_engines *clp_curl_engines_make(apr_pool_t *pool, int max_idle);

/** An idle engine or a new one; NULL when out of memory. Any thread. */
clp_transport *clp_curl_engine_take(clp_curl_engines *set);

/** Give an engine back once none of its transfers is alive. Any thread. */
void clp_curl_engine_give(clp_curl_engines *set, clp_transport *engine);

#endif
