/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot_document.h"
#include "state/row_claim.h"
#include "wire/text.h"

#define MOST_ROWS     65536 /* of tables that are not of pins */
#define MOST_ROW_SIZE ((apr_uint64_t)1 << 20)

/* Results older than this do not come back into the window of a breaker. */
#define RESULT_LIFETIME 900 /* seconds */

typedef struct reading {
    clp_tables *t;
    apr_time_t now;
    apr_pool_t *scratch;
    clp_snapshot_told *told;
    const clp_snapshot_pins *pins;
    apr_uint16_t *moved[CLP_TABLES]; /* old row number -> new one, of channels and keys */
} reading;

static apr_uint64_t word_at(const char *row, unsigned word)
{
    apr_uint64_t value;
    memcpy(&value, row + CLP_ROW_NUMBER + (apr_size_t)word * 8, sizeof(value));
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
static apr_uint64_t *row_grown(const reading *r, clp_table_kind kind, const clp_section *s,
                               const char *row, void *room)
{
    apr_size_t size = r->t->layout[kind].row_size;
    apr_size_t told = s->head.row_size < size ? (apr_size_t)s->head.row_size : size;
    memset(room, 0, size);
    memcpy(room, row + CLP_ROW_NUMBER, told);
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

static void read_row(reading *r, clp_table_kind kind, const clp_section *s, const char *row,
                     unsigned *taken, void *room)
{
    apr_uint64_t id = word_at(row, 0);
    unsigned number = number_of(row);
    int others = number == 0 && clp_snapshot_counts_others(kind);
    apr_uint64_t *grown = row_grown(r, kind, s, row, room);
    unsigned to;
    if (!others && (!number || !id || id == CLP_ROW_MOVING)) {
        return;
    }
    to = others ? CLP_NO_ROW : place(r, kind, id, taken);
    if (!others && to == CLP_NO_ROW) {
        r->told->left_out++;
        return;
    }
    refresh_row(kind, grown, r->now);
    /* The epoch too: pins name a channel together with it. */
    set_words(&clp_tables_head(r->t, kind, to)->epoch, grown + offsetof(clp_row_head, epoch) / 8,
              r->t->layout[kind].row_size / 8 - offsetof(clp_row_head, epoch) / 8);
    if (r->moved[kind]) {
        r->moved[kind][number] = (apr_uint16_t)to;
    }
    r->told->rows += !others;
}

static void read_rows(reading *r, clp_table_kind kind, const clp_section *s)
{
    const char **rows = apr_palloc(r->scratch, (s->head.rows + 1) * sizeof(*rows));
    void *room = room_for(r, kind);
    unsigned taken = rows_taken(r->t, kind);
    for (apr_uint32_t i = 0; i < s->head.rows; i++) {
        rows[i] = clp_section_row(s, i);
    }
    qsort(rows, s->head.rows, sizeof(*rows), by_use);
    for (apr_uint32_t i = 0; i < s->head.rows; i++) {
        read_row(r, kind, s, rows[i], &taken, room);
    }
}

static void read_history(reading *r, const clp_known_table *known, const clp_section *s)
{
    apr_size_t size = r->t->layout[known->kind].row_size;
    void *room = room_for(r, known->kind);
    for (apr_uint32_t i = 0; i < s->head.rows; i++) {
        const char *row = clp_section_row(s, i);
        unsigned to = r->moved[known->of][number_of(row)];
        if (to) {
            set_words((apr_uint64_t *)((char *)r->t->blocks[known->kind] + to * size),
                      row_grown(r, known->kind, s, row, room), size / 8);
        }
    }
}

static void read_head(reading *r, const clp_section *s)
{
    clp_head_row *head = r->t->head;
    clp_head_row *told = room_for(r, CLP_TABLE_HEAD);
    if (s->head.rows != 1) {
        return;
    }
    row_grown(r, CLP_TABLE_HEAD, s, clp_section_row(s, 0), told);
    set_words(&head->born, &told->born, 1); /* as old as its counters */
    set_words(head->cursors, told->cursors, CLP_CURSORS);
    set_words((apr_uint64_t *)head->protocols, (const apr_uint64_t *)told->protocols,
              sizeof(head->protocols) / 8);
}

static void read_section(reading *r, const clp_section *s)
{
    if (clp_snapshot_pins_read(r->pins, s, r->now, r->told)) {
        return;
    }
    for (int k = 0; k < CLP_KNOWN_TABLES; k++) {
        const clp_known_table *known = &clp_known_tables[k];
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
static int next_section(clp_span *rest, clp_section *s)
{
    apr_size_t rows_size;
    if (rest->n < sizeof(s->head)) {
        return 0;
    }
    memcpy(&s->head, rest->p, sizeof(s->head));
    if (s->head.rows > CLP_SNAPSHOT_PINS_MAX || s->head.row_size > MOST_ROW_SIZE ||
        s->head.row_size < sizeof(clp_row_head) || s->head.row_size % 8 != 0) {
        return 0;
    }
    rows_size = (apr_size_t)s->head.rows * (CLP_ROW_NUMBER + (apr_size_t)s->head.row_size);
    if (rest->n - sizeof(s->head) < rows_size) {
        return 0;
    }
    s->head.name[sizeof(s->head.name) - 1] = '\0';
    s->rows = rest->p + sizeof(s->head);
    *rest = clp_span_of(s->rows + rows_size, rest->n - sizeof(s->head) - rows_size);
    return 1;
}

static const char *head_wrong(clp_span document, const clp_snapshot_head *head)
{
    unsigned char sha256[32];
    if (document.n < sizeof(*head) || head->magic != CLP_SNAPSHOT_MAGIC) {
        return "it is no snapshot of this module";
    }
    if (head->size != document.n) {
        return "it is cut off";
    }
    clp_sha256(clp_span_of(document.p + sizeof(*head), document.n - sizeof(*head)), sha256);
    return memcmp(sha256, head->sha256, sizeof(sha256)) != 0 ? "its check sum is wrong" : NULL;
}

clp_snapshot_told clp_snapshot_read(clp_tables *t, const clp_snapshot_pins *pins, clp_span document,
                                    apr_time_t now, apr_pool_t *scratch)
{
    clp_snapshot_told told = {0};
    clp_snapshot_head head = {0};
    clp_span rest;
    clp_section s;
    reading r = {.t = t, .now = now, .scratch = scratch, .told = &told, .pins = pins};
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
