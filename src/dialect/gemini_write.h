/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_WRITE_H
#define CLP_DIALECT_GEMINI_WRITE_H

#include "writing.h"

/**
 * @file gemini_write.h
 * @brief What the two files that write Gemini's requests share.
 */
typedef struct clp_gemini_writing {
    clp_writing w;
    int generation;   /* of the model: 2 for 2.5, 3, …; 0 = not known */
    int signatures;   /* thought signatures go back */
    int marks;        /* and Google's mark stands where none is known */
    const char *role; /* of the content that is open; NULL = none is */
} clp_gemini_writing;

/** Member `contents`. */
void clp_gemini_write_contents(clp_gemini_writing *g);

#endif
