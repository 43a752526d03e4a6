/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_DEMO_ASKED_H
#define CLP_GATEWAY_DEMO_ASKED_H

#include <apr_pools.h>

#include "dialect/conversation.h"

/**
 * @file demo_asked.h
 * @brief What a conversation asks the demo upstream for: by its user's last words, what tools
 * answered, and the choice of tools.
 */
typedef struct clp_demo_asked {
    const clp_conversation *c;
    apr_pool_t *pool;
    const clp_turn *tail; /* what came since the assistant spoke last */
} clp_demo_asked;

void clp_demo_asked_read(clp_demo_asked *a, const clp_conversation *c, apr_pool_t *pool);

/** What the tools told, as a text; NULL if none was asked. */
const char *clp_demo_results(const clp_demo_asked *a);

/** The user's last words, as an answer quotes them. */
const char *clp_demo_echo(const clp_demo_asked *a);

/** May the client be asked to call it? */
int clp_demo_is_callable(const clp_tool *t);

/** The tool to call; NULL if none; `*all` if all of them are wanted. */
const clp_tool *clp_demo_tool(const clp_demo_asked *a, int *all);

#endif
