/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_SNAPSHOT_H
#define CLP_STATE_SNAPSHOT_H

#include "state/pin_table.h"
#include "state/tables.h"
#include "wire/buffer.h"

/**
 * @file snapshot.h
 * @brief The tables as one document, and back into tables of any size.
 *
 * A document says what it holds: tables by their names, with layout number and size of their rows,
 * and each row with its id. So it can be read into larger or smaller tables, and by a later version
 * of the module, after a restart as well as when tables are made anew while the server runs. Rows
 * may have grown: what the document does not know is 0. A table of another layout is left out, as
 * are bookings under way and what children have in flight. Tables of pins may be in it too: names
 * are hashes there as they are in the tables.
 */

/** The tables of pins; NULL = none. */
typedef struct clp_snapshot_pins {
    clp_pin_table *affinity;
    clp_pin_table *threads;
} clp_snapshot_pins;

/** Of one table at most so many pins are written. */
#define CLP_SNAPSHOT_PINS_MAX ((apr_uint32_t)1 << 20)

/**
 * Append the document to `out`.
 * @param layout of `n` tables in `blocks`, which may be those of an earlier version of the module
 * @param pins   what is in force at `now` of these, too; NULL = none
 */
void clp_snapshot_write(const clp_table_layout *layout, void *const *blocks, int n,
                        const clp_snapshot_pins *pins, apr_time_t now, clp_buffer *out);

/**
 * Append a document of the tables as they are between two bookings.
 * @return 0 if another process kept entering: nothing was appended
 */
int clp_snapshot_take(clp_tables *t, const clp_snapshot_pins *pins, clp_buffer *out);

typedef struct clp_snapshot_told {
    const char *wrong;     /**< why nothing was read; NULL = it was read */
    apr_time_t made;       /**< when the document was made */
    unsigned rows;         /**< rows of channels, keys, circuits, models and users that were read */
    unsigned pins;         /**< that were read and are in force */
    unsigned left_out;     /**< rows that found no room: those used last come first */
    unsigned other_layout; /**< tables left out, since this version lays them out otherwise */
} clp_snapshot_told;

/**
 * Read a document into tables that nobody uses yet. Results of circuits older than 15 minutes
 * stay behind.
 * @param pins    where pins go; those of a table that is NULL, or all, stay behind
 * @param scratch for the call only
 */
clp_snapshot_told clp_snapshot_read(clp_tables *t, const clp_snapshot_pins *pins, clp_span document,
                                    apr_time_t now, apr_pool_t *scratch);

/**
 * What clp_snapshot_take() gives, to a file; it is replaced at once or stays as it was. Any
 * process, any thread; makes no file that others may read.
 */
apr_status_t clp_snapshot_save(clp_tables *t, const clp_snapshot_pins *pins, const char *path,
                               apr_pool_t *scratch);

/**
 * Read a file into tables that nobody uses yet. A file that cannot be read is renamed to PATH.bad.
 * @param rv out: APR_ENOENT if there is no file; APR_EGENERAL and told.wrong if it is damaged
 */
clp_snapshot_told clp_snapshot_load(clp_tables *t, const clp_snapshot_pins *pins, const char *path,
                                    apr_time_t now, apr_pool_t *scratch, apr_status_t *rv);

#endif
