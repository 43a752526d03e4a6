/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_PARTS_H
#define CLP_DIALECT_GEMINI_PARTS_H

#include <apr_tables.h>

#include "call_text.h"
#include "dialect/dialect.h"
#include "wire/json_scan.h"

/**
 * @file gemini_parts.h
 * @brief The parts of an answer of Gemini as blocks.
 *
 * Parts are pieces: those of one kind that follow each other are one block, but
 * a call, a signed text and its state are blocks of their own.
 */
typedef struct clp_gemini_parts {
    apr_pool_t *pool;
    clp_sink sink;
    apr_table_t *names;
    clp_call_text *calls;
    clp_buffer text; /* of what is put at once */
    clp_part_kind part;
    unsigned open : 1; /* a block of kind `part` */
    unsigned passive : 1;
    unsigned usable : 1; /* there was text or a call */
} clp_gemini_parts;

void clp_gemini_parts_init(clp_gemini_parts *p, const clp_reader_options *options, clp_sink sink,
                           apr_pool_t *pool);

/**
 * The events of one part.
 * @return 0 for a call without a name, of which nothing was told
 */
int clp_gemini_parts_read(clp_gemini_parts *p, clp_jval v);

/** The end of the open block, if there is one. */
void clp_gemini_parts_close(clp_gemini_parts *p);

#endif
