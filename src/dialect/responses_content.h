/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_CONTENT_H
#define CLP_DIALECT_RESPONSES_CONTENT_H

#include "reading.h"

/**
 * @file responses_content.h
 * @brief Reads the input of a Responses request: items become blocks and turns,
 * definitions of tools the conversation's tools.
 */

/** A type of items; lists of them end with a type of NULL. */
typedef struct clp_responses_item {
    const char *type;
    void (*read)(clp_reading *r, clp_jval item);
} clp_responses_item;

/** Read `input`, a string or items. */
void clp_responses_read_input(clp_reading *r, clp_jval root);

/** A new block of the assistant's turn: all it said and did until somebody else has the word. */
clp_block *clp_responses_assistant_block(clp_reading *r, clp_jval origin, clp_block_kind kind);

/** Read a list of tools; one that is there already by name is left as it is if `again`. */
void clp_responses_read_tools(clp_reading *r, clp_jval tools, int again);

/** Is it a type of tools that Responses has, or that one of the request's tools is of? */
int clp_responses_knows_tool(const clp_reading *r, clp_text type);

/** "space__inner", the name of a tool in a namespace. */
clp_text clp_responses_qualified(clp_reading *r, clp_text space, clp_text inner);

#endif
