/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_NAMES_H
#define CLP_DIALECT_GEMINI_NAMES_H

#include "reading.h"

/**
 * @file gemini_names.h
 * @brief Members under either of the two spellings that Google takes:
 * camelCase and the snake_case of its protocol buffers.
 */

/** The spelling by which `parent` has the member; the first one if it has none. */
const char *clp_gemini_name(clp_jval parent, const char *camel, apr_pool_t *pool);

/** The member by either spelling. */
clp_jval clp_gemini_get(clp_jval parent, const char *camel);

/** Is this member's name that word, in either spelling? */
int clp_gemini_named(clp_jval member, const char *camel);

#endif
