/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_CALLS_H
#define CLP_DIALECT_GEMINI_CALLS_H

#include <apr_tables.h>

#include "reading.h"

/**
 * @file gemini_calls.h
 * @brief Calls of a Gemini request and the responses that belong to them, which need no ids.
 */
typedef struct clp_gemini_calls {
    clp_reading *r;
    apr_array_header_t *calls; /* of the last model's turn */
    int content;               /* which content is read */
    int part;                  /* and which of its parts */
} clp_gemini_calls;

void clp_gemini_calls_init(clp_gemini_calls *c, clp_reading *r);

/** A new turn of the model's: responses belong to its calls only. */
void clp_gemini_calls_forget(clp_gemini_calls *c);

/** Read a functionCall into block `b`. Without an id it gets one that the same request gives again.
 */
void clp_gemini_read_call(clp_gemini_calls *c, clp_jval v, clp_block *b);

/**
 * Read a functionResponse into block `b`. It belongs to the call of its id, then to the first of
 * its name that has none yet, then to the first.
 */
void clp_gemini_read_result(clp_gemini_calls *c, clp_jval v, clp_block *b);

#endif
