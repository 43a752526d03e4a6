/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_JSON_SPLIT_H
#define CLP_DIALECT_JSON_SPLIT_H

#include <apr_pools.h>

#include "wire/buffer.h"

/**
 * @file json_split.h
 * @brief The elements of a JSON array, as they come: how Google streams where
 * nobody asked for events. Pretty printed or not; any split of the bytes gives
 * the same elements. What an element holds is not checked here.
 */
typedef struct clp_json_split clp_json_split;

/** Called for each element; the span is valid during the call. Nonzero stops. */
typedef int (*clp_json_split_fn)(void *ctx, clp_span element);

typedef enum clp_json_split_status {
    CLP_JSON_SPLIT_OK = 0,
    CLP_JSON_SPLIT_STOPPED,
    CLP_JSON_SPLIT_TOO_LARGE, /**< an element passed max_element */
    CLP_JSON_SPLIT_BROKEN     /**< no array of objects */
} clp_json_split_status;

clp_json_split *clp_json_split_make(apr_pool_t *pool, apr_size_t max_element, clp_json_split_fn fn,
                                    void *ctx);

clp_json_split_status clp_json_split_feed(clp_json_split *s, const char *p, apr_size_t n);

/** Has the array's end come? */
int clp_json_split_ended(const clp_json_split *s);

#endif
