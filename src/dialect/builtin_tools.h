/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_BUILTIN_TOOLS_H
#define CLP_DIALECT_BUILTIN_TOOLS_H

#include "dialect/conversation.h"

/**
 * @file builtin_tools.h
 * @brief The tools of Messages that have no schema on the wire, because
 * Anthropic's models know it: what they look like as functions.
 */
typedef struct clp_builtin_tool {
    const char *type; /**< how its type begins */
    const char *description;
    const char *schema;
} clp_builtin_tool;

/** NULL if nothing is known about the tool's type. */
const clp_builtin_tool *clp_builtin_tool_find(const clp_tool *tool);

#endif
