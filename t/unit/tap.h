/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_TAP_H
#define CLP_T_TAP_H

#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file tap.h
 * @brief The Test Anything Protocol for unit tests.
 *
 * main() calls tap_begin() once and returns tap_end(). Every check prints one
 * line; a failed one prints what was got and what was expected.
 */

/** Initialise APR and give the pool of the whole program. */
apr_pool_t *tap_begin(void);
/** Print the plan; 0 when all passed, else 1. */
int tap_end(void);

int tap_ok(int pass, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int tap_is_span(clp_span got, clp_span want, const char *file, int line, const char *name);
int tap_is_int(long long got, long long want, const char *file, int line, const char *name);

#define OK(cond, ...)          tap_ok(!!(cond), __FILE__, __LINE__, __VA_ARGS__)
#define IS_SPAN(got, want, nm) tap_is_span((got), (want), __FILE__, __LINE__, (nm))
#define IS_STR(got, want, nm)                                                                      \
    tap_is_span(clp_span_str(got), clp_span_str(want), __FILE__, __LINE__, (nm))
#define IS_INT(got, want, nm)                                                                      \
    tap_is_int((long long)(got), (long long)(want), __FILE__, __LINE__, (nm))

/** A comment line in the output. */
void tap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
