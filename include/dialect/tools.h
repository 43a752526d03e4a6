/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_TOOLS_H
#define CLP_DIALECT_TOOLS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "dialect/conversation.h"
#include "wire/buffer.h"
#include "wire/json_write.h"
#include "wire/problem.h"

/**
 * @file tools.h
 * @brief Tool names, ids and arguments, the same way for every dialect.
 */

/** Longest tool name and id by protocol. */
#define CLP_TOOL_NAME_MESSAGES  128
#define CLP_TOOL_NAME_CHAT      64
#define CLP_TOOL_ID_CHAT        40
#define CLP_TOOL_ID_MESSAGES    256
#define CLP_TOOL_NAME_RESPONSES 64
#define CLP_TOOL_ID_RESPONSES   64

/**
 * Names of one request's tools as its upstream may have them. The same name
 * always maps to the same fitted name; two tools that would meet are refused.
 */
typedef struct clp_tool_names clp_tool_names;

/**
 * Fit all tool names of a conversation (definitions, choice and history).
 * @param max longest name the target takes
 * @return a problem if two different names collide or one is defined twice
 */
clp_problem *clp_tool_names_make(clp_tool_names **out, const clp_conversation *c, apr_size_t max,
                                 apr_pool_t *pool);

/** The fitted name of a tool the client calls `name`; in the pool of the names. */
const char *clp_tool_names_fit(clp_tool_names *names, clp_text name);

/**
 * The target knows the custom tool `name` only as a function with one string
 * member `input`: note it in the table of changed names.
 */
void clp_tool_names_bridge(clp_tool_names *names, clp_text name);

/**
 * First byte of a value in the table of changed names: the tool is a custom one.
 * Other bridges (clp_tool_bridge, namespaces) need no mark: to readers they are functions, and the
 * client's own writer finds the tool by its name in the request.
 */
#define CLP_TOOL_CUSTOM_MARK '\x01'

/**
 * Table fitted -> client's name for those that changed, and for custom tools
 * that the target only knows as functions; NULL if there is none. Read it with
 * clp_tool_names_lookup() only: the name of a custom tool has a mark in front
 * (CLP_TOOL_CUSTOM_MARK), and tool names know case while apr_table_get() does
 * not.
 */
apr_table_t *clp_tool_names_changed(const clp_tool_names *names);

/**
 * The client's name for a tool that an upstream called `name`.
 * @param table of clp_tool_names_changed(), may be NULL
 * @param custom out: 1 if the client's tool is a free-text one. Its call's
 *        arguments are then {"input":"<text>"} and become a CLP_PART_CUSTOM_CALL
 * @return `name` itself when nothing has to be restored
 */
const char *clp_tool_names_lookup(const apr_table_t *table, const char *name, int *custom);

/** A call id that the target's limits allow; the same for the call and its result. */
const char *clp_tool_id_fit(clp_text id, apr_size_t max, apr_pool_t *pool);

/**
 * Write the input of a call as a JSON object. Empty text and null become {};
 * an object goes out as it was spelled; text that is no JSON object becomes
 * {"_invalid_arguments":"<the text>"}, which clp_tool_input_text() turns back.
 */
void clp_tool_input_object(clp_jw *w, const clp_tool_input *input, apr_pool_t *pool);

/** Write the input of a call as a JSON string holding its text. */
void clp_tool_input_text(clp_jw *w, const clp_tool_input *input, apr_pool_t *pool);

/** Prefix by which a failed tool result is told where no flag exists. */
#define CLP_TOOL_ERROR_PREFIX "[tool error] "

#endif
