/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_WRITE_H
#define CLP_DIALECT_CHAT_WRITE_H

#include "writing.h"

/**
 * @file chat_write.h
 * @brief What Chat requests of today and of the function era share when they
 * are written.
 */

/** May a client's typed tool be sent as a function? */
int clp_chat_knows_builtin(const clp_tool *tool);

/**
 * The system prompt as one message, if there is any.
 * @param native CLP_NATIVE_*: what need not be asked for in words
 */
void clp_chat_write_instructions(clp_writing *w, const char *role, unsigned native);

/** The string that answers a call: its text, joined by line ends. */
void clp_chat_write_result(clp_writing *w, const clp_answered *a);

/**
 * What stands in a user's round beside the results: what came with these and
 * is no text, the user's own words, and instructions in their place.
 */
void clp_chat_write_user_round(clp_writing *w, const clp_round *round, const char *system_role);

/** Does the round hold text for member `content`? */
int clp_chat_has_text(const clp_writing *w, const clp_round *round);

/** Member `content` of an assistant's message: its text, or null. */
void clp_chat_write_text(clp_writing *w, const clp_round *round);

/** An object with the members name and arguments of a call. */
void clp_chat_write_call(clp_writing *w, const clp_block *b);

/** Members name, description, parameters of a function. */
void clp_chat_write_function(clp_writing *w, const clp_tool *tool);

/** Members from the cap's to `stop`; they differ in the cap's name only. */
void clp_chat_write_parameters(clp_writing *w, const char *cap);

/** Member `response_format`. */
void clp_chat_write_format(clp_writing *w, unsigned native);

#endif
