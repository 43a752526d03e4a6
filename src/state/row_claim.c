/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/row_claim.h"

#include <string.h>

#include "row_search.h"
#include "state/children.h"
#include "wire/text.h"

/* A model or user that was not seen for this long may have to give its row to another. */
#define IDLE apr_time_from_sec(24 * 3600)

/* How long the parent waits for who is entering; that takes microseconds unless it is dead. */
#define PATIENCE apr_time_from_sec(2)

#define HEAD_WORDS (sizeof(clp_row_head) / 8)

/* --- names --------------------------------------------------------------------------------- */

/* The words of a row's name; 0 if the kind has none. */
static int name_words(clp_table_kind kind)
{
    switch (kind) {
    case CLP_TABLE_CHANNELS:
    case CLP_TABLE_MODELS:
    case CLP_TABLE_USERS: return CLP_NAME_WORDS;
    case CLP_TABLE_KEYS: return 2;
    default: return 0;
    }
}

static apr_uint64_t *name_of(clp_row_head *head)
{
    return (apr_uint64_t *)head + HEAD_WORDS;
}

static void name_pack(clp_span name, int n, apr_uint64_t words[CLP_NAME_WORDS])
{
    memset(words, 0, CLP_NAME_WORDS * 8);
    name = clp_utf8_cut(name, (apr_size_t)n * 8);
    if (name.n) {
        memcpy(words, name.p, name.n);
    }
}

static void name_set(clp_row_head *head, clp_table_kind kind, clp_span name)
{
    apr_uint64_t words[CLP_NAME_WORDS];
    int n = name_words(kind);
    name_pack(name, n, words);
    for (int i = n - 1; i >= 0; i--) { /* the first word last: it says that the name is there */
        clp_word_set(name_of(head) + i, words[i]);
    }
}

/* --- claims -------------------------------------------------------------------------------- */

/* Find the id, or make the first unused row on its way its own. */
static clp_row_ref find_or_take(clp_tables *t, clp_table_kind kind, apr_uint64_t id)
{
    unsigned row = 0;
    for (unsigned i = 1; i < t->layout[kind].rows; i++) {
        clp_row_head *head;
        apr_uint64_t epoch;
        row = clp_row_after(t, kind, id, row);
        head = clp_tables_head(t, kind, row);
        if (!clp_word_get(&head->id)) {
            clp_word_swap(&head->id, 0, id);
        }
        if (clp_row_has(head, id, &epoch)) {
            return clp_row_ref_to(row, epoch);
        }
    }
    return clp_row_ref_to(CLP_NO_ROW, 0);
}

typedef struct move {
    clp_tables *t;
    clp_table_kind kind;
    apr_uint64_t id;
    clp_span name;
    apr_uint64_t generation; /* 0 = rows give way by time */
    apr_time_t now;
    clp_row_ref ref; /* out */
} move;

static int is_in_flight(const move *m, unsigned row)
{
    return (m->kind == CLP_TABLE_CHANNELS || m->kind == CLP_TABLE_KEYS) &&
           clp_in_flight(m->t, m->kind, row) > 0;
}

static int gives_way(const move *m, const clp_row_head *head, unsigned row)
{
    apr_uint64_t used = clp_word_get(&head->used);
    if (m->generation) {
        return clp_word_get(&head->generation) < m->generation && !is_in_flight(m, row);
    }
    return used && used + IDLE < (apr_uint64_t)m->now; /* 0: about to be named */
}

static clp_row_head *choose(const move *m)
{
    clp_row_head *best = NULL;
    for (unsigned row = 1; row < m->t->layout[m->kind].rows; row++) {
        clp_row_head *head = clp_tables_head(m->t, m->kind, row);
        if (gives_way(m, head, row) &&
            (!best || clp_word_get(&head->used) < clp_word_get(&best->used))) {
            best = head;
        }
    }
    return best;
}

/* What a row was told over the years goes with who had it. */
static void clear_history(const move *m, unsigned row, clp_writes *w)
{
    if (m->kind == CLP_TABLE_CHANNELS) {
        clp_writes_clear(w, (apr_uint64_t *)&m->t->channel_history[row],
                         sizeof(clp_channel_history) / 8);
    }
    if (m->kind == CLP_TABLE_KEYS) {
        clp_writes_clear(w, (apr_uint64_t *)&m->t->key_history[row], sizeof(clp_key_history) / 8);
    }
}

/* As one change of the ledger: a row goes from one id to another. Readers see the old id, then
 * none, then the new one; never the new epoch under the old id. */
static void move_row(void *baton, clp_writes *w)
{
    move *m = baton;
    clp_row_head *head;
    apr_uint64_t words[CLP_NAME_WORDS];
    unsigned row;
    m->ref = clp_tables_find(m->t, m->kind, m->id);
    head = m->ref.row ? NULL : choose(m);
    if (!head) {
        return;
    }
    row = (unsigned)((apr_size_t)((char *)head - (char *)m->t->blocks[m->kind]) /
                     m->t->layout[m->kind].row_size);
    clp_writes_swap(w, &head->id, head->id, CLP_ROW_MOVING);
    clp_writes_set(w, &head->epoch, head->epoch + 1);
    clp_writes_clear(w, name_of(head), m->t->layout[m->kind].row_size / 8 - HEAD_WORDS);
    clear_history(m, row, w);
    clp_writes_set(w, &head->used, (apr_uint64_t)m->now);
    clp_writes_set(w, &head->generation, m->generation);
    name_pack(m->name, name_words(m->kind), words);
    for (int i = name_words(m->kind) - 1; i >= 0; i--) {
        clp_writes_set(w, name_of(head) + i, words[i]);
    }
    clp_writes_set(w, &head->id, m->id);
    m->ref = clp_row_ref_to(row, head->epoch + 1);
}

/* A full table: let the id have the row of another, if one gives way. */
static clp_row_ref take_over(move *m, apr_interval_time_t patience)
{
    if (!clp_ledger_change(m->t->ledger, move_row, m, patience)) {
        return clp_row_ref_to(CLP_NO_ROW, 0);
    }
    return m->ref;
}

void clp_tables_mark(clp_tables *t, clp_table_kind kind, clp_row_ref ref, apr_uint64_t generation)
{
    unsigned row = clp_tables_row(t, kind, ref);
    apr_uint64_t *marked;
    apr_uint64_t was;
    if (!row) {
        return;
    }
    marked = &clp_tables_head(t, kind, row)->generation;
    was = clp_word_get(marked);
    while (was < generation && !clp_word_swap(marked, was, generation)) {
        was = clp_word_get(marked);
    }
}

/* A generation: the number of the restart, and behind it that of the change since then. */
#define RESTART ((apr_uint64_t)1 << 32)

apr_uint64_t clp_tables_restart(clp_tables *t)
{
    apr_uint64_t generation = (clp_word_get(&t->head->generation) / RESTART + 1) * RESTART;
    clp_word_set(&t->head->generation, generation);
    return generation;
}

apr_uint64_t clp_tables_generation(const clp_tables *t, apr_uint64_t restart)
{
    apr_uint64_t present = clp_word_get(&t->head->generation);
    return present / RESTART == restart / RESTART ? present : restart;
}

apr_uint64_t clp_tables_next_generation(clp_tables *t, apr_uint64_t generation)
{
    apr_uint64_t present = clp_word_get(&t->head->generation);
    if (present == generation) {
        clp_word_swap(&t->head->generation, present, present + 1);
        present = clp_word_get(&t->head->generation);
    }
    return present / RESTART == generation / RESTART ? present : 0;
}

clp_row_ref clp_tables_claim(clp_tables *t, clp_table_kind kind, apr_uint64_t id, clp_span name,
                             apr_uint64_t generation)
{
    clp_row_ref ref = find_or_take(t, kind, id);
    if (!ref.row) {
        move m = {t, kind, id, name, generation, apr_time_now(), {0, 0}};
        return take_over(&m, PATIENCE);
    }
    name_set(clp_tables_head(t, kind, ref.row), kind, name);
    clp_tables_mark(t, kind, ref, generation);
    return ref;
}

/* A row whose name is missing was claimed by one who died, or has not named it yet. */
static clp_row_ref named(clp_tables *t, clp_table_kind kind, clp_span name, apr_time_t now)
{
    apr_uint64_t id = clp_row_id(name);
    clp_row_ref ref = find_or_take(t, kind, id);
    clp_row_head *head;
    if (!ref.row) {
        move m = {t, kind, id, name, 0, now, {0, 0}};
        return take_over(&m, 0);
    }
    head = clp_tables_head(t, kind, ref.row);
    if (!clp_word_get(name_of(head))) {
        clp_word_swap(&head->used, 0, (apr_uint64_t)now);
        name_set(head, kind, name);
    }
    return ref;
}

clp_row_ref clp_tables_model(clp_tables *t, clp_span name, apr_time_t now)
{
    return name.n ? named(t, CLP_TABLE_MODELS, name, now) : clp_row_ref_to(CLP_NO_ROW, 0);
}

clp_row_ref clp_tables_user(clp_tables *t, clp_span name, apr_time_t now)
{
    return name.n ? named(t, CLP_TABLE_USERS, name, now) : clp_row_ref_to(CLP_NO_ROW, 0);
}
