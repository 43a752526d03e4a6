/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <apr_strings.h>

#include "snapshot_document.h"
#include "wire/text.h"

/* How long to wait for who enters bookings; that takes microseconds unless it is dead. */
#define PATIENCE apr_time_from_sec(2)

const clp_known_table clp_known_tables[CLP_KNOWN_TABLES] = {
    {"head", CLP_TABLE_HEAD, CLP_TABLE_HEAD},
    {"channels", CLP_TABLE_CHANNELS, CLP_TABLE_CHANNELS},
    {"keys", CLP_TABLE_KEYS, CLP_TABLE_KEYS},
    {"circuits", CLP_TABLE_CIRCUITS, CLP_TABLE_CIRCUITS},
    {"models", CLP_TABLE_MODELS, CLP_TABLE_MODELS},
    {"users", CLP_TABLE_USERS, CLP_TABLE_USERS},
    {"channel-history", CLP_TABLE_CHANNEL_HISTORY, CLP_TABLE_CHANNELS},
    {"key-history", CLP_TABLE_KEY_HISTORY, CLP_TABLE_KEYS}};

static int table_named(const clp_table_layout *layout, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (!strcmp(layout[i].name, name)) {
            return i;
        }
    }
    return -1;
}

static const char *row_at(const clp_table_layout *layout, const void *block, unsigned row)
{
    return (const char *)block + row * layout->row_size;
}

/* Does the row hold anything? `layout` and `block` are those of the table with the ids. */
static int row_kept(const clp_known_table *known, const clp_table_layout *layout, const void *block,
                    unsigned row)
{
    apr_uint64_t id;
    if (known->kind == CLP_TABLE_HEAD || (row == 0 && clp_snapshot_counts_others(known->kind))) {
        return 1;
    }
    id = clp_word_get((const apr_uint64_t *)(const void *)row_at(layout, block, row));
    return row && id && id != CLP_ROW_MOVING;
}

static void write_row(const clp_table_layout *layout, const void *block, unsigned row,
                      clp_buffer *out)
{
    apr_uint64_t number = row;
    clp_buffer_append(out, (const char *)&number, sizeof(number));
    clp_buffer_append(out, row_at(layout, block, row), layout->row_size);
}

static void write_table(const clp_known_table *known, const clp_table_layout *layout,
                        void *const *blocks, int n, clp_buffer *out)
{
    int at = table_named(layout, n, known->name);
    int of = at;
    clp_section_head head = {.rows = 0};
    apr_size_t head_at = out->n;
    for (int k = 0; k < CLP_KNOWN_TABLES; k++) {
        if (clp_known_tables[k].kind == known->of && known->of != known->kind) {
            of = table_named(layout, n, clp_known_tables[k].name);
        }
    }
    if (at < 0 || of < 0 || layout[of].rows < layout[at].rows) {
        return;
    }
    apr_cpystrn(head.name, known->name, sizeof(head.name));
    head.layout = layout[at].layout;
    head.row_size = layout[at].row_size;
    clp_buffer_append(out, (const char *)&head, sizeof(head));
    for (unsigned row = 0; row < layout[at].rows; row++) {
        if (row_kept(known, &layout[of], blocks[of], row)) {
            write_row(&layout[at], blocks[at], row, out);
            head.rows++;
        }
    }
    memcpy(out->p + head_at, &head, sizeof(head));
}

static void write_tables(const clp_table_layout *layout, void *const *blocks, int n,
                         clp_buffer *out)
{
    for (int k = 0; k < CLP_KNOWN_TABLES; k++) {
        write_table(&clp_known_tables[k], layout, blocks, n, out);
    }
}

/* Where the document begins. */
static apr_size_t begin_document(clp_buffer *out)
{
    clp_snapshot_head head = {0};
    apr_size_t begin = out->n;
    clp_buffer_append(out, (const char *)&head, sizeof(head));
    return begin;
}

static void end_document(apr_size_t begin, apr_time_t now, clp_buffer *out)
{
    clp_snapshot_head head = {
        .magic = CLP_SNAPSHOT_MAGIC, .size = out->n - begin, .made = (apr_uint64_t)now};
    clp_sha256(clp_span_of(out->p + begin + sizeof(head), out->n - begin - sizeof(head)),
               head.sha256);
    memcpy(out->p + begin, &head, sizeof(head));
}

void clp_snapshot_write(const clp_table_layout *layout, void *const *blocks, int n,
                        const clp_snapshot_pins *pins, apr_time_t now, clp_buffer *out)
{
    apr_size_t begin = begin_document(out);
    write_tables(layout, blocks, n, out);
    clp_snapshot_pins_write(pins, now, out);
    end_document(begin, now, out);
}

typedef struct writing {
    const clp_tables *t;
    clp_buffer *out;
} writing;

/* A change of nothing: while it is made, no booking is entered. */
static void write_between(void *baton, clp_writes *w)
{
    const writing *to = baton;
    (void)w;
    write_tables(to->t->layout, to->t->blocks, CLP_TABLES, to->out);
}

int clp_snapshot_take(clp_tables *t, const clp_snapshot_pins *pins, clp_buffer *out)
{
    writing to = {t, out};
    apr_time_t now = apr_time_now();
    apr_size_t begin = begin_document(out);
    if (!clp_ledger_change(t->ledger, write_between, &to, PATIENCE)) {
        out->n = begin;
        return 0;
    }
    clp_snapshot_pins_write(pins, now, out);
    end_document(begin, now, out);
    return 1;
}
