/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/reset.h"

/** A row being reset. A change of one row always fits a set of writes. */
typedef struct resetting {
    const clp_tables *t;
    apr_time_t now;
    apr_interval_time_t patience;
    clp_reset_counts *counts;
    clp_row_ref ref; /* of the row at hand */
} resetting;

static int close_circuit(clp_writes *w, clp_circuit *c)
{
    int was_open = clp_writes_get(w, &c->open_until) != 0;

    clp_breaker_enter_closed(w, c);
    return was_open;
}

/* Words that are 0 already need no write. */
static void clear(clp_writes *w, apr_uint64_t *word)
{
    if (clp_writes_get(w, word)) {
        clp_writes_set(w, word, 0);
    }
}

static int end_rest(clp_writes *w, clp_cooling *c, apr_time_t now)
{
    int rested = (apr_time_t)clp_writes_get(w, &c->until) > now;

    clear(w, &c->until);
    clear(w, &c->told);
    clear(w, &c->failures);
    return rested;
}

/* --- rows: as changes of the ledger ------------------------------------------------ */

static void reset_channel_row(void *baton, clp_writes *w)
{
    const resetting *r = baton;
    unsigned at = clp_tables_row(r->t, CLP_TABLE_CHANNELS, r->ref);
    clp_channel_row *row = &r->t->channels[at];

    if (at != CLP_NO_ROW) {
        r->counts->circuits += close_circuit(w, &row->circuit);
        r->counts->rested += end_rest(w, &row->cooling, r->now);
        clear(w, &row->checks);
    }
}

static void reset_key_row(void *baton, clp_writes *w)
{
    const resetting *r = baton;
    unsigned at = clp_tables_row(r->t, CLP_TABLE_KEYS, r->ref);
    clp_key_row *row = &r->t->keys[at];
    int rested;

    if (at == CLP_NO_ROW) {
        return;
    }
    rested = end_rest(w, &row->cooling, r->now);
    for (int i = 0; i < CLP_KEY_MODELS; i++) {
        rested |= end_rest(w, &row->models[i].cooling, r->now);
    }
    r->counts->keys += rested;
}

static void reset_circuit_row(void *baton, clp_writes *w)
{
    const resetting *r = baton;
    unsigned at = clp_tables_row(r->t, CLP_TABLE_CIRCUITS, r->ref);

    if (at != CLP_NO_ROW) {
        r->counts->circuits += close_circuit(w, &r->t->circuits[at].circuit);
    }
}

static int reset_row(resetting *r, clp_table_kind kind, apr_uint64_t id)
{
    static clp_ledger_change_fn *const change[] = {[CLP_TABLE_CHANNELS] = reset_channel_row,
                                                   [CLP_TABLE_KEYS] = reset_key_row,
                                                   [CLP_TABLE_CIRCUITS] = reset_circuit_row};

    r->ref = clp_tables_find(r->t, kind, id);
    return r->ref.row == CLP_NO_ROW ||
           clp_ledger_change(r->t->ledger, change[kind], r, r->patience);
}

/* --- channels and keys --------------------------------------------------------------- */

static int reset_circuits(resetting *r, const clp_channel *c, const char *key)
{
    for (int i = 0; i < c->urls->nelts; i++) {
        const char *url = APR_ARRAY_IDX(c->urls, i, const char *);
        if (!reset_row(r, CLP_TABLE_CIRCUITS, clp_circuit_id(c->name, url, key))) {
            return 0;
        }
    }
    return 1;
}

static int reset_key(resetting *r, const clp_channel *c, const char *key)
{
    return reset_row(r, CLP_TABLE_KEYS, clp_key_id(c->name, key)) && reset_circuits(r, c, key);
}

static int reset_keys(resetting *r, const clp_channel *c, const apr_array_header_t *keys)
{
    for (int i = 0; keys && i < keys->nelts; i++) {
        if (!reset_key(r, c, APR_ARRAY_IDX(keys, i, clp_key).id)) {
            return 0;
        }
    }
    return 1;
}

int clp_reset_channel(const clp_tables *t, const clp_channel *c, apr_time_t now,
                      apr_interval_time_t patience, clp_reset_counts *counts)
{
    resetting r = {t, now, patience, counts, {CLP_NO_ROW, 0}};

    *counts = (clp_reset_counts){0};
    return reset_row(&r, CLP_TABLE_CHANNELS, clp_channel_id(c->name)) &&
           reset_keys(&r, c, c->keys) && reset_keys(&r, c, c->keys_off) &&
           (c->keys->nelts || reset_circuits(&r, c, ""));
}

int clp_reset_key(const clp_tables *t, const clp_channel *c, const clp_key *key, apr_time_t now,
                  apr_interval_time_t patience, clp_reset_counts *counts)
{
    resetting r = {t, now, patience, counts, {CLP_NO_ROW, 0}};

    *counts = (clp_reset_counts){0};
    return reset_key(&r, c, key->id);
}
