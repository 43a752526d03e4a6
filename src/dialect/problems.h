/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_PROBLEMS_H
#define CLP_DIALECT_PROBLEMS_H

#include <apr_pools.h>

#include "wire/buffer.h"
#include "wire/json_scan.h"
#include "wire/problem.h"

/**
 * @file problems.h
 * @brief Errors of upstreams, understood in whatever shape they come.
 *
 * Relays put errors of one provider into the shape of another, or into their
 * own; so one reader understands all of them.
 */

/** Does this document, or event's data, tell of an error? */
int clp_problems_told(clp_jval root);

/** What clp_dialect.read_problem promises, for every dialect. */
clp_problem *clp_problems_read(int status, clp_span body, apr_pool_t *pool);

/**
 * The upstream's words as a client may read them, in `pool`: keys, URLs and
 * network addresses masked, control characters and invalid UTF-8 gone, at most
 * `max` bytes.
 */
const char *clp_problems_clean(clp_span plain, apr_size_t max, apr_pool_t *pool);

/** Append {"error":{message,type,param,code}} as OpenAI spells it. */
void clp_problems_write_openai(const clp_problem *p, clp_buffer *out);

/** The HTTP status OpenAI gives to the problem. */
int clp_problems_openai_status(const clp_problem *p);

/** OpenAI's `code` for the problem, or NULL. */
const char *clp_problems_openai_code(const clp_problem *p);

#endif
