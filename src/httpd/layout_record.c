/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "layout_record.h"

#include <apr_strings.h>

#include "gateway/account.h"
#include "retained_slotmem.h"
#include "state/snapshot.h"

void clp_layout_record_fill(clp_layout_record *record, apr_uint64_t number,
                            const clp_capacity *capacity)
{
    clp_table_layout layout[CLP_TABLES];
    clp_tables_layout(capacity, layout);
    memset(record, 0, sizeof(*record));
    record->number = number;
    record->capacity = *capacity;
    record->n = CLP_TABLES;
    for (int k = 0; k < CLP_TABLES; k++) {
        apr_cpystrn(record->tables[k].name, layout[k].name, sizeof(record->tables[k].name));
        record->tables[k].layout = layout[k].layout;
        record->tables[k].rows = layout[k].rows;
        record->tables[k].row_size = layout[k].row_size;
    }
}

int clp_layout_record_is(const clp_layout_record *record, const clp_capacity *capacity)
{
    clp_layout_record ours;
    clp_layout_record_fill(&ours, record->number, capacity);
    return memcmp(&ours, record, sizeof(ours)) == 0;
}

static const char *memory_name(apr_uint64_t number, const char *table, apr_pool_t *p)
{
    return apr_psprintf(p, "claude-%" APR_UINT64_T_FMT "-%s", number, table);
}

clp_tables *clp_layout_record_open(const clp_layout_record *record, apr_pool_t *p, apr_status_t *rv)
{
    void *blocks[CLP_TABLES];
    clp_tables *opened;
    for (int k = 0; k < CLP_TABLES; k++) {
        blocks[k] = clp_retained_items(memory_name(record->number, record->tables[k].name, p),
                                       record->tables[k].row_size, record->tables[k].rows, p, rv);
        if (!blocks[k]) {
            return NULL;
        }
    }
    opened = clp_tables_open(&record->capacity, blocks, p);
    if (!opened) {
        *rv = APR_EINVAL;
        return NULL;
    }
    /* The parent too: what a killed child has left is entered when it is reaped, or at the end. */
    clp_ledger_use(opened->ledger, clp_account_enter, opened);
    return opened;
}

void clp_layout_record_forget(const clp_layout_record *record, apr_pool_t *p)
{
    for (apr_uint32_t k = 0; k < record->n; k++) {
        clp_retained_forget(memory_name(record->number, record->tables[k].name, p), p);
    }
}

void clp_layout_record_write(const clp_layout_record *record, clp_buffer *out, apr_pool_t *p)
{
    clp_table_layout layout[CLP_LAYOUT_RECORD_TABLES];
    void *blocks[CLP_LAYOUT_RECORD_TABLES];
    int n = 0;
    if (clp_layout_record_is(record, &record->capacity)) {
        apr_status_t rv;
        clp_tables *old = clp_layout_record_open(record, p, &rv);
        if (old && clp_snapshot_take(old, NULL, out)) {
            return;
        }
    }
    for (apr_uint32_t k = 0; k < record->n && k < CLP_LAYOUT_RECORD_TABLES; k++) {
        layout[n] = (clp_table_layout){.name = record->tables[k].name,
                                       .layout = record->tables[k].layout,
                                       .row_size = record->tables[k].row_size,
                                       .rows = record->tables[k].rows};
        blocks[n] = clp_retained_find(memory_name(record->number, record->tables[k].name, p),
                                      layout[n].row_size, layout[n].rows, p);
        n += blocks[n] != NULL;
    }
    clp_snapshot_write(layout, blocks, n, NULL, apr_time_now(), out);
}
