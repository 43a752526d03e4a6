/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_RESPONSE_ITEMS_H
#define CLP_GATEWAY_RESPONSE_ITEMS_H

#include "gateway/session.h"
#include "wire/problem.h"

/**
 * @file response_items.h
 * @brief GET /v1/responses/{id}/input_items of a stored response.
 */
typedef struct clp_items_page {
    const char *limit; /**< as the query says it; NULL = 20 */
    const char *order; /**< "asc" or "desc"; NULL = "desc" */
    const char *after; /**< id of the item in front of the first; NULL = from the beginning */
} clp_items_page;

/**
 * Append the list. Items that came without an id get one that stays the same
 * for this response; text that came as a string is shown as a part.
 * @return NULL, or what is wrong with the page
 */
clp_problem *clp_response_items(clp_buffer *out, const clp_session_record *record,
                                const clp_items_page *page, apr_pool_t *pool);

#endif
