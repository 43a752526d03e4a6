/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_ARGS_CHECK_H
#define CLP_DIALECT_ARGS_CHECK_H

#include "wire/buffer.h"
#include "wire/span.h"

/**
 * @file args_check.h
 * @brief Follows the arguments of a tool call, JSON inside a JSON string, as
 * they come in pieces: is the object whole yet, is it JSON at all?
 *
 * Clients parse what they have put together, and a raw line feed inside a
 * string or anything behind the object makes them throw. Models do write raw
 * line feeds, so control characters inside strings are respelled as escapes;
 * everything else that is no JSON is reported.
 */
typedef enum clp_args_state {
    CLP_ARGS_BLANK,    /**< nothing but white space so far */
    CLP_ARGS_OPEN,     /**< inside the object */
    CLP_ARGS_COMPLETE, /**< the object has ended; only white space may follow */
    CLP_ARGS_OTHER,    /**< it does not begin as an object; not followed any further */
    CLP_ARGS_BROKEN    /**< no JSON; stays so */
} clp_args_state;

#define CLP_ARGS_DEPTH 512

typedef struct clp_args_check {
    clp_args_state state;
    int step;         /**< private: place in the grammar */
    int hex;          /**< private: digits of a \\u escape still to come */
    int depth;        /**< private: open containers */
    const char *word; /**< private: rest of true, false or null */
    unsigned char arrays[CLP_ARGS_DEPTH / 8 + 1]; /**< private: bit per level, 1 = array */
} clp_args_check;

/** Before the first piece. */
void clp_args_check_init(clp_args_check *c);

/**
 * Follow one more piece.
 * @param escaped the inside of a valid JSON string
 * @param scratch cleared and used when something must be respelled
 * @return the piece to pass on: `escaped` itself, or a text in `scratch`
 */
clp_span clp_args_check_pass(clp_args_check *c, clp_span escaped, clp_buffer *scratch);

#endif
