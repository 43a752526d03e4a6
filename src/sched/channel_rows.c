/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel_rows.h"

#include "state/row_claim.h"

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

/* --- one channel ------------------------------------------------------------------------- */

/* Called for each row that is a channel's. */
typedef int visitor(void *ctx, clp_table_kind kind, apr_uint64_t id, const char *name,
                    clp_row_ref *ref);

/* How many of the calls did not give 1. */
static int each_row(clp_channel *c, visitor *visit, void *ctx)
{
    int n = !visit(ctx, CLP_TABLE_CHANNELS, clp_channel_id(c->name), c->name, &c->row);
    for (int k = 0; k < c->keys->nelts; k++) {
        clp_key *key = &APR_ARRAY_IDX(c->keys, k, clp_key);
        n += !visit(ctx, CLP_TABLE_KEYS, clp_key_id(c->name, key->id), key->id, &key->row);
    }
    for (int i = 0; i < circuits_of(c); i++) {
        n += !visit(ctx, CLP_TABLE_CIRCUITS, circuit_id(c, i), "", &c->circuits[i]);
    }
    return n;
}

typedef struct place {
    clp_tables *t;
    apr_uint64_t generation;
} place;

static int find(void *ctx, clp_table_kind kind, apr_uint64_t id, const char *name, clp_row_ref *ref)
{
    const place *in = ctx;
    (void)name;
    *ref = clp_tables_find(in->t, kind, id);
    clp_tables_mark(in->t, kind, *ref, in->generation);
    return 1;
}

static int mark(void *ctx, clp_table_kind kind, apr_uint64_t id, const char *name, clp_row_ref *ref)
{
    const place *in = ctx;
    (void)id;
    (void)name;
    clp_tables_mark(in->t, kind, *ref, in->generation);
    return 1;
}

static int claim(void *ctx, clp_table_kind kind, apr_uint64_t id, const char *name,
                 clp_row_ref *ref)
{
    const place *in = ctx;
    if (ref->row == CLP_NO_ROW) {
        *ref = clp_tables_claim(in->t, kind, id, clp_span_str(name), in->generation);
    }
    return ref->row != CLP_NO_ROW;
}

static void tell_keys(const clp_channel *c, clp_tables *t)
{
    for (int k = 0; k < c->keys->nelts; k++) {
        unsigned row = clp_tables_row(t, CLP_TABLE_KEYS, APR_ARRAY_IDX(c->keys, k, clp_key).row);
        if (row != CLP_NO_ROW) {
            clp_word_set(&t->keys[row].channel, clp_channel_id(c->name));
        }
    }
}

int clp_channel_rows_lost(const clp_channel *c, const clp_tables *t)
{
    int lost = c->row.row && !clp_tables_row(t, CLP_TABLE_CHANNELS, c->row);
    for (int k = 0; k < c->keys->nelts; k++) {
        clp_row_ref ref = APR_ARRAY_IDX(c->keys, k, clp_key).row;
        lost |= ref.row && !clp_tables_row(t, CLP_TABLE_KEYS, ref);
    }
    for (int i = 0; c->circuits && i < circuits_of(c); i++) {
        lost |= c->circuits[i].row && !clp_tables_row(t, CLP_TABLE_CIRCUITS, c->circuits[i]);
    }
    return lost;
}

/* --- all channels ------------------------------------------------------------------------- */

static clp_channel *channel_at(const apr_array_header_t *channels, int i)
{
    return APR_ARRAY_IDX(channels, i, clp_channel *);
}

/* Those that are here for the first time; others may be in use, and are not changed. */
static void find_all(const apr_array_header_t *channels, place *in, apr_array_header_t *fresh,
                     apr_pool_t *pool)
{
    for (int i = 0; i < channels->nelts; i++) {
        clp_channel *c = channel_at(channels, i);
        if (!c->circuits) {
            c->circuits = apr_pcalloc(pool, (apr_size_t)circuits_of(c) * sizeof(clp_row_ref));
            each_row(c, find, in);
            APR_ARRAY_PUSH(fresh, clp_channel *) = c;
        }
    }
}

static void mark_all(const apr_array_header_t *channels, place *in)
{
    for (int i = 0; i < channels->nelts; i++) {
        each_row(channel_at(channels, i), mark, in);
    }
}

static int claim_all(const apr_array_header_t *fresh, place *in)
{
    int missing = 0;
    for (int i = 0; i < fresh->nelts; i++) {
        missing += each_row(channel_at(fresh, i), claim, in) > 0;
        tell_keys(channel_at(fresh, i), in->t);
    }
    return missing;
}

int clp_channel_rows_resolve(const apr_array_header_t *configured,
                             const apr_array_header_t *channels, clp_tables *t,
                             apr_uint64_t restart, apr_pool_t *pool)
{
    place in = {t, clp_tables_generation(t, restart)};
    apr_array_header_t *fresh = apr_array_make(pool, channels->nelts + 1, sizeof(clp_channel *));
    int missing;
    find_all(configured, &in, fresh, pool);
    find_all(channels, &in, fresh, pool);
    missing = claim_all(fresh, &in);
    if (missing && (in.generation = clp_tables_next_generation(t, in.generation)) != 0) {
        mark_all(configured, &in);
        mark_all(channels, &in);
        missing = claim_all(fresh, &in);
    }
    return missing;
}
