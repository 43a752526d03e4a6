/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared.h"
#include "state/recent_ring.h"

#define PAGE 4096

static clp_recent_ring *ring_for(apr_uint32_t entries)
{
    apr_size_t size = clp_recent_ring_size(entries);

    return clp_recent_ring_open(shared_memory(size), size);
}

/* Begin, end and all between are of one entry, or it was mixed from two. */
static clp_recent_entry entry_of(apr_int64_t serial)
{
    clp_recent_entry e;

    memset(&e, (int)(serial & 0x7f), sizeof(e));
    e.began = serial;
    e.reasoning = serial ^ 0x5555;
    return e;
}

static int is_whole(const clp_recent_entry *e)
{
    clp_recent_entry wanted = entry_of(e->began);

    return memcmp(&wanted, e, sizeof(wanted)) == 0;
}

static void post(clp_recent_ring *ring, apr_int64_t serial)
{
    clp_recent_entry e = entry_of(serial);

    clp_recent_ring_post(ring, &e);
}

/* Serials from the newest to the oldest; -1 for an entry that is mixed, 0 for none. */
static int read_all(const clp_recent_ring *ring, apr_int64_t *serials, int most)
{
    clp_recent_entry e;
    apr_uint64_t number = 0;
    int n = 0;

    memset(serials, 0, (apr_size_t)most * sizeof(*serials));
    while (n < most && (number = clp_recent_ring_next(ring, number, &e))) {
        serials[n++] = is_whole(&e) ? e.began : -1;
    }
    return n;
}

static void test_order(void)
{
    clp_recent_ring *ring = ring_for(5);
    clp_recent_entry e;
    apr_int64_t serials[8];
    apr_uint64_t number;
    int wrong = 0;

    IS_INT(clp_recent_ring_capacity(ring), 5, "room for exactly so many");
    IS_INT(clp_recent_ring_next(ring, 0, &e), 0, "an empty ring");
    for (int i = 1; i <= 3; i++) {
        post(ring, i);
    }
    IS_INT(read_all(ring, serials, 8), 3, "three");
    OK(serials[0] == 3 && serials[2] == 1, "the newest first");
    for (int i = 4; i <= 23; i++) {
        post(ring, i);
        wrong += read_all(ring, serials, 8) != (i < 5 ? i : 5);
        for (int k = 0; k < (i < 5 ? i : 5); k++) {
            wrong += serials[k] != i - k;
        }
    }
    IS_INT(wrong, 0, "the newest take the places of the oldest");
    number = clp_recent_ring_next(ring, 0, &e);
    IS_INT(clp_recent_ring_next(ring, number, &e), number - 1, "the one before");
    IS_INT(e.began, 22, "is the one posted before");
    IS_INT(clp_recent_ring_next(ring, number - 4, &e), 0, "before the oldest is none");
    IS_INT(clp_recent_ring_next(ring, number + 1000, &e), number, "numbers to come are the newest");
    IS_INT(clp_recent_ring_next(ring, 1, &e), 0, "before the first is none");
}

static void test_memory(void)
{
    apr_size_t size = clp_recent_ring_size(16);
    char *memory = shared_memory(2 * size);
    clp_recent_ring *ring = clp_recent_ring_open(memory, size);
    clp_recent_entry e;

    OK(ring != NULL, "made in zeroed memory");
    post(ring, 7);
    OK(clp_recent_ring_open(memory, size) == ring && clp_recent_ring_next(ring, 0, &e) == 1,
       "found there as it was");
    OK(!clp_recent_ring_open(memory, clp_recent_ring_size(17)), "but not as one of another size");
    OK(!clp_recent_ring_open(memory + size, 64), "nor in memory for no entry");
    memset(memory + size, 1, size);
    OK(!clp_recent_ring_open(memory + size, size), "nor in somebody else's");
}

/* --- processes ------------------------------------------------------------------------- */

/* An entry whose second half cannot be read: who posts it is caught in the middle. */
static clp_recent_entry *half_an_entry(void)
{
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *at = pages + PAGE - 480;

    memset(at, 9, 480);
    mprotect(pages + PAGE, PAGE, PROT_NONE);
    return (clp_recent_entry *)(void *)at;
}

static int told[2];

static void tell_and_stay(int signal_number)
{
    (void)signal_number;
    if (write(told[1], "", 1) == 1) {
        pause();
    }
    _exit(1);
}

/* A process that comes half-way with its entry, and stays there. */
static pid_t begin_half(clp_recent_ring *ring)
{
    clp_recent_entry *half = half_an_entry();
    char byte;
    pid_t pid;

    if (pipe(told) != 0 || (pid = fork()) < 0) {
        abort();
    }
    if (pid == 0) {
        signal(SIGSEGV, tell_and_stay);
        clp_recent_ring_post(ring, half);
        _exit(0);
    }
    OK(read(told[0], &byte, 1) == 1, "a writer is half-way");
    return pid;
}

static void test_killed(void)
{
    clp_recent_ring *ring = ring_for(4);
    apr_int64_t serials[8];
    pid_t pid;

    for (int i = 1; i <= 5; i++) {
        post(ring, i);
    }
    pid = begin_half(ring); /* number 6, in the place of 2 */
    IS_INT(read_all(ring, serials, 8), 3, "its entry cannot be seen, nor the one it writes over");
    OK(serials[0] == 5 && serials[2] == 3, "the others can");
    for (int i = 7; i <= 10; i++) {
        post(ring, i); /* the last finds the place taken, and goes on to the next */
    }
    IS_INT(read_all(ring, serials, 8), 3, "while it lives nobody takes its place");
    OK(serials[0] == 10 && serials[1] == 9 && serials[2] == 8, "entries go on behind it");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 11; i <= 14; i++) {
        post(ring, i);
    }
    IS_INT(read_all(ring, serials, 8), 4, "when it is gone the place is used again");
    OK(serials[0] == 14 && serials[3] == 11, "and all is whole");
}

static void test_one_place(void)
{
    clp_recent_ring *ring = ring_for(1);
    apr_int64_t serials[2];
    pid_t pid = begin_half(ring);

    post(ring, 1);
    IS_INT(read_all(ring, serials, 2), 0, "where the only place is taken, an entry is lost");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    post(ring, 2);
    IS_INT(read_all(ring, serials, 2), 1, "and nobody waits");
}

#define POSTERS 6
#define ROUNDS  150

static pid_t begin_poster(clp_recent_ring *ring, int who)
{
    pid_t pid = fork();

    if (pid != 0) {
        return pid;
    }
    for (apr_int64_t i = 1;; i++) {
        post(ring, i * POSTERS + who);
    }
}

/* Posters are killed at any instruction, while somebody reads. */
static void test_posters(void)
{
    clp_recent_ring *ring = ring_for(13);
    apr_int64_t serials[16];
    pid_t pids[POSTERS];
    int mixed = 0;
    int most = 0;

    for (int i = 0; i < POSTERS; i++) {
        pids[i] = begin_poster(ring, i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        int who = round % POSTERS;
        for (int k = 0; k < 20; k++) {
            int n = read_all(ring, serials, 16);
            most = n > most ? n : most;
            for (int i = 0; i < n; i++) {
                mixed += serials[i] < 0;
            }
        }
        kill(pids[who], SIGKILL);
        waitpid(pids[who], NULL, 0);
        pids[who] = begin_poster(ring, who);
    }
    for (int i = 0; i < POSTERS; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    IS_INT(mixed, 0, "no entry was ever mixed from two");
    OK(most > 0, "and they were seen");
    for (int i = 0; i < 13; i++) {
        post(ring, 1000 + i);
    }
    IS_INT(read_all(ring, serials, 16), 13, "every place is in use in the end");
}

int main(void)
{
    tap_begin();
    test_order();
    test_memory();
    test_killed();
    test_one_place();
    test_posters();
    return tap_end();
}
