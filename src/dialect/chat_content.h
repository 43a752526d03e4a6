/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_CONTENT_H
#define CLP_DIALECT_CHAT_CONTENT_H

#include "reading.h"

/**
 * @file chat_content.h
 * @brief Reads the messages of a Chat request, of today and of the function era.
 */

/** Read `messages`: the leading instructions, then the turns. */
void clp_chat_read_turns(clp_reading *r, clp_jval messages);

#endif
