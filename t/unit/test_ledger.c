/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared.h"
#include "state/ledger_memory.h"

#define WORDS 64

static apr_pool_t *pool;

/* Word 0 counts bookings, word 1 sums them up, words 2 … hold the last ones seen. */
static void enter(void *baton, const clp_booking *b, clp_writes *w)
{
    apr_uint64_t *words = baton;
    clp_writes_add(w, &words[0], 1);
    clp_writes_add(w, &words[1], b->more[0]);
    clp_writes_set(w, &words[2 + clp_writes_get(w, &words[0]) % (WORDS - 2)], b->more[0]);
}

typedef struct fixture {
    apr_uint64_t *words;
    void *memory;
    apr_size_t size;
    clp_ledger_block block;
    clp_ledger *l;
} fixture;

static fixture make(apr_uint32_t bookings)
{
    fixture f;
    f.words = shared_memory(WORDS * 8);
    f.size = clp_ledger_size(bookings);
    f.memory = shared_memory(f.size);
    f.block = (clp_ledger_block){f.words, WORDS};
    f.l = clp_ledger_open(f.memory, f.size, &f.block, 1, pool);
    clp_ledger_use(f.l, enter, f.words);
    return f;
}

static void unmake(fixture *f)
{
    munmap(f->words, WORDS * 8);
    munmap(f->memory, f->size);
}

static clp_booking booking(apr_uint64_t value)
{
    clp_booking b = {.kind = CLP_BOOK_REQUEST, .more = {value, 0}};
    return b;
}

static int post(clp_ledger *l, apr_uint64_t value)
{
    clp_booking b = booking(value);
    return clp_ledger_post(l, &b);
}

static void test_layout(void)
{
    fixture f = make(100);
    IS_INT(f.l->m->slots, 128, "a power of two");
    OK(clp_ledger_open(f.memory, f.size, &f.block, 1, pool), "opened again");
    OK(!clp_ledger_open(f.memory, f.size - 128, &f.block, 1, pool), "not in less memory");
    OK(!clp_ledger_open(f.memory, 100, &f.block, 1, pool), "nor in next to none");
    f.l->m->magic ^= 1;
    OK(!clp_ledger_open(f.memory, f.size, &f.block, 1, pool), "what is no ledger is refused");
    unmake(&f);
}

static void test_order(void)
{
    fixture f = make(16);
    clp_ledger_counts counts;
    apr_uint64_t sum = 0;
    for (apr_uint64_t i = 1; i <= 1000; i++) {
        sum += i;
        post(f.l, i);
    }
    IS_INT(f.words[0], 1000, "each booking is entered");
    IS_INT(f.words[1], sum, "with what it says");
    IS_INT(f.words[2 + 1000 % (WORDS - 2)], 1000, "in order");
    clp_ledger_count(f.l, &counts);
    OK(counts.posted == 1000 && counts.entered == 1000 && !counts.lost && !counts.skipped,
       "and counted");
    IS_INT(clp_ledger_enter(f.l), 0, "nothing is left to enter");
    unmake(&f);
}

static void test_full(void)
{
    fixture f = make(16);
    clp_ledger_counts counts;
    int posted = 0;
    clp_ledger_use(f.l, NULL, NULL);
    for (apr_uint64_t i = 0; i < 20; i++) {
        posted += post(f.l, 1);
    }
    IS_INT(posted, 16, "as many as fit while nobody enters");
    clp_ledger_count(f.l, &counts);
    OK(counts.lost == 4 && counts.posted == 16 && counts.entered == 0, "the others are lost");
    clp_ledger_use(f.l, enter, f.words);
    IS_INT(clp_ledger_enter(f.l), 16, "what was posted is entered later");
    OK(post(f.l, 1) && f.words[0] == 17, "and there is room again");
    unmake(&f);
}

static void too_much(void *baton, const clp_booking *b, clp_writes *w)
{
    apr_uint64_t *words = baton;
    if (b->more[0]) {
        enter(baton, b, w);
        return;
    }
    clp_writes_add(w, &words[1], 1);
    for (int i = 0; i < CLP_WRITES_MAX; i++) {
        clp_writes_swap(w, &words[5], 0, 1);
    }
}

static void elsewhere(void *baton, const clp_booking *b, clp_writes *w)
{
    apr_uint64_t *words = baton;
    static apr_uint64_t own;
    (void)b;
    clp_writes_set(w, &words[1], 7);
    clp_writes_set(w, &own, 1);
}

static void test_refused(void)
{
    fixture f = make(16);
    clp_ledger_counts counts;
    clp_ledger_use(f.l, too_much, f.words);
    post(f.l, 0);
    post(f.l, 3);
    OK(f.words[0] == 1 && f.words[1] == 3 && f.words[5] == 0,
       "a booking that changes too much changes nothing, the next goes on");
    clp_ledger_use(f.l, elsewhere, f.words);
    post(f.l, 0);
    IS_INT(f.words[1], 3, "nor one that changes memory of its own");
    clp_ledger_count(f.l, &counts);
    OK(counts.skipped == 2 && counts.entered == 3, "both are counted");
    unmake(&f);
}

static void change(void *baton, clp_writes *w)
{
    apr_uint64_t *words = baton;
    clp_writes_add(w, &words[1], clp_writes_get(w, &words[0]) * 100);
}

static void test_change(void)
{
    fixture f = make(16);
    clp_ledger_use(f.l, NULL, NULL);
    post(f.l, 1);
    post(f.l, 2);
    clp_ledger_use(f.l, enter, f.words);
    OK(clp_ledger_change(f.l, change, f.words, 0), "a change is done");
    IS_INT(f.words[1], 203, "after what was posted");
    IS_INT(f.l->m->head, 2, "without a place in the ring");
    f.l->m->owner = (apr_uint64_t)getpid() << 32;
    OK(!clp_ledger_change(f.l, change, f.words, 3000), "not while another enters");
    post(f.l, 4);
    IS_INT(f.words[0], 2, "who is alive keeps its place");
    f.l->m->owner = 0;
    IS_INT(clp_ledger_enter(f.l), 1, "then it goes on");
    unmake(&f);
}

/* --- killed in every step ------------------------------------------------------------------ */

static clp_ledger_step kill_at;
static int kill_after; /* that many times having been there */

static void die(clp_ledger_step at)
{
    if (at == kill_at && kill_after-- == 0) {
        kill(getpid(), SIGKILL);
    }
}

/* A process that posts 10, and is killed on the way; gives its pid. */
static pid_t killed(const fixture *f, clp_ledger_step at, int after)
{
    int status;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (!child) {
        kill_at = at;
        kill_after = after;
        f->l->step = die;
        post(f->l, 10);
        _exit(0);
    }
    waitpid(child, &status, 0);
    OK(WIFSIGNALED(status), "killed at step %d, after %d", (int)at, after);
    return child;
}

/* How those who live on get to know of it. */
typedef enum told { BY_PARENT, BY_AGE, BY_BACKLOG } told;

static void check_killed(clp_ledger_step at, int after, told how)
{
    fixture f = make(256);
    int counted = at != CLP_STEP_CLAIMED;
    int others = how == BY_BACKLOG ? 80 : 1;
    clp_ledger_counts counts;
    pid_t pid;
    post(f.l, 1);
    pid = killed(&f, at, after);
    if (how == BY_PARENT) {
        clp_ledger_reap(f.l, pid);
        IS_INT(f.words[0], 1 + counted, "the parent completes what was begun");
    }
    if (how == BY_AGE && f.l->m->owner) {
        f.l->m->owner -= 200; /* milliseconds */
    }
    for (int i = 0; i < others; i++) {
        OK(post(f.l, 1), "posted");
    }
    IS_INT(f.words[0], 1 + counted + others, "each booking once");
    IS_INT(f.words[1], 1 + 10 * counted + others, "with what it says");
    clp_ledger_count(f.l, &counts);
    IS_INT(counts.skipped, !counted, "what was not yet posted is given up");
    OK(counts.posted == counts.entered && !f.l->m->owner && !f.l->m->journal, "nothing is stuck");
    unmake(&f);
}

static void test_killed(void)
{
    for (told how = BY_PARENT; how <= BY_BACKLOG; how++) {
        for (clp_ledger_step at = 0; at < CLP_STEPS; at++) {
            check_killed(at, 0, how);
        }
        check_killed(CLP_STEP_CARRYING, 1, how);
        check_killed(CLP_STEP_CARRYING, 2, how);
    }
}

/* The successor may die in the middle of completing; so may the one after it. */
static void test_killed_twice(void)
{
    for (clp_ledger_step at = CLP_STEP_OWNER; at < CLP_STEPS; at++) {
        fixture f = make(16);
        clp_ledger_reap(f.l, killed(&f, CLP_STEP_POSTED, 0));
        IS_INT(f.words[0], 1, "posted is entered");
        pid_t pid = killed(&f, CLP_STEP_JOURNALED, 0);
        f.l->m->owner = 0;
        (void)pid;
        clp_ledger_reap(f.l, killed(&f, at, 0));
        IS_INT(f.words[0], 3, "both are entered once");
        IS_INT(f.words[1], 30, "with what they say");
        OK(post(f.l, 1) && f.words[0] == 4 && !f.l->m->owner, "it goes on");
        unmake(&f);
    }
}

int main(void)
{
    pool = tap_begin();
    test_layout();
    test_order();
    test_full();
    test_refused();
    test_change();
    test_killed();
    test_killed_twice();
    return tap_end();
}
