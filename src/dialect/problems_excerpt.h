/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_PROBLEMS_EXCERPT_H
#define CLP_DIALECT_PROBLEMS_EXCERPT_H

#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file problems_excerpt.h
 * @brief A message for an error whose body has none: a page of HTML, a plain text, nothing.
 */

/** The status and the beginning of the body as a client may read it, without markup. */
const char *clp_problems_excerpt(int status, clp_span body, apr_pool_t *pool);

#endif
