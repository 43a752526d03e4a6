/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_INSTANT_H
#define CLP_WIRE_INSTANT_H

#include <apr_pools.h>
#include <apr_time.h>

/**
 * @file instant.h
 * @brief Points in time as texts of RFC 3339: "2026-11-23T10:00:00Z".
 */

/**
 * The whole text has to be an instant: date, time, maybe a fraction of a second, and Z or an
 * offset. Days that no calendar has are none; a leap second counts as the second behind it.
 * @return 1, or 0 and `out` is left alone
 */
int clp_instant_parse(const char *text, apr_time_t *out);

/** In UTC, whole seconds (rounded down): "2026-11-23T10:00:00Z". */
const char *clp_instant_text(apr_time_t when, apr_pool_t *pool);

#endif
