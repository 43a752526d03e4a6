/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>

#include "state/pin_table.h"

#define FAR apr_time_from_sec(1000)

static void *shared(apr_size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        printf("Bail out! no memory\n");
        exit(1);
    }
    return p;
}

static clp_pin_name name_of(int i, char room[32])
{
    return clp_pin_name_of(clp_span_of(room, (apr_size_t)snprintf(room, 32, "msg_%d", i)));
}

static void test_layout(void)
{
    apr_size_t size = clp_pin_table_size(1000);
    char *memory = shared(size + 4096);
    clp_pin_table *t;
    OK(size >= 1000 * 64 && size < 1100 * 64, "a row is one cache line");
    OK(!clp_pin_table_open(memory, size), "zeroes are no table");
    t = clp_pin_table_format(memory, 1000);
    OK(clp_pin_table_open(memory, size) == t, "laid out");
    OK(!clp_pin_table_open(memory, size - 1), "not in less memory");
    OK(!clp_pin_table_open(memory, 10), "nor in next to none");
    memory[0] ^= 1;
    OK(!clp_pin_table_open(memory, size), "another layout is refused");
    OK(clp_pin_hash(CLP_SPAN_LIT("a")) == APR_UINT64_C(0xca978112ca1bbdca),
       "the hash never changes");
    OK(clp_pin_hash(CLP_SPAN_LIT("")) != clp_pin_hash(CLP_SPAN_LIT("a")), "and tells names apart");
    munmap(memory, size + 4096);
}

static void test_put_get(void)
{
    apr_size_t size = clp_pin_table_size(64);
    void *memory = shared(size);
    clp_pin_table *t = clp_pin_table_format(memory, 64);
    clp_pin_name x = clp_pin_name_of(CLP_SPAN_LIT("x"));
    clp_pin pin = {1, 2};
    OK(!clp_pin_table_get(t, x, 0, &pin), "unknown");
    clp_pin_table_put(t, x, (clp_pin){3, 4}, FAR);
    OK(clp_pin_table_get(t, x, 0, &pin) && pin.channel == 3 && pin.key == 4, "known");
    OK(!clp_pin_table_get(t, clp_pin_name_of(CLP_SPAN_LIT("y")), 0, &pin), "another is not");
    OK(clp_pin_table_get(t, x, FAR - 1, &pin), "until it expires");
    OK(!clp_pin_table_get(t, x, FAR, &pin), "not longer");
    clp_pin_table_put(t, x, (clp_pin){5, 6}, FAR / 2);
    OK(clp_pin_table_get(t, x, 0, &pin) && pin.channel == 5 && pin.key == 6,
       "replaced, also by what expires earlier");
    OK(!clp_pin_table_get(t, x, FAR / 2, &pin), "nothing is left of the old one");
    munmap(memory, size);
}

static void test_full(void)
{
    apr_size_t size = clp_pin_table_size(8); /* one bucket */
    void *memory = shared(size);
    clp_pin_table *t = clp_pin_table_format(memory, 8);
    char room[32];
    clp_pin pin;
    int known = 0;
    for (int i = 0; i < 8; i++) {
        clp_pin_table_put(t, name_of(i, room), (clp_pin){(apr_uint64_t)i, 0},
                          FAR + (i == 5 ? -1 : i));
    }
    for (int i = 0; i < 8; i++) {
        known += clp_pin_table_get(t, name_of(i, room), 0, &pin) && pin.channel == (apr_uint64_t)i;
    }
    IS_INT(known, 8, "as many as there are rows");
    clp_pin_table_put(t, name_of(8, room), (clp_pin){8, 0}, FAR + 100);
    OK(clp_pin_table_get(t, name_of(8, room), 0, &pin) && pin.channel == 8, "one more");
    OK(!clp_pin_table_get(t, name_of(5, room), 0, &pin), "takes the place of what expires first");
    known = 0;
    for (int i = 0; i < 8; i++) {
        known += clp_pin_table_get(t, name_of(i, room), 0, &pin);
    }
    IS_INT(known, 7, "and of nothing else");
    munmap(memory, size);
}

/* Rows are written so that channel, key and name depend on each other: what
 * two writers mixed would be seen. */
static clp_pin pin_of(int name, apr_uint64_t round)
{
    clp_pin pin = {(apr_uint64_t)name << 32 | round, ~((apr_uint64_t)name << 32 | round)};
    return pin;
}

#define NAMES   24
#define WRITERS 4

static void hammer(clp_pin_table *t, unsigned seed, int rounds)
{
    char room[32];
    for (int i = 0; i < rounds; i++) {
        int name = rand_r(&seed) % NAMES;
        clp_pin_table_put(t, name_of(name, room), pin_of(name, (apr_uint64_t)(unsigned)i), FAR + i);
    }
}

static void test_processes(void)
{
    apr_size_t size = clp_pin_table_size(16); /* fewer rows than names: rows are fought for */
    void *memory = shared(size);
    clp_pin_table *t = clp_pin_table_format(memory, 16);
    pid_t writers[WRITERS];
    int running = WRITERS;
    long torn = 0;
    long hits = 0;
    int clean = 1;
    char room[32];
    fflush(stdout);
    for (unsigned w = 0; w < WRITERS; w++) {
        writers[w] = fork();
        if (!writers[w]) {
            hammer(clp_pin_table_open(memory, size), w + 1, 150000);
            _exit(0);
        }
    }
    while (running) {
        int status;
        pid_t done;
        for (int name = 0; name < NAMES; name++) {
            clp_pin pin;
            if (clp_pin_table_get(t, name_of(name, room), 0, &pin)) {
                hits++;
                torn += pin.key != ~pin.channel || pin.channel >> 32 != (apr_uint64_t)name;
            }
        }
        done = waitpid(-1, &status, WNOHANG);
        if (done > 0) {
            running--;
            clean &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
    }
    OK(clean, "all writers came to their end");
    OK(hits > 1000, "rows were read meanwhile (%ld)", hits);
    IS_INT(torn, 0, "none was torn");
    munmap(memory, size);
}

/* Processes that are killed in the middle of their writes must not spoil rows for good. */
static void test_killed(void)
{
    apr_size_t size = clp_pin_table_size(8);
    void *memory = shared(size);
    clp_pin_table *t = clp_pin_table_format(memory, 8);
    char room[32];
    clp_pin pin;
    int known = 0;
    long torn = 0;
    fflush(stdout);
    for (unsigned i = 0; i < 60; i++) {
        pid_t child = fork();
        if (!child) {
            for (;;) {
                hammer(t, i, 1000);
            }
        }
        usleep(2000);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    for (int name = 0; name < NAMES; name++) {
        if (clp_pin_table_get(t, name_of(name, room), 0, &pin)) {
            torn += pin.key != ~pin.channel;
        }
    }
    IS_INT(torn, 0, "no torn row is left");
    /* The worst case: all rows of the bucket are held by the dead. */
    for (int row = 0; row < 8; row++) {
        apr_uint64_t *seq = (apr_uint64_t *)memory + 8 + row * 8;
        *seq |= 1;
        seq[1] = 0;
    }
    OK(!clp_pin_table_get(t, name_of(0, room), 0, &pin), "a row that is being written is absent");
    for (int i = 0; i < 8; i++) {
        clp_pin_table_put(t, name_of(i, room), pin_of(i, 1), FAR);
        known +=
            clp_pin_table_get(t, name_of(i, room), 0, &pin) && pin.channel == pin_of(i, 1).channel;
    }
    IS_INT(known, 8, "rows of the dead are taken over");
    munmap(memory, size);
}

static int from_channel(void *baton, const clp_pin *pin)
{
    return pin->channel == *(apr_uint64_t *)baton;
}

static void test_count(void)
{
    apr_size_t size = clp_pin_table_size(64);
    void *memory = aligned_alloc(64, size);
    clp_pin_table *t;
    apr_uint64_t channel = 2;

    memset(memory, 0, size);
    t = clp_pin_table_format(memory, 64);
    IS_INT(clp_pin_table_count(t, 0, NULL, NULL), 0, "an empty table");
    clp_pin_table_put(t, clp_pin_name_of(CLP_SPAN_LIT("a")), (clp_pin){1, 1}, 100);
    clp_pin_table_put(t, clp_pin_name_of(CLP_SPAN_LIT("b")), (clp_pin){2, 1}, 100);
    clp_pin_table_put(t, clp_pin_name_of(CLP_SPAN_LIT("c")), (clp_pin){2, 1}, 50);
    clp_pin_table_put(t, clp_pin_name_of(CLP_SPAN_LIT("c")), (clp_pin){2, 1}, 60);
    IS_INT(clp_pin_table_count(t, 0, NULL, NULL), 3, "each name once");
    IS_INT(clp_pin_table_count(t, 60, NULL, NULL), 2, "expired ones are not counted");
    IS_INT(clp_pin_table_count(t, 0, from_channel, &channel), 2, "some of them");
    free(memory);
}

static clp_pin_table *table_of(apr_uint32_t rows)
{
    apr_size_t size = clp_pin_table_size(rows);
    void *memory = aligned_alloc(64, size);
    memset(memory, 0, size);
    return clp_pin_table_format(memory, rows);
}

static int first_only(void *baton, clp_pin_name what, clp_pin pin, apr_time_t expires)
{
    (void)what;
    *(apr_uint64_t *)baton += pin.key == 1 && expires >= 60;
    return 0;
}

static void test_copy(void)
{
    clp_pin_table *from = table_of(64);
    clp_pin_table *larger = table_of(256);
    clp_pin_table *smaller = table_of(8);
    clp_pin pin = {0, 0};
    char room[32];
    apr_uint64_t visits = 0;
    for (int i = 0; i < 20; i++) {
        clp_pin_table_put(from, name_of(i, room), (clp_pin){(apr_uint64_t)i, 1}, 50 + i);
    }
    clp_pin_table_copy(larger, from, 59);
    IS_INT(clp_pin_table_count(larger, 0, NULL, NULL), 10, "what is in force is copied");
    OK(clp_pin_table_get(larger, name_of(15, room), 64, &pin) && pin.channel == 15 && pin.key == 1,
       "as it is");
    OK(!clp_pin_table_get(larger, name_of(15, room), 65, &pin), "until it expires");
    clp_pin_table_copy(smaller, from, 0);
    IS_INT(clp_pin_table_count(smaller, 0, NULL, NULL), 8, "as much as there is room for");
    clp_pin_table_each(from, 59, first_only, &visits);
    IS_INT(visits, 1, "a visit ends when it is told to");
    free(from);
    free(larger);
    free(smaller);
}

int main(void)
{
    tap_begin();
    test_layout();
    test_put_get();
    test_full();
    test_processes();
    test_killed();
    test_count();
    test_copy();
    return tap_end();
}
