/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/ledger.h"

#include <time.h>
#include <unistd.h>

#include "ledger_memory.h"
#include "state/process.h"

#define MAGIC APR_UINT64_C(0x313067646c706c63) /* "clpldg01" */

/* Whether the one who enters is still alive is asked when its claim is this old, or so many
 * bookings wait: it costs a system call. */
#define DOUBT_AFTER_MS 100
#define DOUBT_BACKLOG  64

#define WAIT_US 500

static void step(const clp_ledger *l, clp_ledger_step at)
{
    if (__builtin_expect(l->step != NULL, 0)) {
        l->step(at);
    }
}

/* --- layout ------------------------------------------------------------------------------- */

apr_size_t clp_ledger_size(apr_uint32_t bookings)
{
    return sizeof(clp_ledger_memory) + clp_slots_for(bookings) * sizeof(clp_ledger_slot);
}

clp_ledger *clp_ledger_open(void *memory, apr_size_t size, const clp_ledger_block *blocks,
                            int nblocks, apr_pool_t *pool)
{
    clp_ledger_memory *m = memory;
    clp_ledger *l;
    apr_uint64_t slots =
        size > sizeof(*m) ? clp_slots_in(size - sizeof(*m), sizeof(clp_ledger_slot)) : 0;
    if (!slots || nblocks > CLP_LEDGER_BLOCKS) {
        return NULL;
    }
    if (!clp_word_get(&m->magic)) {
        m->slots = slots;
        clp_word_set(&m->magic, MAGIC);
    }
    if (m->magic != MAGIC || m->slots != slots) {
        return NULL;
    }
    l = apr_pcalloc(pool, sizeof(*l));
    l->m = m;
    l->ring = (clp_slot_ring){&m->head, (char *)m->ring, sizeof(clp_ledger_slot), slots};
    l->nblocks = nblocks;
    for (int i = 0; i < nblocks; i++) {
        l->blocks[i] = blocks[i];
    }
    l->blocks[CLP_LEDGER_OWN].words = (apr_uint64_t *)m;
    l->blocks[CLP_LEDGER_OWN].n = size / 8;
    return l;
}

void clp_ledger_use(clp_ledger *l, clp_ledger_fn *fn, void *baton)
{
    l->baton = baton;
    l->enter = fn;
}

void clp_ledger_count(const clp_ledger *l, clp_ledger_counts *counts)
{
    counts->entered = clp_word_get(&l->m->tail);
    counts->posted = clp_word_get(&l->m->head);
    counts->lost = clp_word_get(&l->m->lost);
    counts->skipped = clp_word_get(&l->m->skipped);
}

/* --- who is alive -------------------------------------------------------------------------- */

static apr_uint32_t clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_uint32_t)((apr_uint64_t)ts.tv_sec * 1000 + (apr_uint64_t)ts.tv_nsec / 1000000);
}

/* Has the one who enters earned doubt, and does it prove to be dead? */
static int owner_gone(const clp_ledger_memory *m, apr_uint64_t owner)
{
    apr_uint32_t age = clock_ms() - (apr_uint32_t)owner;
    apr_uint64_t backlog = clp_word_get(&m->head) - clp_word_get(&m->tail);
    return (age > DOUBT_AFTER_MS || backlog > DOUBT_BACKLOG) &&
           clp_process_gone((pid_t)(owner >> 32));
}

static int own(clp_ledger *l)
{
    clp_ledger_memory *m = l->m;
    apr_uint64_t mine = (apr_uint64_t)(apr_uint32_t)getpid() << 32 | clock_ms();
    apr_uint64_t owner = clp_word_get(&m->owner);
    if (owner && !owner_gone(m, owner)) {
        return 0;
    }
    if (!clp_word_swap(&m->owner, owner, mine)) {
        return 0;
    }
    step(l, CLP_STEP_OWNER);
    return 1;
}

/* A fence here and one in clp_ledger_post(): either we see what was posted meanwhile, or its poster
 * sees that nobody enters. */
static void release(clp_ledger *l)
{
    clp_word_set(&l->m->owner, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    step(l, CLP_STEP_RELEASED);
}

/* --- the journal --------------------------------------------------------------------------- */

static int holds(const clp_ledger_block *block, const clp_write *write, apr_size_t words)
{
    return write->word >= block->words && write->word < block->words + block->n &&
           words <= (apr_size_t)(block->words + block->n - write->word);
}

/* The number of the block that the write is in; -1 = none. Writes to one row stand side by side,
 * so the `last` one's block comes first. */
static int block_of(const clp_ledger *l, const clp_write *write, int last)
{
    apr_size_t words = write->kind == CLP_WRITE_CLEAR ? write->value : 1;
    if (holds(&l->blocks[last], write, words)) {
        return last;
    }
    for (int b = 0; b <= CLP_LEDGER_OWN; b++) {
        if (holds(&l->blocks[b], write, words)) {
            return b;
        }
    }
    return -1;
}

/* Write down a whole set, or nothing. */
static int journal_write(clp_ledger *l, const clp_writes *w)
{
    clp_ledger_memory *m = l->m;
    int block = 0;
    if (w->overflow) {
        return 0;
    }
    for (int i = 0; i < w->n; i++) {
        const clp_write *write = &w->list[i];
        block = block_of(l, write, block);
        if (block < 0) {
            return 0;
        }
        m->list[i].what = (apr_uint64_t)write->kind << 56 | (apr_uint64_t)block << 48 |
                          (apr_uint64_t)(write->word - l->blocks[block].words);
        m->list[i].value = write->value;
        m->list[i].expected = write->expected;
    }
    m->entries = (apr_uint64_t)w->n;
    return 1;
}

static void carry_out(const clp_ledger *l)
{
    const clp_ledger_memory *m = l->m;
    for (apr_uint64_t i = 0; i < m->entries && i <= CLP_WRITES_MAX; i++) {
        const clp_journal_entry *entry = &m->list[i];
        apr_uint64_t word = entry->what & ((APR_UINT64_C(1) << 48) - 1);
        unsigned block = (unsigned)(entry->what >> 48) & 0xff;
        clp_write write = {NULL, entry->value, entry->expected,
                           (clp_write_kind)(entry->what >> 56)};
        if (block <= CLP_LEDGER_OWN && word < l->blocks[block].n) {
            write.word = l->blocks[block].words + word;
            clp_write_do(&write);
            step(l, CLP_STEP_CARRYING);
        }
    }
}

/* Carry out what is written down, then forget it. Whoever dies in here is followed by one who does
 * it all again, to the same effect. */
static void journal_carry(clp_ledger *l)
{
    clp_ledger_memory *m = l->m;
    apr_uint64_t journal = m->journal;
    carry_out(l);
    step(l, CLP_STEP_CARRIED);
    if (journal != CLP_JOURNAL_CHANGE) {
        clp_slot_free(&l->ring, journal - 1);
        step(l, CLP_STEP_FREED);
        clp_word_set(&m->tail, journal);
        step(l, CLP_STEP_ADVANCED);
    }
    clp_word_set(&m->journal, 0);
    step(l, CLP_STEP_CLEARED);
}

static void journal_run(clp_ledger *l, apr_uint64_t journal)
{
    step(l, CLP_STEP_WRITTEN);
    clp_word_set(&l->m->journal, journal);
    step(l, CLP_STEP_JOURNALED);
    journal_carry(l);
}

/* --- entering ------------------------------------------------------------------------------ */

/* Is the booking at the tail one that can be entered or given up? */
static int ready(const clp_ledger *l)
{
    clp_slot_state state = clp_slot_settle(&l->ring, clp_word_get(&l->m->tail));
    return state == CLP_SLOT_POSTED || state == CLP_SLOT_GIVEN_UP;
}

static void enter_one(clp_ledger *l)
{
    clp_ledger_memory *m = l->m;
    apr_uint64_t number = m->tail;
    const clp_ledger_slot *slot = clp_slot_at(&l->ring, number);
    clp_writes w;
    int posted = clp_slot_look(&l->ring, number) == CLP_SLOT_POSTED;
    clp_writes_begin(&w);
    if (posted) {
        l->enter(l->baton, &slot->booking, &w);
    }
    if (!posted || !journal_write(l, &w)) {
        clp_writes_begin(&w);
        clp_writes_set(&w, &m->skipped, m->skipped + 1);
        journal_write(l, &w);
    }
    journal_run(l, number + 1);
}

/* For the owner: what a predecessor left half done, then everything posted. */
static int enter_all(clp_ledger *l)
{
    int n = 0;
    if (clp_word_get(&l->m->journal)) {
        journal_carry(l);
    }
    while (l->enter && ready(l)) {
        enter_one(l);
        n++;
    }
    return n;
}

int clp_ledger_enter(clp_ledger *l)
{
    int n = 0;
    while ((clp_word_get(&l->m->journal) || (l->enter && ready(l))) && own(l)) {
        n += enter_all(l);
        release(l);
    }
    return n;
}

int clp_ledger_change(clp_ledger *l, clp_ledger_change_fn *fn, void *baton,
                      apr_interval_time_t patience)
{
    clp_writes w;
    int done;
    while (!own(l)) {
        if (patience <= 0) {
            return 0;
        }
        usleep(WAIT_US);
        patience -= WAIT_US;
    }
    enter_all(l);
    clp_writes_begin(&w);
    fn(baton, &w);
    done = journal_write(l, &w);
    if (done) {
        journal_run(l, CLP_JOURNAL_CHANGE);
    }
    release(l);
    clp_ledger_enter(l);
    return done;
}

/* --- posting ------------------------------------------------------------------------------- */

int clp_ledger_post(clp_ledger *l, const clp_booking *b)
{
    apr_uint64_t number;
    clp_ledger_slot *slot;
    while (!clp_slot_claim(&l->ring, &number)) {
        if (!clp_ledger_enter(l)) {
            clp_word_add(&l->m->lost, 1);
            return 0;
        }
    }
    step(l, CLP_STEP_CLAIMED);
    slot = clp_slot_at(&l->ring, number);
    slot->booking = *b;
    clp_slot_post(&l->ring, number);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    step(l, CLP_STEP_POSTED);
    clp_ledger_enter(l);
    return 1;
}

void clp_ledger_reap(clp_ledger *l, pid_t pid)
{
    clp_ledger_memory *m = l->m;
    apr_uint64_t owner = clp_word_get(&m->owner);
    clp_slots_give_up(&l->ring, clp_word_get(&m->tail), pid);
    if ((pid_t)(owner >> 32) == pid) {
        clp_word_swap(&m->owner, owner, 0);
    }
    clp_ledger_enter(l);
}
