/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_WEB_SEARCH_H
#define CLP_DIALECT_WEB_SEARCH_H

#include "dialect/conversation.h"
#include "wire/json_write.h"

/**
 * @file web_search.h
 * @brief What a client says of its wish to search the web, in any protocol.
 */
typedef struct clp_web_search {
    clp_jval location; /**< object with the members city, country, region, timezone; or absent */
    clp_text context_size; /**< OpenAI's word for how much to read, or absent */
    clp_jval allowed;      /**< the only domains to search, or absent */
    clp_jval blocked;      /**< domains not to search, or absent */
} clp_web_search;

/** Read a tool of a type web_search*, as its client gave it. */
void clp_web_search_read(clp_web_search *s, const clp_tool *tool, apr_pool_t *pool);

/** Members `allowed_domains` and `blocked_domains`, those that there are. */
void clp_web_search_write_domains(clp_jw *jw, const clp_web_search *s);

/**
 * Member `user_location`, if there is one.
 * @param nested the place is in an object of its own (Chat)
 */
void clp_web_search_write_location(clp_jw *jw, const clp_web_search *s, int nested);

#endif
