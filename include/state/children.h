/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_CHILDREN_H
#define CLP_STATE_CHILDREN_H

#include "state/tables.h"

/**
 * @file children.h
 * @brief What each process has in flight, and which probes are its own; what a killed one had goes
 * with its row.
 */

/**
 * Take a row for this process; in a child's start. Sets t->child.
 * @return 0 if all rows are those of living processes: what this one holds will not be counted
 */
int clp_child_begin(clp_tables *t, apr_time_t now);

/** The number of this process's row, from 1 on; 0 if it has none. */
unsigned clp_child_number(const clp_tables *t);

/** Give it back; at a child's orderly end. */
void clp_child_end(clp_tables *t);

/** Told by who knows that a process has died: frees its row and the places of its probes, completes
 * what it was entering. */
void clp_child_reap(clp_tables *t, pid_t pid);

/** Count one more or one less request of this process in flight, for CLP_TABLE_CHANNELS or
 * CLP_TABLE_KEYS. Any thread. */
void clp_in_flight_add(clp_tables *t, clp_table_kind kind, unsigned row);
void clp_in_flight_remove(clp_tables *t, clp_table_kind kind, unsigned row);

/** How many there are, over all processes. */
apr_uint64_t clp_in_flight(const clp_tables *t, clp_table_kind kind, unsigned row);

/** Tell which channels this process has in force, and how many generations of them it keeps. */
void clp_child_tell(clp_tables *t, apr_uint64_t revision, unsigned generations);

/** The row that was taken i-th, free or not; NULL behind the last. */
const clp_child_row *clp_child_at(const clp_tables *t, unsigned i);

/** What the process of this row has in flight, over all channels. */
apr_uint64_t clp_child_in_flight(const clp_tables *t, const clp_child_row *row);

#endif
