/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_ANSWER_INPUT_H
#define CLP_DIALECT_ANSWER_INPUT_H

#include <apr_pools.h>

#include "dialect/dialect.h"
#include "wire/json_scan.h"

/**
 * @file answer_input.h
 * @brief The bytes of an answer as JSON values: one document, or a stream of
 * events, whichever really came.
 *
 * The first byte decides; the Content-Type only where the first byte leaves it
 * open, for many upstreams answer a stream with a document or the other way
 * round. Invalid UTF-8 becomes U+FFFD; an event or document that is no JSON
 * becomes a problem. Values are valid during the call that hands them over.
 */
typedef struct clp_answer_handler {
    /** One event's data. */
    void (*event)(void *ctx, clp_jval root);
    /** `data: [DONE]`. */
    void (*done)(void *ctx);
    /** The whole body, for an answer that is no stream. */
    void (*document)(void *ctx, clp_jval root);
    /** The bytes cannot be read any further. Called at most once. */
    void (*broken)(void *ctx, clp_problem *problem);
    /**
     * All bytes are read and nothing was broken. Not called for a document,
     * which is whole by being JSON.
     */
    void (*ended)(void *ctx, clp_ending how);
} clp_answer_handler;

typedef struct clp_answer_input clp_answer_input;

/** More tokens than this are nonsense; sums of what is below cannot overflow. */
#define CLP_ANSWER_COUNT_MAX ((apr_int64_t)1 << 50)

/**
 * @param record_depth of the values handed over
 * @param handler must outlive the input
 */
clp_answer_input *clp_answer_input_make(apr_pool_t *pool, const clp_reader_options *options,
                                        apr_uint32_t record_depth,
                                        const clp_answer_handler *handler, void *ctx);

void clp_answer_input_feed(clp_answer_input *in, const char *p, apr_size_t n);
void clp_answer_input_finish(clp_answer_input *in, clp_ending how);

/** Nothing more is wanted: whatever follows is ignored. May be called by a handler. */
void clp_answer_input_stop(clp_answer_input *in);

/** A token count; -1 for what is none, or too large to be one. */
static inline apr_int64_t clp_answer_count(clp_jval v)
{
    apr_int64_t n = clp_jval_count_or(v, -1);
    return n <= CLP_ANSWER_COUNT_MAX ? n : -1;
}

#endif
