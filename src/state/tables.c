/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/tables.h"

#include <string.h>

#include "state/children.h"
#include "wire/text.h"

#define MAGIC APR_UINT64_C(0x313062746c706c63) /* "clptbl01" */

/* A model or user that was not seen for this long may have to give its row to another. */
#define IDLE apr_time_from_sec(24 * 3600)

/* How long the parent waits for who is entering; that takes microseconds unless it is dead. */
#define PATIENCE apr_time_from_sec(2)

/* The id of a row on its way from one to another; no id hashes to it. */
#define MOVING (~(apr_uint64_t)0)

#define HEAD_WORDS (sizeof(clp_row_head) / 8)

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

/* --- ids ----------------------------------------------------------------------------------- */

static apr_uint64_t usable(apr_uint64_t id)
{
    return id == 0 || id == MOVING ? 1 : id;
}

/* Of what an operator names: made once, when a configuration is taken into use. */
static apr_uint64_t id_of(const char *text, apr_size_t n)
{
    unsigned char raw[32];
    apr_uint64_t id = 0;
    clp_sha256(clp_span_of(text, n), raw);
    for (int i = 0; i < 8; i++) {
        id = id << 8 | raw[i];
    }
    return usable(id);
}

static apr_uint64_t id_of_string(const char *text)
{
    return id_of(text, strlen(text));
}

/* FNV-1a, its bits mixed by the last step of SplitMix64: made several times for each request, of
 * names that only have to be told apart. */
apr_uint64_t clp_row_id(clp_span name)
{
    apr_uint64_t h = APR_UINT64_C(0xcbf29ce484222325);
    for (apr_size_t i = 0; i < name.n; i++) {
        h = (h ^ (unsigned char)name.p[i]) * APR_UINT64_C(0x100000001b3);
    }
    h = (h ^ (h >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    return usable(h ^ (h >> 31));
}

apr_uint64_t clp_channel_id(const char *channel)
{
    return id_of_string(channel);
}

/* Names are hashed before they are put together, so that no two lists of them look the same. */
static apr_uint64_t id_of_ids(const apr_uint64_t *ids, int n)
{
    unsigned char text[3 * 8];
    for (int i = 0; i < n; i++) {
        for (int b = 0; b < 8; b++) {
            text[i * 8 + b] = (unsigned char)(ids[i] >> (56 - 8 * b));
        }
    }
    return id_of((const char *)text, (apr_size_t)n * 8);
}

apr_uint64_t clp_key_id(const char *channel, const char *key)
{
    const apr_uint64_t ids[] = {clp_channel_id(channel), id_of_string(key)};
    return id_of_ids(ids, 2);
}

apr_uint64_t clp_circuit_id(const char *channel, const char *url, const char *key)
{
    const apr_uint64_t ids[] = {clp_channel_id(channel), id_of_string(url), id_of_string(key)};
    return id_of_ids(ids, 3);
}

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

void clp_row_name_get(const apr_uint64_t *words, int n, char *out)
{
    for (int i = 0; i < n; i++) {
        apr_uint64_t word = clp_word_get(&words[i]);
        memcpy(out + (apr_size_t)i * 8, &word, 8);
    }
    out[(apr_size_t)n * 8] = '\0';
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

/* --- rows ---------------------------------------------------------------------------------- */

clp_row_head *clp_tables_head(const clp_tables *t, clp_table_kind kind, unsigned row)
{
    return (clp_row_head *)((char *)t->blocks[kind] + row * t->layout[kind].row_size);
}

/* The row after this one where an id is looked for; the first one for row 0. Rows with other ids
 * are passed by, up to the first that is unused: rows are never unused again. */
static unsigned next_row(const clp_tables *t, clp_table_kind kind, apr_uint64_t id, unsigned row)
{
    unsigned n = t->layout[kind].rows - 1;
    return row ? row % n + 1 : (unsigned)(id % n) + 1;
}

/* The epoch of a row that has this id; 0 if it has another one, or just got it. */
static int row_is(const clp_row_head *head, apr_uint64_t id, apr_uint64_t *epoch)
{
    if (clp_word_get(&head->id) != id) {
        return 0;
    }
    *epoch = clp_word_get(&head->epoch);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return clp_word_get(&head->id) == id;
}

static clp_row_ref ref_to(unsigned row, apr_uint64_t epoch)
{
    return (clp_row_ref){(apr_uint16_t)row, (apr_uint16_t)epoch};
}

clp_row_ref clp_tables_find(const clp_tables *t, clp_table_kind kind, apr_uint64_t id)
{
    unsigned row = 0;
    for (unsigned i = 1; i < t->layout[kind].rows; i++) {
        const clp_row_head *head;
        apr_uint64_t epoch;
        row = next_row(t, kind, id, row);
        head = clp_tables_head(t, kind, row);
        if (row_is(head, id, &epoch)) {
            return ref_to(row, epoch);
        }
        if (!clp_word_get(&head->id)) {
            break;
        }
    }
    return ref_to(CLP_NO_ROW, 0);
}

unsigned clp_tables_row(const clp_tables *t, clp_table_kind kind, clp_row_ref ref)
{
    if (ref.row == CLP_NO_ROW || ref.row >= t->layout[kind].rows ||
        (apr_uint16_t)clp_word_get(&clp_tables_head(t, kind, ref.row)->epoch) != ref.epoch) {
        return CLP_NO_ROW;
    }
    return ref.row;
}

/* Find the id, or make the first unused row on its way its own. */
static clp_row_ref find_or_take(clp_tables *t, clp_table_kind kind, apr_uint64_t id)
{
    unsigned row = 0;
    for (unsigned i = 1; i < t->layout[kind].rows; i++) {
        clp_row_head *head;
        apr_uint64_t epoch;
        row = next_row(t, kind, id, row);
        head = clp_tables_head(t, kind, row);
        if (!clp_word_get(&head->id)) {
            clp_word_swap(&head->id, 0, id);
        }
        if (row_is(head, id, &epoch)) {
            return ref_to(row, epoch);
        }
    }
    return ref_to(CLP_NO_ROW, 0);
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
    clp_writes_swap(w, &head->id, head->id, MOVING);
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
    m->ref = ref_to(row, head->epoch + 1);
}

/* A full table: let the id have the row of another, if one gives way. */
static clp_row_ref take_over(move *m, apr_interval_time_t patience)
{
    if (!clp_ledger_change(m->t->ledger, move_row, m, patience)) {
        return ref_to(CLP_NO_ROW, 0);
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
    return name.n ? named(t, CLP_TABLE_MODELS, name, now) : ref_to(CLP_NO_ROW, 0);
}

clp_row_ref clp_tables_user(clp_tables *t, clp_span name, apr_time_t now)
{
    return name.n ? named(t, CLP_TABLE_USERS, name, now) : ref_to(CLP_NO_ROW, 0);
}
