/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_THINK_TAGS_H
#define CLP_DIALECT_THINK_TAGS_H

#include <apr_pools.h>

#include "dialect/event.h"
#include "wire/buffer.h"
#include "wire/text.h"

/**
 * @file think_tags.h
 * @brief Reasoning that a self-hosted model writes as <think>…</think> at the
 * very start of its text. Tags may be split over deltas anywhere; later tags
 * are text.
 */
typedef void (*clp_think_tags_fn)(void *ctx, clp_part_kind part, clp_span escaped);

typedef struct clp_think_tags {
    int place;               /**< private */
    clp_buffer plain;        /**< private: decoded text that is not yet told apart */
    clp_buffer out;          /**< private */
    clp_buffer joined;       /**< private */
    clp_surrogate_hold hold; /**< private */
} clp_think_tags;

void clp_think_tags_init(clp_think_tags *t, apr_pool_t *pool);

/** One more piece of text; `put` is called for what can be told of it, in order. */
void clp_think_tags_pass(clp_think_tags *t, clp_span escaped, clp_think_tags_fn put, void *ctx);

/** No more text comes: what was held back goes out. */
void clp_think_tags_end(clp_think_tags *t, clp_think_tags_fn put, void *ctx);

#endif
