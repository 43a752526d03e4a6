/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_ECHO_H
#define CLP_DIALECT_RESPONSES_ECHO_H

#include "dialect/dialect.h"

/**
 * @file responses_echo.h
 * @brief What an answer of Responses takes from its request: the members that
 * are repeated, and the tools as the client knows them.
 */
typedef struct clp_responses_echo clp_responses_echo;

/** From options->request, which may be NULL or another dialect's. */
clp_responses_echo *clp_responses_echo_make(const clp_writer_options *options, apr_pool_t *pool);

/**
 * The members of a response object that follow `usage`, each with a comma in
 * front, without line ends.
 */
clp_span clp_responses_echo_members(clp_responses_echo *echo);

/** The request's tool of this name, or NULL. */
const clp_tool *clp_responses_echo_tool(const clp_responses_echo *echo, clp_text name);

/**
 * Append the member that says what a bridged call wants, with a comma in
 * front.
 * @param arguments escaped; an object, or whatever the model wrote
 */
void clp_responses_echo_action(clp_responses_echo *echo, clp_tool_bridge bridge, clp_span arguments,
                               clp_buffer *out);

#endif
