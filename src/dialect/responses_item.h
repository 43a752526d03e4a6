/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_ITEM_H
#define CLP_DIALECT_RESPONSES_ITEM_H

#include <apr_tables.h>

#include "args_check.h"
#include "lanes.h"
#include "wire/json_scan.h"
#include "wire/problem.h"

/**
 * @file responses_item.h
 * @brief One output item of a Responses answer, and the blocks that it becomes.
 *
 * What is told piece by piece and told again as a whole counts once: of the
 * whole only what has not come yet. Texts are escaped; an index is that within
 * the item's content or summary.
 */

/** The blocks of all items. */
typedef struct clp_responses_blocks {
    apr_pool_t *pool;
    apr_table_t *names; /* of tools: the upstream's -> the client's; may be NULL */
    clp_lanes *lanes;
    apr_size_t cap; /* bytes that may wait; 0 = no bound */
    clp_buffer scratch;
    clp_buffer state;
    clp_problem *problem;
} clp_responses_blocks;

typedef struct clp_responses_item clp_responses_item;
struct clp_responses_item {
    clp_responses_item *next; /* the owner's */
    apr_int64_t index;        /* output_index */
    clp_part_kind part;
    clp_lane *lane;    /* its open block, or NULL */
    apr_int64_t place; /* content_index or summary_index of that block's text */
    clp_buffer sent;   /* text of the open block, escaped, as far as it fits */
    clp_buffer id;     /* the item's own id, escaped */
    clp_args_check check;
    unsigned summary : 1; /* reasoning: told by its summary */
    unsigned content : 1; /* reasoning: told by its content */
    unsigned spoke : 1;   /* message: a text was told */
    unsigned done : 1;
};

void clp_responses_blocks_init(clp_responses_blocks *b, clp_sink sink, apr_table_t *names,
                               apr_size_t cap, apr_pool_t *pool);

/** What was wrong with the items so far, or NULL. */
const clp_problem *clp_responses_blocks_problem(clp_responses_blocks *b);

clp_responses_item *clp_responses_item_make(clp_responses_blocks *b, apr_int64_t index,
                                            clp_part_kind part);

/** A piece of a message's text or refusal; another place or kind is another block. */
void clp_responses_item_text(clp_responses_blocks *b, clp_responses_item *i, clp_part_kind part,
                             apr_int64_t place, clp_span escaped);
void clp_responses_item_whole_text(clp_responses_blocks *b, clp_responses_item *i,
                                   clp_part_kind part, apr_int64_t place, clp_span whole);

/** A piece of a summary, whose parts are paragraphs of one text. */
void clp_responses_item_summary(clp_responses_blocks *b, clp_responses_item *i, apr_int64_t place,
                                clp_span escaped);

/** A piece of reasoning in full: where there is a summary, that is what counts. */
void clp_responses_item_reasoning(clp_responses_blocks *b, clp_responses_item *i, apr_int64_t place,
                                  clp_span escaped);

/**
 * A call begins.
 * @param v     the item, with its name
 * @param whole its arguments come in one piece
 */
void clp_responses_item_open_call(clp_responses_blocks *b, clp_responses_item *i, clp_jval v,
                                  int whole);

/** A piece of the open call's arguments; ignored if no call is open. */
void clp_responses_item_arguments(clp_responses_blocks *b, clp_responses_item *i, clp_span escaped);
void clp_responses_item_whole_arguments(clp_responses_blocks *b, clp_responses_item *i,
                                        clp_span whole);

/** The item as it is at its end, `v`; ignored if that was told before. */
void clp_responses_item_complete(clp_responses_blocks *b, clp_responses_item *i, clp_jval v);

/** The end of the item's open block, if there is one. */
void clp_responses_item_close(clp_responses_blocks *b, clp_responses_item *i);

#endif
