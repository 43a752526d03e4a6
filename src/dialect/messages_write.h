/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_MESSAGES_WRITE_H
#define CLP_DIALECT_MESSAGES_WRITE_H

#include "reasoning.h"
#include "writing.h"

/**
 * @file messages_write.h
 * @brief A Messages request being written.
 */
typedef struct clp_messages_writing {
    clp_writing w;
    int cache_marks; /**< written so far */
    clp_thinking_plan thinking;
} clp_messages_writing;

/** Member cache_control, unless there are already as many as Messages takes. */
void clp_messages_write_cache(clp_messages_writing *m, clp_span cache);

/** A text block; returns whether one was written: Messages refuses blank ones. */
int clp_messages_write_text(clp_messages_writing *m, clp_text text, clp_span cache);

/** Member `messages`. */
void clp_messages_write_turns(clp_messages_writing *m);

/**
 * Is this reasoning that the provider can check? Without a signature it is not
 * its own and would be refused.
 */
int clp_messages_is_state(const clp_block *b);

#endif
