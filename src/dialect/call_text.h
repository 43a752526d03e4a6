/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CALL_TEXT_H
#define CLP_DIALECT_CALL_TEXT_H

#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file call_text.h
 * @brief The text of a tool call that an upstream sent whole, or that had to be
 * collected. Holds scratch memory; results are valid until the next call.
 */
typedef struct clp_call_text clp_call_text;

/** How clp_call_text_object() begins what was no object. */
#define CLP_CALL_TEXT_WRAPPED "{\\\"_invalid_arguments\\\":"

clp_call_text *clp_call_text_make(apr_pool_t *pool);

/**
 * Arguments as a JSON object. An object stays as it was spelled, but for raw
 * control characters in strings, which become escapes. Blank text and null
 * become the empty text. Anything else becomes {"_invalid_arguments":"<text>"}
 * (see dialect/tools.h).
 * @param escaped the arguments, as the inside of a JSON string
 * @return likewise escaped
 */
clp_span clp_call_text_object(clp_call_text *t, clp_span escaped);

/**
 * The input of a free-text tool that the upstream knows as a function: the
 * string `input` (or `content`) of the arguments, or the arguments themselves
 * if they are no such object.
 */
clp_span clp_call_text_custom(clp_call_text *t, clp_span escaped);

#endif
