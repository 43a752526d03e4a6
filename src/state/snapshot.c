/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/snapshot.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "wire/text.h"

#define MAGIC  APR_UINT64_C(0x3130706e73706c63) /* "clpsnp01" */
#define MOVING (~(apr_uint64_t)0)

/* How long to wait for who enters bookings; that takes microseconds unless it is dead. */
#define PATIENCE apr_time_from_sec(2)

#define MOST_ROWS     65536
#define MOST_ROW_SIZE ((apr_uint64_t)1 << 20)

/* Results older than this do not come back into the window of a breaker. */
#define RESULT_LIFETIME 900 /* seconds */

typedef struct document_head {
    apr_uint64_t magic;
    apr_uint64_t size; /* of the whole document */
    apr_uint64_t made;
    apr_uint64_t unused;
    unsigned char sha256[32]; /* of all behind the head */
} document_head;

typedef struct section_head {
    char name[24];
    apr_uint32_t layout;
    apr_uint32_t rows;
    apr_uint64_t row_size;
} section_head;

/* A row is its number in the table it comes from, then its bytes. */
#define NUMBER sizeof(apr_uint64_t)

/* Tables whose rows have ids, and histories, whose rows are numbered as theirs. */
typedef struct known_table {
    const char *name;
    clp_table_kind kind;
    clp_table_kind of; /* of histories: whose; else the kind itself */
} known_table;

static const known_table known_tables[] = {
    {"head", CLP_TABLE_HEAD, CLP_TABLE_HEAD},
    {"channels", CLP_TABLE_CHANNELS, CLP_TABLE_CHANNELS},
    {"keys", CLP_TABLE_KEYS, CLP_TABLE_KEYS},
    {"circuits", CLP_TABLE_CIRCUITS, CLP_TABLE_CIRCUITS},
    {"models", CLP_TABLE_MODELS, CLP_TABLE_MODELS},
    {"users", CLP_TABLE_USERS, CLP_TABLE_USERS},
    {"channel-history", CLP_TABLE_CHANNEL_HISTORY, CLP_TABLE_CHANNELS},
    {"key-history", CLP_TABLE_KEY_HISTORY, CLP_TABLE_KEYS}};

#define KNOWN ((int)(sizeof(known_tables) / sizeof(known_tables[0])))

static int counts_others(clp_table_kind kind)
{
    return kind == CLP_TABLE_MODELS || kind == CLP_TABLE_USERS;
}

/* --- writing ------------------------------------------------------------------------------- */

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
static int row_kept(const known_table *known, const clp_table_layout *layout, const void *block,
                    unsigned row)
{
    apr_uint64_t id;
    if (known->kind == CLP_TABLE_HEAD || (row == 0 && counts_others(known->kind))) {
        return 1;
    }
    id = clp_word_get((const apr_uint64_t *)(const void *)row_at(layout, block, row));
    return row && id && id != MOVING;
}

static void write_row(const clp_table_layout *layout, const void *block, unsigned row,
                      clp_buffer *out)
{
    apr_uint64_t number = row;
    clp_buffer_append(out, (const char *)&number, sizeof(number));
    clp_buffer_append(out, row_at(layout, block, row), layout->row_size);
}

static void write_table(const known_table *known, const clp_table_layout *layout,
                        void *const *blocks, int n, clp_buffer *out)
{
    int at = table_named(layout, n, known->name);
    int of = at;
    section_head head = {.rows = 0};
    apr_size_t head_at = out->n;
    for (int k = 0; k < KNOWN; k++) {
        if (known_tables[k].kind == known->of && known->of != known->kind) {
            of = table_named(layout, n, known_tables[k].name);
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

void clp_snapshot_write(const clp_table_layout *layout, void *const *blocks, int n, apr_time_t now,
                        clp_buffer *out)
{
    document_head head = {.magic = MAGIC, .made = (apr_uint64_t)now};
    apr_size_t begin = out->n;
    clp_buffer_append(out, (const char *)&head, sizeof(head));
    for (int k = 0; k < KNOWN; k++) {
        write_table(&known_tables[k], layout, blocks, n, out);
    }
    head.size = out->n - begin;
    clp_sha256(clp_span_of(out->p + begin + sizeof(head), out->n - begin - sizeof(head)),
               head.sha256);
    memcpy(out->p + begin, &head, sizeof(head));
}

typedef struct writing {
    const clp_tables *t;
    clp_buffer *out;
} writing;

/* A change of nothing: while it is made, no booking is entered. */
static void write_tables(void *baton, clp_writes *w)
{
    const writing *to = baton;
    (void)w;
    clp_snapshot_write(to->t->layout, to->t->blocks, CLP_TABLES, apr_time_now(), to->out);
}

int clp_snapshot_take(clp_tables *t, clp_buffer *out)
{
    writing to = {t, out};
    return clp_ledger_change(t->ledger, write_tables, &to, PATIENCE);
}

/* --- reading ------------------------------------------------------------------------------- */

typedef struct reading {
    clp_tables *t;
    apr_time_t now;
    apr_pool_t *scratch;
    clp_snapshot_told *told;
    apr_uint16_t *moved[CLP_TABLES]; /* old row number -> new one, of channels and keys */
} reading;

/* A section whose head is sound and which lies in the document as a whole. */
typedef struct section {
    section_head head;
    const char *rows;
} section;

static const char *section_row(const section *s, apr_uint32_t i)
{
    return s->rows + i * (NUMBER + s->head.row_size);
}

static apr_uint64_t word_at(const char *row, unsigned word)
{
    apr_uint64_t value;
    memcpy(&value, row + NUMBER + (apr_size_t)word * 8, sizeof(value));
    return value;
}

static unsigned number_of(const char *row)
{
    apr_uint64_t number;
    memcpy(&number, row, sizeof(number));
    return number < MOST_ROWS ? (unsigned)number : 0;
}

/* Room for a row of the table, aligned as rows are. */
static void *room_for(const reading *r, clp_table_kind kind)
{
    char *room = apr_palloc(r->scratch, r->t->layout[kind].row_size + 63);
    return (void *)(((apr_uintptr_t)room + 63) & ~(apr_uintptr_t)63);
}

/* The row as this version knows it: zeroes where the document has nothing. */
static apr_uint64_t *row_grown(const reading *r, clp_table_kind kind, const section *s,
                               const char *row, void *room)
{
    apr_size_t size = r->t->layout[kind].row_size;
    apr_size_t told = s->head.row_size < size ? (apr_size_t)s->head.row_size : size;
    memset(room, 0, size);
    memcpy(room, row + NUMBER, told);
    return room;
}

static void set_words(apr_uint64_t *to, const apr_uint64_t *from, apr_size_t n)
{
    for (apr_size_t i = 0; i < n; i++) {
        clp_word_set(to + i, from[i]);
    }
}

/* A circuit after a time without news: no probe is under way, and old results tell nothing. */
static void refresh(clp_circuit *c, apr_time_t now)
{
    apr_uint32_t kept[CLP_CIRCUIT_RESULTS];
    unsigned n = 0;
    apr_uint64_t first = c->recorded > CLP_CIRCUIT_RESULTS ? c->recorded - CLP_CIRCUIT_RESULTS : 0;
    for (apr_uint64_t i = first; i < c->recorded; i++) {
        unsigned at = (unsigned)(i % CLP_CIRCUIT_RESULTS);
        apr_uint32_t result = clp_half_of(c->results[at / 2], at);
        if (CLP_CIRCUIT_EPOCH + (result >> 1) + RESULT_LIFETIME > apr_time_sec(now)) {
            kept[n++] = result;
        }
    }
    memset(c->results, 0, sizeof(c->results));
    for (unsigned i = 0; i < n; i++) {
        c->results[i / 2] = clp_half_put(c->results[i / 2], i, kept[i]);
    }
    c->recorded = n;
    c->probe = 0;
}

static void refresh_row(clp_table_kind kind, void *row, apr_time_t now)
{
    ((clp_row_head *)row)->generation = 0;
    if (kind == CLP_TABLE_CHANNELS) {
        refresh(&((clp_channel_row *)row)->circuit, now);
    }
    if (kind == CLP_TABLE_CIRCUITS) {
        refresh(&((clp_circuit_row *)row)->circuit, now);
    }
}

/* Where the row goes: one of its own, or none if all are taken. */
static unsigned place(const reading *r, clp_table_kind kind, apr_uint64_t id, unsigned *taken)
{
    clp_row_ref ref = clp_tables_find(r->t, kind, id);
    if (ref.row == CLP_NO_ROW && *taken + 1 < r->t->layout[kind].rows) {
        ref = clp_tables_claim(r->t, kind, id, CLP_SPAN_LIT(""), 0);
        *taken += ref.row != CLP_NO_ROW;
    }
    return ref.row;
}

static unsigned rows_taken(const clp_tables *t, clp_table_kind kind)
{
    unsigned n = 0;
    for (unsigned row = 1; row < t->layout[kind].rows; row++) {
        n += clp_word_get(&clp_tables_head(t, kind, row)->id) != 0;
    }
    return n;
}

/* Used last first. */
static int by_use(const void *a, const void *b)
{
    apr_uint64_t x = word_at(*(const char *const *)a, offsetof(clp_row_head, used) / 8);
    apr_uint64_t y = word_at(*(const char *const *)b, offsetof(clp_row_head, used) / 8);
    return x == y ? 0 : x < y ? 1 : -1;
}

static void read_row(reading *r, clp_table_kind kind, const section *s, const char *row,
                     unsigned *taken, void *room)
{
    apr_uint64_t id = word_at(row, 0);
    unsigned number = number_of(row);
    int others = number == 0 && counts_others(kind);
    apr_uint64_t *grown = row_grown(r, kind, s, row, room);
    unsigned to;
    if (!others && (!number || !id || id == MOVING)) {
        return;
    }
    to = others ? CLP_NO_ROW : place(r, kind, id, taken);
    if (!others && to == CLP_NO_ROW) {
        r->told->left_out++;
        return;
    }
    refresh_row(kind, grown, r->now);
    set_words(&clp_tables_head(r->t, kind, to)->used, grown + offsetof(clp_row_head, used) / 8,
              r->t->layout[kind].row_size / 8 - offsetof(clp_row_head, used) / 8);
    if (r->moved[kind]) {
        r->moved[kind][number] = (apr_uint16_t)to;
    }
    r->told->rows += !others;
}

static void read_rows(reading *r, clp_table_kind kind, const section *s)
{
    const char **rows = apr_palloc(r->scratch, (s->head.rows + 1) * sizeof(*rows));
    void *room = room_for(r, kind);
    unsigned taken = rows_taken(r->t, kind);
    for (apr_uint32_t i = 0; i < s->head.rows; i++) {
        rows[i] = section_row(s, i);
    }
    qsort(rows, s->head.rows, sizeof(*rows), by_use);
    for (apr_uint32_t i = 0; i < s->head.rows; i++) {
        read_row(r, kind, s, rows[i], &taken, room);
    }
}

static void read_history(reading *r, const known_table *known, const section *s)
{
    apr_size_t size = r->t->layout[known->kind].row_size;
    void *room = room_for(r, known->kind);
    for (apr_uint32_t i = 0; i < s->head.rows; i++) {
        const char *row = section_row(s, i);
        unsigned to = r->moved[known->of][number_of(row)];
        if (to) {
            set_words((apr_uint64_t *)((char *)r->t->blocks[known->kind] + to * size),
                      row_grown(r, known->kind, s, row, room), size / 8);
        }
    }
}

static void read_head(reading *r, const section *s)
{
    clp_head_row *head = r->t->head;
    clp_head_row *told = room_for(r, CLP_TABLE_HEAD);
    if (s->head.rows != 1) {
        return;
    }
    row_grown(r, CLP_TABLE_HEAD, s, section_row(s, 0), told);
    set_words(&head->born, &told->born, 1); /* as old as its counters */
    set_words(head->cursors, told->cursors, CLP_CURSORS);
    set_words((apr_uint64_t *)head->protocols, (const apr_uint64_t *)told->protocols,
              sizeof(head->protocols) / 8);
}

static void read_section(reading *r, const section *s)
{
    for (int k = 0; k < KNOWN; k++) {
        const known_table *known = &known_tables[k];
        if (strcmp(known->name, s->head.name) != 0) {
            continue;
        }
        if (r->t->layout[known->kind].layout != s->head.layout) {
            r->told->other_layout++;
        }
        else if (known->kind == CLP_TABLE_HEAD) {
            read_head(r, s);
        }
        else if (known->of != known->kind) {
            read_history(r, known, s);
        }
        else {
            read_rows(r, known->kind, s);
        }
        return;
    }
}

/* Take the next section off the document; 0 if it is none, which no checksum should let by. */
static int next_section(clp_span *rest, section *s)
{
    apr_size_t rows_size;
    if (rest->n < sizeof(s->head)) {
        return 0;
    }
    memcpy(&s->head, rest->p, sizeof(s->head));
    if (s->head.rows > MOST_ROWS || s->head.row_size > MOST_ROW_SIZE ||
        s->head.row_size < sizeof(clp_row_head) || s->head.row_size % 8 != 0) {
        return 0;
    }
    rows_size = (apr_size_t)s->head.rows * (NUMBER + (apr_size_t)s->head.row_size);
    if (rest->n - sizeof(s->head) < rows_size) {
        return 0;
    }
    s->head.name[sizeof(s->head.name) - 1] = '\0';
    s->rows = rest->p + sizeof(s->head);
    *rest = clp_span_of(s->rows + rows_size, rest->n - sizeof(s->head) - rows_size);
    return 1;
}

static const char *head_wrong(clp_span document, const document_head *head)
{
    unsigned char sha256[32];
    if (document.n < sizeof(*head) || head->magic != MAGIC) {
        return "it is no snapshot of this module";
    }
    if (head->size != document.n) {
        return "it is cut off";
    }
    clp_sha256(clp_span_of(document.p + sizeof(*head), document.n - sizeof(*head)), sha256);
    return memcmp(sha256, head->sha256, sizeof(sha256)) != 0 ? "its check sum is wrong" : NULL;
}

clp_snapshot_told clp_snapshot_read(clp_tables *t, clp_span document, apr_time_t now,
                                    apr_pool_t *scratch)
{
    clp_snapshot_told told = {0};
    document_head head = {0};
    clp_span rest;
    section s;
    reading r = {.t = t, .now = now, .scratch = scratch, .told = &told};
    if (document.n >= sizeof(head)) {
        memcpy(&head, document.p, sizeof(head));
    }
    told.wrong = head_wrong(document, &head);
    if (told.wrong) {
        return told;
    }
    told.made = (apr_time_t)head.made;
    r.moved[CLP_TABLE_CHANNELS] = apr_pcalloc(scratch, MOST_ROWS * sizeof(apr_uint16_t));
    r.moved[CLP_TABLE_KEYS] = apr_pcalloc(scratch, MOST_ROWS * sizeof(apr_uint16_t));
    rest = clp_span_of(document.p + sizeof(head), document.n - sizeof(head));
    while (rest.n && next_section(&rest, &s)) {
        read_section(&r, &s);
    }
    return told;
}
