/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_ANSWER_OUTPUT_H
#define CLP_DIALECT_ANSWER_OUTPUT_H

#include <apr_pools.h>

#include "dialect/dialect.h"

/**
 * @file answer_output.h
 * @brief What writers of answers share: texts within a line, ids, models.
 */

/**
 * Append an escaped text between a template's quotes. U+2028 and U+2029, which
 * some readers of lines take for line ends, are spelled as escapes.
 */
void clp_answer_text(clp_buffer *out, clp_span escaped);

/** Append raw JSON in one line, whatever it is spelled like; likewise. */
void clp_answer_raw(clp_buffer *out, clp_span json);

/**
 * The answer's id, escaped: the upstream's if it has the prefix of the client's
 * protocol, else the prefix and options->id.
 */
clp_span clp_answer_id(const char *prefix, clp_text upstreams, const clp_writer_options *options,
                       apr_pool_t *pool);

/**
 * A call's id: the upstream's, fitted to `max`, or for one without an id one
 * that is unique over conversations: prefix, options->id, '_' and its number.
 */
const char *clp_answer_call_id(const char *prefix, clp_text upstreams, int number, apr_size_t max,
                               const clp_writer_options *options, apr_pool_t *pool);

/** The answer's model, escaped: as the client asked, else as the upstream says; maybe empty. */
clp_span clp_answer_model(clp_text upstreams, const clp_writer_options *options, apr_pool_t *pool);

/**
 * Append the arguments of a free-text call for clients that know functions
 * only: the object {"input":"<text>"}.
 * @param escaped the text, as the inside of a JSON string
 */
void clp_answer_wrap(clp_buffer *out, clp_span escaped);

/** Plain text as the inside of a JSON string, in `pool`. */
clp_span clp_answer_escape(clp_text t, apr_pool_t *pool);

#endif
