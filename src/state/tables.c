/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/tables.h"

#include <string.h>

#include "row_search.h"

#define MAGIC APR_UINT64_C(0x313062746c706c63) /* "clptbl01" */

clp_capacity clp_capacity_default(void)
{
    return (clp_capacity){.channels = 56,
                          .keys = 256,
                          .circuits = 512,
                          .models = 64,
                          .users = 256,
                          .children = 64,
                          .bookings = 2048};
}

/* --- layout -------------------------------------------------------------------------------- */

static apr_size_t aligned(apr_size_t n)
{
    return (n + 63) & ~(apr_size_t)63;
}

void clp_tables_layout(const clp_capacity *c, clp_table_layout layout[CLP_TABLES])
{
    apr_size_t held =
        sizeof(clp_child_row) + ((apr_size_t)c->channels + 1 + c->keys + 1) * sizeof(apr_uint32_t);
    const clp_table_layout all[CLP_TABLES] = {
        [CLP_TABLE_HEAD] = {"head", sizeof(clp_head_row), 1, 2},
        [CLP_TABLE_CHANNELS] = {"channels", sizeof(clp_channel_row), c->channels + 1, 1},
        [CLP_TABLE_KEYS] = {"keys", sizeof(clp_key_row), c->keys + 1, 1},
        [CLP_TABLE_CIRCUITS] = {"circuits", sizeof(clp_circuit_row), c->circuits + 1, 1},
        [CLP_TABLE_MODELS] = {"models", sizeof(clp_model_row), c->models + 1, 1},
        [CLP_TABLE_USERS] = {"users", sizeof(clp_user_row), c->users + 1, 1},
        [CLP_TABLE_CHILDREN] = {"children", aligned(held), c->children, 1},
        [CLP_TABLE_CHANNEL_HISTORY] = {"channel-history", sizeof(clp_channel_history),
                                       c->channels + 1, 2},
        [CLP_TABLE_KEY_HISTORY] = {"key-history", sizeof(clp_key_history), c->keys + 1, 2},
        [CLP_TABLE_LEDGER] = {"ledger", clp_ledger_size(c->bookings), 1, 1}};
    memcpy(layout, all, sizeof(all));
}

static apr_uint64_t mix(apr_uint64_t h, apr_uint64_t v)
{
    h = (h ^ v) * APR_UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

static apr_uint64_t layout_hash(const clp_table_layout layout[CLP_TABLES])
{
    apr_uint64_t h = MAGIC;
    for (int k = 0; k < CLP_TABLES; k++) {
        h = mix(mix(mix(h, layout[k].layout), layout[k].row_size), layout[k].rows);
    }
    return h;
}

static void head_format(clp_head_row *head, const clp_tables *t)
{
    const clp_capacity *c = &t->capacity;
    const apr_uint64_t capacity[] = {c->channels, c->keys,     c->circuits, c->models,
                                     c->users,    c->children, c->bookings};
    memcpy(head->capacity, capacity, sizeof(capacity));
    head->layout = layout_hash(t->layout);
    head->born = (apr_uint64_t)apr_time_now();
    clp_word_set(&head->magic, MAGIC);
}

static clp_ledger *ledger_open(const clp_tables *t, apr_pool_t *pool)
{
    clp_ledger_block blocks[CLP_LEDGER_BLOCKS];
    for (int k = 0; k < CLP_TABLE_LEDGER; k++) {
        blocks[k].words = t->blocks[k];
        blocks[k].n = t->layout[k].row_size / 8 * t->layout[k].rows;
    }
    return clp_ledger_open(t->blocks[CLP_TABLE_LEDGER], t->layout[CLP_TABLE_LEDGER].row_size,
                           blocks, CLP_TABLE_LEDGER, pool);
}

clp_tables *clp_tables_open(const clp_capacity *capacity, void *const blocks[CLP_TABLES],
                            apr_pool_t *pool)
{
    clp_tables *t = apr_pcalloc(pool, sizeof(*t));
    t->capacity = *capacity;
    clp_tables_layout(capacity, t->layout);
    memcpy(t->blocks, blocks, sizeof(t->blocks));
    t->head = blocks[CLP_TABLE_HEAD];
    t->channels = blocks[CLP_TABLE_CHANNELS];
    t->keys = blocks[CLP_TABLE_KEYS];
    t->circuits = blocks[CLP_TABLE_CIRCUITS];
    t->models = blocks[CLP_TABLE_MODELS];
    t->users = blocks[CLP_TABLE_USERS];
    t->channel_history = blocks[CLP_TABLE_CHANNEL_HISTORY];
    t->key_history = blocks[CLP_TABLE_KEY_HISTORY];
    if (!clp_word_get(&t->head->magic)) {
        head_format(t->head, t);
    }
    if (t->head->magic != MAGIC || t->head->layout != layout_hash(t->layout)) {
        return NULL;
    }
    t->ledger = ledger_open(t, pool);
    return t->ledger ? t : NULL;
}

clp_tables *clp_tables_make_private(const clp_capacity *capacity, apr_pool_t *pool)
{
    clp_table_layout layout[CLP_TABLES];
    void *blocks[CLP_TABLES];
    clp_tables_layout(capacity, layout);
    for (int k = 0; k < CLP_TABLES; k++) {
        char *memory = apr_pcalloc(pool, layout[k].row_size * layout[k].rows + 64);
        blocks[k] = (void *)aligned((apr_size_t)memory);
    }
    return clp_tables_open(capacity, blocks, pool);
}

/* --- rows ---------------------------------------------------------------------------------- */

clp_row_head *clp_tables_head(const clp_tables *t, clp_table_kind kind, unsigned row)
{
    return (clp_row_head *)((char *)t->blocks[kind] + row * t->layout[kind].row_size);
}

clp_row_ref clp_tables_find(const clp_tables *t, clp_table_kind kind, apr_uint64_t id)
{
    unsigned row = 0;
    for (unsigned i = 1; i < t->layout[kind].rows; i++) {
        const clp_row_head *head;
        apr_uint64_t epoch;
        row = clp_row_after(t, kind, id, row);
        head = clp_tables_head(t, kind, row);
        if (clp_row_has(head, id, &epoch)) {
            return clp_row_ref_to(row, epoch);
        }
        if (!clp_word_get(&head->id)) {
            break;
        }
    }
    return clp_row_ref_to(CLP_NO_ROW, 0);
}

unsigned clp_tables_row(const clp_tables *t, clp_table_kind kind, clp_row_ref ref)
{
    if (ref.row == CLP_NO_ROW || ref.row >= t->layout[kind].rows ||
        (apr_uint16_t)clp_word_get(&clp_tables_head(t, kind, ref.row)->epoch) != ref.epoch) {
        return CLP_NO_ROW;
    }
    return ref.row;
}

void clp_row_name_get(const apr_uint64_t *words, int n, char *out)
{
    for (int i = 0; i < n; i++) {
        apr_uint64_t word = clp_word_get(&words[i]);
        memcpy(out + (apr_size_t)i * 8, &word, 8);
    }
    out[(apr_size_t)n * 8] = '\0';
}
