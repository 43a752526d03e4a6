/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel_rows.h"

/* A channel without keys has circuits for its URLs all the same. */
static int keys_of(const clp_channel *c)
{
    return c->keys->nelts ? c->keys->nelts : 1;
}

static const char *key_id(const clp_channel *c, int k)
{
    return k < c->keys->nelts ? APR_ARRAY_IDX(c->keys, k, clp_key).id : "";
}

static apr_uint64_t circuit_id(const clp_channel *c, int i)
{
    const char *url = APR_ARRAY_IDX(c->urls, i / keys_of(c), const char *);
    return clp_circuit_id(c->name, url, key_id(c, i % keys_of(c)));
}

static int circuits_of(const clp_channel *c)
{
    return c->urls->nelts * keys_of(c);
}

void clp_channel_rows_count(const clp_channel *c, clp_capacity *needed)
{
    needed->channels++;
    needed->keys += (apr_uint32_t)c->keys->nelts;
    needed->circuits += (apr_uint32_t)circuits_of(c);
}

static void find(clp_tables *t, clp_table_kind kind, apr_uint64_t id, apr_uint64_t generation,
                 clp_row_ref *ref)
{
    *ref = clp_tables_find(t, kind, id);
    clp_tables_mark(t, kind, *ref, generation);
}

void clp_channel_rows_find(clp_channel *c, clp_tables *t, apr_uint64_t generation, apr_pool_t *pool)
{
    find(t, CLP_TABLE_CHANNELS, clp_channel_id(c->name), generation, &c->row);
    for (int k = 0; k < c->keys->nelts; k++) {
        clp_key *key = &APR_ARRAY_IDX(c->keys, k, clp_key);
        find(t, CLP_TABLE_KEYS, clp_key_id(c->name, key->id), generation, &key->row);
    }
    c->circuits = apr_pcalloc(pool, (apr_size_t)circuits_of(c) * sizeof(clp_row_ref));
    for (int i = 0; i < circuits_of(c); i++) {
        find(t, CLP_TABLE_CIRCUITS, circuit_id(c, i), generation, &c->circuits[i]);
    }
}

static int claim(clp_tables *t, clp_table_kind kind, apr_uint64_t id, const char *name,
                 apr_uint64_t generation, clp_row_ref *ref)
{
    if (ref->row == CLP_NO_ROW) {
        *ref = clp_tables_claim(t, kind, id, clp_span_str(name), generation);
    }
    return ref->row != CLP_NO_ROW;
}

int clp_channel_rows_claim(clp_channel *c, clp_tables *t, apr_uint64_t generation)
{
    int all = claim(t, CLP_TABLE_CHANNELS, clp_channel_id(c->name), c->name, generation, &c->row);
    for (int k = 0; k < c->keys->nelts; k++) {
        clp_key *key = &APR_ARRAY_IDX(c->keys, k, clp_key);
        all &=
            claim(t, CLP_TABLE_KEYS, clp_key_id(c->name, key->id), key->id, generation, &key->row);
        if (key->row.row != CLP_NO_ROW) {
            clp_word_set(&t->keys[key->row.row].channel, clp_channel_id(c->name));
        }
    }
    for (int i = 0; i < circuits_of(c); i++) {
        all &= claim(t, CLP_TABLE_CIRCUITS, circuit_id(c, i), "", generation, &c->circuits[i]);
    }
    return all;
}
