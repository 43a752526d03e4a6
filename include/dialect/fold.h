/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_FOLD_H
#define CLP_DIALECT_FOLD_H

#include <apr_pools.h>

#include "dialect/event.h"
#include "wire/buffer.h"

/**
 * @file fold.h
 * @brief Collects the events of one answer, for writers of documents.
 */
typedef struct clp_folded_block clp_folded_block;
struct clp_folded_block {
    clp_folded_block *next;
    clp_part_kind part;
    clp_text id;
    clp_text name;
    clp_buffer text;           /**< collected, in JSON-escaped spelling */
    clp_buffer signature;      /**< likewise */
    clp_provider provider;     /**< of reasoning: who made its state */
    clp_state_kind state_kind; /**< likewise */
};

typedef struct clp_fold {
    apr_pool_t *pool;
    clp_text id;
    clp_text model;
    clp_usage usage;
    clp_stop stop;
    clp_text stop_string;
    clp_span stop_details;
    clp_buffer logprobs; /**< elements of Chat's logprobs.content */
    clp_folded_block *blocks;
    clp_folded_block *last;
    int ended; /**< FINISH has come */
} clp_fold;

clp_fold *clp_fold_make(apr_pool_t *pool);

/** Take one event; texts are copied. PROBLEM and PING are ignored. */
void clp_fold_put(clp_fold *f, const clp_event *event);

#endif
