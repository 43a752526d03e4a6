/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_CASES_H
#define CLP_T_CASES_H

#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file cases.h
 * @brief Tables of test cases: a line each, fields parted by tabs, # comments.
 * \xNN in a field stands for that byte; every other backslash for itself.
 */
#define CASES_FIELDS 8

typedef struct cases_row {
    int line;
    int n;
    clp_span field[CASES_FIELDS]; /**< absent past n */
} cases_row;

/** Call `fn` per row of the file (its path is from the top of the sources); gives the rows. */
int cases_each(apr_pool_t *pool, const char *path, void (*fn)(void *ctx, const cases_row *row),
               void *ctx);

/** The whole file; ends the test program if there is none. */
clp_span cases_slurp(apr_pool_t *pool, const char *path);

#endif
