/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_MESSAGES_CONTENT_H
#define CLP_DIALECT_MESSAGES_CONTENT_H

#include "reading.h"

/**
 * @file messages_content.h
 * @brief Reads the content blocks of a Messages request.
 */

/** Read `system` into the conversation: a string or text blocks. */
void clp_messages_read_system(clp_reading *r, clp_jval system);

/** Read `messages` into turns. */
void clp_messages_read_turns(clp_reading *r, clp_jval messages);

/** A search result as lines: title, source, texts. */
clp_text clp_messages_render_search(clp_reading *r, clp_jval block);

/**
 * Blocks that only Messages knows (a provider's own tools,
 * references to tools) as text for everybody else: their readable members,
 * nothing opaque.
 */
clp_text clp_messages_render(clp_reading *r, clp_jval block);

#endif
