/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_ROW_CLAIM_H
#define CLP_STATE_ROW_CLAIM_H

#include "state/tables.h"

/**
 * @file row_claim.h
 * @brief Who gets which row of the tables.
 *
 * Ids are claimed once and keep their row until the table is full. Then a row goes to another: of
 * channels, keys and circuits the longest unused one that the present configuration does not name,
 * of models and users one that was not used for a day.
 */

/**
 * The row of a channel, key or circuit, claimed if there is none. When a configuration is taken
 * into use: first every row that exists has to be found and marked (clp_tables_mark), then the
 * missing ones are claimed. In a full table the longest unused row of an earlier generation gives
 * way, unless something of it is in flight.
 * @param name shown in status; of a key its id
 * @param generation of the configuration
 * @return none if no row gives way
 */
clp_row_ref clp_tables_claim(clp_tables *t, clp_table_kind kind, apr_uint64_t id, clp_span name,
                             apr_uint64_t generation);

/** Say that a configuration names the row. */
void clp_tables_mark(clp_tables *t, clp_table_kind kind, clp_row_ref ref, apr_uint64_t generation);

/** The server has another configuration: from now on its generations come after all before. For
 * the parent. @return the first of them, which children inherit */
apr_uint64_t clp_tables_restart(clp_tables *t);

/** The present generation of the configuration that began with `restart`. */
apr_uint64_t clp_tables_generation(const clp_tables *t, apr_uint64_t restart);

/** The generation after this one; 0 if the server has another configuration meanwhile, whose rows
 * are none of ours. */
apr_uint64_t clp_tables_next_generation(clp_tables *t, apr_uint64_t generation);

/** The row of a model or user, claimed if need be; none if there is no room. Any thread, never
 * waits. */
clp_row_ref clp_tables_model(clp_tables *t, clp_span name, apr_time_t now);
clp_row_ref clp_tables_user(clp_tables *t, clp_span name, apr_time_t now);

#endif
