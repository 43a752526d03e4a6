/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_INPUT_H
#define CLP_DIALECT_GEMINI_INPUT_H

#include "answer_input.h"

/**
 * @file gemini_input.h
 * @brief The bytes of an answer of Gemini as JSON values, whichever way they
 * came: one document, a stream of events, or an array that grows.
 *
 * As answer_input.h, with two more shapes: each element of an array is handed
 * over as an event, and an error document that stands bare behind events is
 * what breaks them off.
 */
typedef struct clp_gemini_input clp_gemini_input;

/** @see clp_answer_input_make() */
clp_gemini_input *clp_gemini_input_make(apr_pool_t *pool, const clp_reader_options *options,
                                        apr_uint32_t record_depth,
                                        const clp_answer_handler *handler, void *ctx);

void clp_gemini_input_feed(clp_gemini_input *in, const char *p, apr_size_t n);
void clp_gemini_input_finish(clp_gemini_input *in, clp_ending how);

/** @see clp_answer_input_stop() */
void clp_gemini_input_stop(clp_gemini_input *in);

#endif
