/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_ROW_SEARCH_H
#define CLP_STATE_ROW_SEARCH_H

#include "state/tables.h"

/**
 * @file row_search.h
 * @brief How a row is looked for by its id.
 */

/** The row after this one where an id is looked for; the first one for row 0. Rows with other ids
 * are passed by, up to the first that is unused: rows are never unused again. */
static inline unsigned clp_row_after(const clp_tables *t, clp_table_kind kind, apr_uint64_t id,
                                     unsigned row)
{
    unsigned n = t->layout[kind].rows - 1;
    return row ? row % n + 1 : (unsigned)(id % n) + 1;
}

/** The epoch of a row that has this id; 0 if it has another one, or just got it. */
static inline int clp_row_has(const clp_row_head *head, apr_uint64_t id, apr_uint64_t *epoch)
{
    if (clp_word_get(&head->id) != id) {
        return 0;
    }
    *epoch = clp_word_get(&head->epoch);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return clp_word_get(&head->id) == id;
}

static inline clp_row_ref clp_row_ref_to(unsigned row, apr_uint64_t epoch)
{
    return (clp_row_ref){(apr_uint16_t)row, (apr_uint16_t)epoch};
}

#endif
