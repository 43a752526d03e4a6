/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_PIN_TABLE_H
#define CLP_STATE_PIN_TABLE_H

#include <apr_time.h>

#include "wire/span.h"

/**
 * @file pin_table.h
 * @brief Which channel and key hold something that lives upstream (a message
 * thread), in memory that all child processes share.
 *
 * A fixed hash table in a block the caller provides: no pointers, no locks. A
 * row is guarded by a sequence number; a row that is being written reads as
 * absent. When a bucket is full the row that expires first gives way. Names
 * are kept as hashes: the table holds no secret and nothing of a prompt.
 */
typedef struct clp_pin_table clp_pin_table;

typedef struct clp_pin {
    apr_uint64_t channel; /**< clp_pin_hash() of the channel's name */
    apr_uint64_t key;     /**< clp_pin_hash() of the key's id */
} clp_pin;

/** A name as the table knows it: half of its SHA-256, since clients choose names and nobody shall
 * find one that meets another's. */
typedef struct clp_pin_name {
    apr_uint64_t half[2];
} clp_pin_name;

/** Costs more than a look-up: make it once where a name is used more than once. */
clp_pin_name clp_pin_name_of(clp_span what);

/** Bytes needed for at least `rows` rows. */
apr_size_t clp_pin_table_size(apr_uint32_t rows);

/** The rows for which so many bytes are enough. */
apr_uint32_t clp_pin_table_rows(apr_size_t size);

/** Lay out an empty table in zeroed memory, 64-byte aligned. */
clp_pin_table *clp_pin_table_format(void *memory, apr_uint32_t rows);

/** The table in memory that was laid out before; NULL if it is not one, or of
 * another layout. */
clp_pin_table *clp_pin_table_open(void *memory, apr_size_t size);

/** Bytes that the table takes. */
apr_size_t clp_pin_table_bytes(const clp_pin_table *t);

/** A hash that is the same in every process. */
apr_uint64_t clp_pin_hash(clp_span s);

/** Remember; replaces what was known for `what`. Any thread, any process. */
void clp_pin_table_put(clp_pin_table *t, clp_pin_name what, clp_pin pin, apr_time_t expires);

/** Look up: 1 and *pin, or 0 (unknown or expired). */
int clp_pin_table_get(const clp_pin_table *t, clp_pin_name what, apr_time_t now, clp_pin *pin);

/** Does the pin count? */
typedef int clp_pin_counts_fn(void *baton, const clp_pin *pin);

/** How many pins are in force and count; all if `counts` is NULL. Looks at every row. */
apr_uint64_t clp_pin_table_count(const clp_pin_table *t, apr_time_t now, clp_pin_counts_fn *counts,
                                 void *baton);

/** A pin with its name. @return 0 = no more of them */
typedef int clp_pin_visit_fn(void *baton, clp_pin_name what, clp_pin pin, apr_time_t expires);

/** Call for each pin in force, in no order. What is written meanwhile may be among them or not. */
void clp_pin_table_each(const clp_pin_table *t, apr_time_t now, clp_pin_visit_fn *visit,
                        void *baton);

/** Remember in `to` what is in force in `from`; where `to` has less room, some give way. */
void clp_pin_table_copy(clp_pin_table *to, const clp_pin_table *from, apr_time_t now);

#endif
