/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_SNAPSHOT_H
#define CLP_STATE_SNAPSHOT_H

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
 * are bookings under way and what children have in flight.
 */

/**
 * Append the document to `out`.
 * @param layout of `n` tables in `blocks`, which may be those of an earlier version of the module
 */
void clp_snapshot_write(const clp_table_layout *layout, void *const *blocks, int n, apr_time_t now,
                        clp_buffer *out);

/**
 * Append a document of the tables as they are between two bookings.
 * @return 0 if another process kept entering: nothing was appended
 */
int clp_snapshot_take(clp_tables *t, clp_buffer *out);

typedef struct clp_snapshot_told {
    const char *wrong;     /**< why nothing was read; NULL = it was read */
    apr_time_t made;       /**< when the document was made */
    unsigned rows;         /**< rows of channels, keys, circuits, models and users that were read */
    unsigned left_out;     /**< rows that found no room: those used last come first */
    unsigned other_layout; /**< tables left out, since this version lays them out otherwise */
} clp_snapshot_told;

/**
 * Read a document into tables that nobody uses yet. Results of circuits older than 15 minutes
 * stay behind.
 * @param scratch for the call only
 */
clp_snapshot_told clp_snapshot_read(clp_tables *t, clp_span document, apr_time_t now,
                                    apr_pool_t *scratch);

/**
 * What clp_snapshot_take() gives, to a file; it is replaced at once or stays as it was. Any
 * process, any thread; makes no file that others may read.
 */
apr_status_t clp_snapshot_save(clp_tables *t, const char *path, apr_pool_t *scratch);

/**
 * Read a file into tables that nobody uses yet. A file that cannot be read is renamed to PATH.bad.
 * @param rv out: APR_ENOENT if there is no file; APR_EGENERAL and told.wrong if it is damaged
 */
clp_snapshot_told clp_snapshot_load(clp_tables *t, const char *path, apr_time_t now,
                                    apr_pool_t *scratch, apr_status_t *rv);

#endif
