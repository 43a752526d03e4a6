/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_BLOCKS_H
#define CLP_DIALECT_CHAT_BLOCKS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "dialect/event.h"
#include "wire/json_scan.h"

/**
 * @file chat_blocks.h
 * @brief Texts and pieces of tool calls, as Chat chunks carry them, put into
 * blocks behind each other.
 *
 * Chunks say neither where a block ends nor, in many imitations of the
 * protocol, which call a piece belongs to. A call ends when its arguments are
 * a whole JSON object and something else wants to begin; what comes before
 * that waits (see lanes.h).
 */
typedef struct clp_chat_blocks clp_chat_blocks;

/**
 * @param names upstream tool name -> client's, may be NULL
 * @param cap bound on the bytes that wait
 */
clp_chat_blocks *clp_chat_blocks_make(clp_sink to, apr_table_t *names, apr_size_t cap,
                                      apr_pool_t *pool);

/** More text of some kind (escaped); no call. */
void clp_chat_blocks_text(clp_chat_blocks *b, clp_part_kind part, clp_span escaped);

/**
 * One entry of `tool_calls`; state of Gemini's on it becomes reasoning in front of the call.
 * @param whole it stands in a document, so nothing will follow
 */
void clp_chat_blocks_call(clp_chat_blocks *b, clp_jval entry, int whole);

/** State of Gemini's that a message carries: it belongs to the text before it. */
void clp_chat_blocks_state(clp_chat_blocks *b, clp_text state);

/** `function_call` of the function era. */
void clp_chat_blocks_function(clp_chat_blocks *b, clp_jval function, int whole);

/** All has come: close what is open, send what waits. */
void clp_chat_blocks_end(clp_chat_blocks *b);

/** What was wrong with the calls, or NULL. */
clp_problem *clp_chat_blocks_problem(const clp_chat_blocks *b);

#endif
