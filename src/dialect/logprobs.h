/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_LOGPROBS_H
#define CLP_DIALECT_LOGPROBS_H

#include "wire/json_scan.h"
#include "wire/json_write.h"

/**
 * @file logprobs.h
 * @brief How likely the tokens of an answer were, between Chat's words and
 * Gemini's. CLP_EVENT_LOGPROBS has Chat's: elements of choices[].logprobs.content.
 */

/** The elements of a Chat choice's logprobs.content as they are spelled; empty if there are none.
 */
clp_span clp_logprobs_of_chat(clp_jval choice);

/**
 * Append the same, made from Gemini's logprobsResult. Google tells no bytes of a token.
 * @param json scratch, scanned anew
 */
void clp_logprobs_of_gemini(clp_buffer *out, clp_span result, clp_json *json);

/** The value of a Chat choice's `logprobs`; null for no elements. */
void clp_logprobs_write_chat(clp_jw *w, clp_span elements);

/** The value of Gemini's logprobsResult; `elements` are whole JSON. */
void clp_logprobs_write_gemini(clp_jw *w, clp_span elements, apr_pool_t *pool);

#endif
