/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_SESSION_TABLE_H
#define CLP_STATE_SESSION_TABLE_H

#include <apr_time.h>

#include "wire/buffer.h"
#include "wire/span.h"

/**
 * @file session_table.h
 * @brief Named values of any length for a limited time, in memory that all
 * child processes share.
 *
 * A ring of bytes, written one value behind the other, and an index of names
 * (state/pin_table.h). Nothing locks: a writer first reserves its stretch of
 * the ring, fills it, then publishes it in the index. A process killed before
 * that has published nothing; one killed while another goes round the ring
 * leaves bytes whose check sum is wrong. Either reads as absent. When the ring
 * has been filled, what was written first goes first.
 */
typedef struct clp_session_table clp_session_table;

/** Smallest block that can be laid out. */
#define CLP_SESSION_TABLE_MIN ((apr_size_t)64 * 1024)

/** Lay out an empty table in `size` bytes of zeroed memory, 64-byte aligned. */
clp_session_table *clp_session_table_format(void *memory, apr_size_t size);

/** The table in memory that was laid out before; NULL if it is not one, or of
 * another layout or size. */
clp_session_table *clp_session_table_open(void *memory, apr_size_t size);

/** The longest value it takes: a quarter of its ring. */
apr_size_t clp_session_table_max(const clp_session_table *t);

/**
 * Store a value under a name; what stood under the name is replaced. Any
 * thread, any process.
 * @return 0 if it is empty or longer than clp_session_table_max()
 */
int clp_session_table_put(clp_session_table *t, clp_span name, clp_span value, apr_time_t expires);

/**
 * Append the value to `out`.
 * @return 0 if there is none: unknown, expired or overwritten; `out` is then as before
 */
int clp_session_table_get(const clp_session_table *t, clp_span name, apr_time_t now,
                          clp_buffer *out);

/** Forget a name, and wipe its value from the memory unless it is about to be overwritten. */
void clp_session_table_remove(clp_session_table *t, clp_span name, apr_time_t now);

typedef struct clp_session_usage {
    apr_uint64_t values; /**< that can be got */
    apr_uint64_t bytes;  /**< written so far, until the ring is full */
    apr_uint64_t room;   /**< of the ring */
} clp_session_usage;

/** How much is in it. Looks at every row of the index. */
void clp_session_table_use(const clp_session_table *t, apr_time_t now, clp_session_usage *usage);

#endif
