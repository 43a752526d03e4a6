/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_LAYOUT_RECORD_H
#define CLP_HTTPD_LAYOUT_RECORD_H

#include <apr_pools.h>

#include "state/tables.h"
#include "wire/buffer.h"

/**
 * @file layout_record.h
 * @brief How tables of shared state lie, kept beside them: whoever lays them out otherwise finds
 * what there is.
 *
 * Their memory comes from retained_slotmem.h; all this is for the parent.
 */
#define CLP_LAYOUT_RECORD_NAME   "claude-layout-v1" /**< of the memory of the one in force */
#define CLP_LAYOUT_RECORD_TABLES 16

typedef struct clp_layout_record {
    apr_uint64_t number; /**< in the names of their memory; 0 = there are none yet */
    clp_capacity capacity;
    apr_uint32_t n;
    struct {
        char name[24];
        apr_uint32_t layout;
        apr_uint32_t rows;
        apr_uint64_t row_size;
    } tables[CLP_LAYOUT_RECORD_TABLES];
} clp_layout_record;

_Static_assert(CLP_TABLES <= CLP_LAYOUT_RECORD_TABLES, "the record has room for every table");

/** How this version lays out tables of this capacity. */
void clp_layout_record_fill(clp_layout_record *record, apr_uint64_t number,
                            const clp_capacity *capacity);

/** Does this version lay out tables of this capacity as the record says? */
int clp_layout_record_is(const clp_layout_record *record, const clp_capacity *capacity);

/**
 * Open the tables of a record that this version has made, or would make; their memory is made if
 * need be. This process enters bookings from then on.
 * @return NULL (and *rv): there is no memory
 */
clp_tables *clp_layout_record_open(const clp_layout_record *record, apr_pool_t *p,
                                   apr_status_t *rv);

/** Give the memory of the tables up; children that have it keep it. */
void clp_layout_record_forget(const clp_layout_record *record, apr_pool_t *p);

/** Append what the tables hold, as a document. If they are as this version lays them out, with all
 * that is posted; else as they are. */
void clp_layout_record_write(const clp_layout_record *record, clp_buffer *out, apr_pool_t *p);

#endif
