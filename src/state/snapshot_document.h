/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_SNAPSHOT_DOCUMENT_H
#define CLP_STATE_SNAPSHOT_DOCUMENT_H

#include "state/pin_table.h"
#include "state/snapshot.h"

/**
 * @file snapshot_document.h
 * @brief How a snapshot is laid out: a head, then a section for each table, which is a head and
 * its rows. Numbers are those of the host.
 */
#define CLP_SNAPSHOT_MAGIC APR_UINT64_C(0x3130706e73706c63) /* "clpsnp01" */

typedef struct clp_snapshot_head {
    apr_uint64_t magic;
    apr_uint64_t size; /**< of the whole document */
    apr_uint64_t made;
    apr_uint64_t unused;
    unsigned char sha256[32]; /**< of all behind the head */
} clp_snapshot_head;

typedef struct clp_section_head {
    char name[24];
    apr_uint32_t layout;
    apr_uint32_t rows;
    apr_uint64_t row_size; /**< a multiple of 8 */
} clp_section_head;

/** A row is its number in the table it comes from, then its bytes. */
#define CLP_ROW_NUMBER sizeof(apr_uint64_t)

/** A section whose head is sound and which lies in the document as a whole. */
typedef struct clp_section {
    clp_section_head head;
    const char *rows;
} clp_section;

static inline const char *clp_section_row(const clp_section *s, apr_uint32_t i)
{
    return s->rows + i * (CLP_ROW_NUMBER + s->head.row_size);
}

/** Tables whose rows have ids, and histories, whose rows are numbered as theirs. */
typedef struct clp_known_table {
    const char *name;
    clp_table_kind kind;
    clp_table_kind of; /**< of histories: whose; else the kind itself */
} clp_known_table;

#define CLP_KNOWN_TABLES 8

extern const clp_known_table clp_known_tables[CLP_KNOWN_TABLES];

static inline int clp_snapshot_counts_others(clp_table_kind kind)
{
    return kind == CLP_TABLE_MODELS || kind == CLP_TABLE_USERS;
}

/* --- tables of pins ------------------------------------------------------------------------ */

/** Append their sections; what has expired stays behind. */
void clp_snapshot_pins_write(const clp_snapshot_pins *pins, apr_time_t now, clp_buffer *out);

/** Is it a section of pins? Then read it. */
int clp_snapshot_pins_read(const clp_snapshot_pins *pins, const clp_section *s, apr_time_t now,
                           clp_snapshot_told *told);

#endif
