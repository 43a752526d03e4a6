/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_MODELS_CACHE_H
#define CLP_GATEWAY_MODELS_CACHE_H

#include <pthread.h>

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "sched/channel.h"

/**
 * @file models_cache.h
 * @brief Lists of models that a process keeps for a while, one per channel set.
 *
 * A kept list is immutable and counted: a thread takes a reference under the
 * lock and reads without it. The lock is held for a few loads and stores only.
 */
#define CLP_MODELS_CACHE_ROWS 32

typedef struct clp_models_row {
    const clp_channel_set *set; /**< NULL = free */
    struct clp_models_kept *kept;
    apr_time_t expires;
} clp_models_row;

typedef struct clp_models_cache {
    pthread_mutex_t lock;
    clp_models_row rows[CLP_MODELS_CACHE_ROWS];
} clp_models_cache;

/** An empty cache needs no making. */
#define CLP_MODELS_CACHE_INIT                                                                      \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/** The list kept for a set, of clp_model; NULL if there is none or it has
 * expired. It stays valid as long as `pool`. Any thread. */
const apr_array_header_t *clp_models_cache_get(clp_models_cache *cache, const clp_channel_set *set,
                                               apr_time_t now, apr_pool_t *pool);

/** Keep a copy of a list; replaces the set's former one, or, when all rows are
 * taken, the one that expires first. Any thread. */
void clp_models_cache_put(clp_models_cache *cache, const clp_channel_set *set,
                          const apr_array_header_t *list, apr_time_t expires);

/** Let go of all lists. */
void clp_models_cache_clear(clp_models_cache *cache);

#endif
