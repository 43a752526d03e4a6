/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/children.h"

#include <unistd.h>

#include "state/process.h"

/* Beside a pid: the row of a dead process is being emptied, by the process of that pid. */
#define EMPTYING ((apr_uint64_t)1 << 32)

static clp_child_row *child_row(const clp_tables *t, unsigned i)
{
    const clp_table_layout *layout = &t->layout[CLP_TABLE_CHILDREN];
    return (clp_child_row *)((char *)t->blocks[CLP_TABLE_CHILDREN] + i * layout->row_size);
}

static unsigned rows_used(const clp_tables *t)
{
    return (unsigned)clp_word_get(&t->head->children);
}

static void row_used(clp_tables *t, unsigned i)
{
    apr_uint64_t used = clp_word_get(&t->head->children);
    while (used <= i && !clp_word_swap(&t->head->children, used, i + 1)) {
        used = clp_word_get(&t->head->children);
    }
}

static unsigned number_of(const clp_tables *t, const clp_child_row *row)
{
    const clp_table_layout *layout = &t->layout[CLP_TABLE_CHILDREN];
    return (unsigned)((apr_size_t)((const char *)row -
                                   (const char *)t->blocks[CLP_TABLE_CHILDREN]) /
                      layout->row_size) +
           1;
}

unsigned clp_child_number(const clp_tables *t)
{
    return t->child ? number_of(t, t->child) : 0;
}

static void free_probe(clp_circuit *c, unsigned child)
{
    apr_uint64_t held = clp_word_get(&c->probe);
    if (held && (held & CLP_PROBE_OWNER) == child) {
        clp_word_swap(&c->probe, held, 0);
    }
}

static void free_probes(const clp_tables *t, unsigned child)
{
    for (unsigned row = 1; row < clp_tables_rows(t, CLP_TABLE_CHANNELS); row++) {
        free_probe(&t->channels[row].circuit, child);
    }
    for (unsigned row = 1; row < clp_tables_rows(t, CLP_TABLE_CIRCUITS); row++) {
        free_probe(&t->circuits[row].circuit, child);
    }
}

/* Only who changed `holder` to its own mark empties the row, so it cannot be given to the next
 * while somebody else still does so. */
static void empty(const clp_tables *t, clp_child_row *row, apr_uint64_t holder)
{
    apr_size_t n = (t->layout[CLP_TABLE_CHILDREN].row_size - sizeof(*row)) / sizeof(row->held[0]);
    apr_uint64_t mine = EMPTYING | (apr_uint64_t)(apr_uint32_t)getpid();
    if (!clp_word_swap(&row->pid, holder, mine)) {
        return;
    }
    for (apr_size_t i = 0; i < n; i++) {
        __atomic_store_n(&row->held[i], 0, __ATOMIC_RELAXED);
    }
    free_probes(t, number_of(t, row));
    clp_word_set(&row->pid, 0);
}

static int take(clp_tables *t, apr_time_t now)
{
    for (unsigned i = 0; i < t->layout[CLP_TABLE_CHILDREN].rows; i++) {
        clp_child_row *row = child_row(t, i);
        if (clp_word_get(&row->pid) == 0 &&
            clp_word_swap(&row->pid, 0, (apr_uint64_t)(apr_uint32_t)getpid())) {
            row_used(t, i);
            clp_word_set(&row->since, (apr_uint64_t)now);
            clp_word_set(&row->revision, 0);
            clp_word_set(&row->generations, 0);
            t->child = row;
            return 1;
        }
    }
    return 0;
}

/* Rows whose processes ended without anybody telling. */
static void empty_dead(clp_tables *t)
{
    for (unsigned i = 0; i < rows_used(t); i++) {
        clp_child_row *row = child_row(t, i);
        apr_uint64_t holder = clp_word_get(&row->pid);
        if (holder && clp_process_gone((pid_t)(apr_uint32_t)holder)) {
            empty(t, row, holder);
        }
    }
}

int clp_child_begin(clp_tables *t, apr_time_t now)
{
    if (take(t, now)) {
        return 1;
    }
    empty_dead(t);
    return take(t, now);
}

void clp_child_end(clp_tables *t)
{
    clp_child_row *row = t->child;
    t->child = NULL;
    if (row) {
        empty(t, row, (apr_uint64_t)(apr_uint32_t)getpid());
    }
}

void clp_child_reap(clp_tables *t, pid_t pid)
{
    for (unsigned i = 0; i < rows_used(t); i++) {
        clp_child_row *row = child_row(t, i);
        apr_uint64_t holder = clp_word_get(&row->pid);
        if (holder && (pid_t)(apr_uint32_t)holder == pid) {
            empty(t, row, holder);
        }
    }
    clp_ledger_reap(t->ledger, pid);
}

static unsigned place(const clp_tables *t, clp_table_kind kind, unsigned row)
{
    return kind == CLP_TABLE_KEYS ? t->layout[CLP_TABLE_CHANNELS].rows + row : row;
}

void clp_in_flight_add(clp_tables *t, clp_table_kind kind, unsigned row)
{
    clp_child_row *child = t->child;
    if (child) {
        __atomic_add_fetch(&child->held[place(t, kind, row)], 1, __ATOMIC_SEQ_CST);
    }
}

void clp_in_flight_remove(clp_tables *t, clp_table_kind kind, unsigned row)
{
    clp_child_row *child = t->child;
    if (child) {
        __atomic_sub_fetch(&child->held[place(t, kind, row)], 1, __ATOMIC_SEQ_CST);
    }
}

apr_uint64_t clp_in_flight(const clp_tables *t, clp_table_kind kind, unsigned row)
{
    apr_uint64_t sum = 0;
    unsigned at = place(t, kind, row);
    for (unsigned i = 0; i < rows_used(t); i++) {
        sum += __atomic_load_n(&child_row(t, i)->held[at], __ATOMIC_SEQ_CST);
    }
    return sum;
}

void clp_child_tell(clp_tables *t, apr_uint64_t revision, unsigned generations)
{
    clp_child_row *child = t->child;
    if (child) {
        clp_word_set(&child->revision, revision);
        clp_word_set(&child->generations, generations);
    }
}

const clp_child_row *clp_child_at(const clp_tables *t, unsigned i)
{
    return i < rows_used(t) ? child_row(t, i) : NULL;
}

apr_uint64_t clp_child_in_flight(const clp_tables *t, const clp_child_row *row)
{
    apr_uint64_t sum = 0;
    for (unsigned i = 0; i < clp_tables_rows(t, CLP_TABLE_CHANNELS); i++) {
        sum += __atomic_load_n(&row->held[place(t, CLP_TABLE_CHANNELS, i)], __ATOMIC_SEQ_CST);
    }
    return sum;
}
