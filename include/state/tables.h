/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_TABLES_H
#define CLP_STATE_TABLES_H

#include <apr_pools.h>

#include "state/ledger.h"
#include "state/row_id.h"
#include "state/rows.h"
#include "wire/span.h"

/**
 * @file tables.h
 * @brief The tables in shared memory: which there are, how they lie, where a row is found.
 *
 * Each table is one block of rows of the same size. A row is found by an id (row_id.h), a hash of
 * what it is of, and row_claim.h says who gets one.
 */
typedef enum clp_table_kind {
    CLP_TABLE_HEAD,
    CLP_TABLE_CHANNELS,
    CLP_TABLE_KEYS,
    CLP_TABLE_CIRCUITS,
    CLP_TABLE_MODELS,
    CLP_TABLE_USERS,
    CLP_TABLE_CHILDREN,
    CLP_TABLE_CHANNEL_HISTORY, /**< as many rows as channels */
    CLP_TABLE_KEY_HISTORY,     /**< as many rows as keys */
    CLP_TABLE_LEDGER,          /**< one row: the ledger */
    CLP_TABLES
} clp_table_kind;

/** Rows of each table, row 0 not counted; 65535 at most. */
typedef struct clp_capacity {
    apr_uint32_t channels;
    apr_uint32_t keys;
    apr_uint32_t circuits; /**< URL × key */
    apr_uint32_t models;
    apr_uint32_t users;
    apr_uint32_t children; /**< processes at a time */
    apr_uint32_t bookings; /**< under way */
} clp_capacity;

/** What a single host needs; with pins and affinity less than 8 MB. */
clp_capacity clp_capacity_default(void);

typedef struct clp_table_layout {
    const char *name;    /**< stable: snapshots and migration go by it */
    apr_size_t row_size; /**< bytes, a multiple of 64 */
    apr_uint32_t rows;   /**< row 0 counted */
    apr_uint32_t layout; /**< another number = another meaning of the row's words */
} clp_table_layout;

/** How tables of this capacity lie. */
void clp_tables_layout(const clp_capacity *capacity, clp_table_layout layout[CLP_TABLES]);

/** Read what you like; members never change. Rows are numbered 1 … rows - 1, see CLP_NO_ROW. */
typedef struct clp_tables {
    clp_head_row *head;
    clp_channel_row *channels;
    clp_key_row *keys;
    clp_circuit_row *circuits;
    clp_model_row *models;
    clp_user_row *users;
    clp_channel_history *channel_history; /**< by channel row */
    clp_key_history *key_history;         /**< by key row */
    clp_ledger *ledger;
    clp_capacity capacity;
    clp_table_layout layout[CLP_TABLES];
    void *blocks[CLP_TABLES];
    clp_child_row *child; /**< this process's, NULL = none (clp_child_begin) */
} clp_tables;

/**
 * Tables in shared blocks of clp_tables_layout()'s sizes, 64-byte aligned; laid out if zeroed.
 * Parent and children open them for themselves, or children inherit the handle.
 * @return NULL if the blocks were laid out otherwise
 */
clp_tables *clp_tables_open(const clp_capacity *capacity, void *const blocks[CLP_TABLES],
                            apr_pool_t *pool);

/** Tables of one process, in ordinary memory: for tests, and where there is no shared memory. */
clp_tables *clp_tables_make_private(const clp_capacity *capacity, apr_pool_t *pool);

/* --- rows ---------------------------------------------------------------------------------- */

/** The row of an id, or none. Any thread, lock-free. */
clp_row_ref clp_tables_find(const clp_tables *t, clp_table_kind kind, apr_uint64_t id);

/** The number of the row, if it is still the one that was meant; else CLP_NO_ROW. For entering
 * bookings, while nobody else enters. */
unsigned clp_tables_row(const clp_tables *t, clp_table_kind kind, clp_row_ref ref);

/** The head of any row of channels, keys, circuits, models and users. */
clp_row_head *clp_tables_head(const clp_tables *t, clp_table_kind kind, unsigned row);

/** How many rows there are, row 0 counted. */
static inline unsigned clp_tables_rows(const clp_tables *t, clp_table_kind kind)
{
    return t->layout[kind].rows;
}

/** Room for a row's name and its NUL. */
#define CLP_NAME_ROOM (CLP_NAME_WORDS * 8 + 1)

/** A name from `n` words into `out` (8 n + 1 bytes). */
void clp_row_name_get(const apr_uint64_t *words, int n, char *out);

#endif
