/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_ITEMS_H
#define CLP_DIALECT_RESPONSES_ITEMS_H

#include <apr_tables.h>

#include "dialect/event.h"
#include "wire/json_scan.h"

/**
 * @file responses_items.h
 * @brief The output items of a Responses answer as blocks.
 *
 * An item may be told by events, by its last event alone, or only by the list
 * in the answer's last event; each text counts once. Events name their item by
 * its output_index, and items may come interleaved.
 */
typedef struct clp_responses_items clp_responses_items;

/**
 * @param names tools' names as the upstream knows them -> as the client does; may be NULL
 * @param cap bytes that may wait; 0 = no bound
 */
clp_responses_items *clp_responses_items_make(clp_sink sink, apr_table_t *names, apr_size_t cap,
                                              apr_pool_t *pool);

/** An event that concerns an item; others are ignored. */
void clp_responses_items_event(clp_responses_items *t, clp_jval root, clp_span type);

/** The answer's end: `output` is its list of items, or absent. */
void clp_responses_items_end(clp_responses_items *t, clp_jval output);

/** What was wrong with the items, or NULL. */
const clp_problem *clp_responses_items_problem(clp_responses_items *t);

/** What an item of this type is to others. */
clp_part_kind clp_responses_item_part(clp_jval type);

#endif
