/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_ANSWER_H
#define CLP_DIALECT_CHAT_ANSWER_H

#include "chat_memo.h"
#include "dialect/dialect.h"
#include "wire/json_write.h"

/**
 * @file chat_answer.h
 * @brief What streams and documents of Chat have in common.
 */
typedef struct clp_chat_answer {
    apr_pool_t *pool;
    clp_buffer *out;
    clp_writer_options options;
    clp_chat_memo *memo;
    clp_buffer state; /* Gemini's in an envelope: of the next call, or what is written */
} clp_chat_answer;

/** @param a must stay where it is */
void clp_chat_answer_init(clp_chat_answer *a, const clp_writer_options *options, clp_buffer *out,
                          apr_pool_t *pool);

/** The `finish_reason` for it. */
const char *clp_chat_answer_finish(const clp_chat_answer *a, clp_stop stop);

/** Members of `usage` that old completions have, too; the estimate is told where nothing is known
 * of the prompt. */
void clp_chat_usage_totals(clp_jw *w, const clp_usage *u, apr_int64_t input_estimate);

/** Write the value of `usage`. */
void clp_chat_answer_usage(const clp_chat_answer *a, clp_jw *w, const clp_usage *u);

/**
 * Gemini's state as a client of today may have it, in a->state.
 * @return whether there is any
 */
int clp_chat_answer_seal(clp_chat_answer *a, clp_provider provider, clp_state_kind kind,
                         clp_span escaped);

static inline int clp_chat_is_call(clp_part_kind part)
{
    return part == CLP_PART_TOOL_CALL || part == CLP_PART_CUSTOM_CALL;
}

/** State that stands on a text, not on a call. */
static inline int clp_chat_is_of_text(clp_state_kind kind)
{
    return kind == CLP_STATE_PREV_TEXT || kind == CLP_STATE_EMPTY_TEXT;
}

/** A free-text tool is to clients of the function era a function with one string. */
static inline int clp_chat_is_wrapped(const clp_chat_answer *a, clp_part_kind part)
{
    return a->options.legacy_functions && part == CLP_PART_CUSTOM_CALL;
}

#endif
