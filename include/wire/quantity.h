/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_QUANTITY_H
#define CLP_WIRE_QUANTITY_H

#include <apr_pools.h>

/**
 * @file quantity.h
 * @brief Numbers with a unit, as people write them into configuration files.
 *
 * All of them want the whole text to be the quantity: no blanks, no sign, no
 * fraction. They return 1, or 0 and leave `out` alone when the text is none
 * or the value does not fit.
 */

/** A count: decimal digits. */
int clp_count_parse(const char *text, apr_int64_t *out);

/** Bytes: a count with an optional k, m or g (powers of 1024, either case). */
int clp_size_parse(const char *text, apr_int64_t *out);

/**
 * Milliseconds: a count with ms, s, m or min, h, d; seconds when there is no
 * unit. Either case.
 */
int clp_time_parse(const char *text, apr_int64_t *out);

/** A time as it would be written, in the largest unit that says it exactly: "15m", "1500ms". */
const char *clp_time_show(apr_int64_t ms, apr_pool_t *pool);

#endif
