/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/session_table.h"

#define FAR  apr_time_from_sec(1000)
#define SIZE ((apr_size_t)1024 * 1024)

static void *shared(apr_size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        printf("Bail out! no memory\n");
        exit(1);
    }
    return p;
}

static clp_span name_of(int i, char room[32])
{
    return clp_span_of(room, (apr_size_t)snprintf(room, 32, "resp_%d", i));
}

/* A value that says of itself which it is, in every byte. */
static clp_span value_of(int i, apr_size_t n, char *room)
{
    for (apr_size_t k = 0; k < n; k++) {
        room[k] = (char)((unsigned)i * 31 + k * 7 + n);
    }
    return clp_span_of(room, n);
}

static void test_layout(void)
{
    char *memory = shared(SIZE + 4096);
    clp_session_table *t;
    OK(!clp_session_table_open(memory, SIZE), "zeroes are no table");
    t = clp_session_table_format(memory, SIZE);
    OK(clp_session_table_open(memory, SIZE) == t, "laid out");
    OK(!clp_session_table_open(memory, SIZE - 64), "not in less memory");
    OK(!clp_session_table_open(memory, SIZE + 64), "nor in more");
    OK(!clp_session_table_open(memory, 10), "nor in next to none");
    memory[0] ^= 1;
    OK(!clp_session_table_open(memory, SIZE), "another layout is refused");
    munmap(memory, SIZE + 4096);
    memory = shared(CLP_SESSION_TABLE_MIN);
    t = clp_session_table_format(memory, CLP_SESSION_TABLE_MIN);
    OK(clp_session_table_max(t) > 8192, "the smallest block is of use");
    munmap(memory, CLP_SESSION_TABLE_MIN);
}

static void test_put_get(apr_pool_t *pool)
{
    void *memory = shared(SIZE);
    clp_session_table *t = clp_session_table_format(memory, SIZE);
    clp_buffer *out = clp_buffer_make(pool, 0);
    char *big = malloc(SIZE);
    apr_size_t max = clp_session_table_max(t);

    clp_buffer_lit(out, "before ");
    OK(!clp_session_table_get(t, CLP_SPAN_LIT("x"), 0, out), "unknown");
    OK(clp_session_table_put(t, CLP_SPAN_LIT("x"), CLP_SPAN_LIT("one"), FAR), "stored");
    OK(clp_session_table_get(t, CLP_SPAN_LIT("x"), 0, out), "found");
    IS_SPAN(clp_buffer_all(out), CLP_SPAN_LIT("before one"), "appended");
    OK(!clp_session_table_get(t, CLP_SPAN_LIT("y"), 0, out), "another is not there");
    OK(!clp_session_table_get(t, CLP_SPAN_LIT("x"), FAR, out), "expired");
    clp_session_table_put(t, CLP_SPAN_LIT("x"), CLP_SPAN_LIT("two"), FAR);
    clp_buffer_clear(out);
    OK(clp_session_table_get(t, CLP_SPAN_LIT("x"), 0, out), "found again");
    IS_SPAN(clp_buffer_all(out), CLP_SPAN_LIT("two"), "replaced");
    clp_session_table_put(t, CLP_SPAN_LIT("secret"), CLP_SPAN_LIT("a very private text"), FAR);
    clp_session_table_remove(t, CLP_SPAN_LIT("secret"), 0);
    OK(!clp_session_table_get(t, CLP_SPAN_LIT("secret"), 0, out), "removed");
    OK(!memmem(memory, SIZE, "a very private text", 19), "and wiped");
    OK(clp_session_table_get(t, CLP_SPAN_LIT("x"), 0, out), "its neighbour is still there");
    clp_session_table_remove(t, CLP_SPAN_LIT("never"), 0);
    OK(!clp_session_table_put(t, CLP_SPAN_LIT("e"), CLP_SPAN_LIT(""), FAR), "nothing is refused");
    OK(!clp_session_table_put(t, CLP_SPAN_LIT("b"), value_of(1, max + 1, big), FAR),
       "too much is refused");
    OK(clp_session_table_put(t, CLP_SPAN_LIT("b"), value_of(1, max, big), FAR), "the longest");
    clp_buffer_clear(out);
    OK(clp_session_table_get(t, CLP_SPAN_LIT("b"), 0, out) && out->n == max, "is found");
    OK(!memcmp(out->p, big, max), "whole");
    free(big);
    munmap(memory, SIZE);
}

static void test_eviction(apr_pool_t *pool)
{
    void *memory = shared(SIZE);
    clp_session_table *t = clp_session_table_format(memory, SIZE);
    clp_buffer *out = clp_buffer_make(pool, 0);
    char room[32];
    char value[3000];
    int wrong = 0;
    int first = -1;
    int holes = 0;

    for (int i = 0; i < 2000; i++) {
        clp_session_table_put(t, name_of(i, room),
                              value_of(i, (apr_size_t)(1000 + i % 2000), value), FAR + i);
    }
    for (int i = 0; i < 2000; i++) {
        clp_buffer_clear(out);
        if (!clp_session_table_get(t, name_of(i, room), 0, out)) {
            holes += first >= 0;
            continue;
        }
        first = first < 0 ? i : first;
        wrong +=
            !clp_span_eq(clp_buffer_all(out), value_of(i, (apr_size_t)(1000 + i % 2000), value));
    }
    OK(first > 1000 && first < 1700, "what was written first has gone (%d)", first);
    OK(holes < 10, "next to nothing that was written later (%d)", holes);
    IS_INT(wrong, 0, "what is left is right");
    munmap(memory, SIZE);
}

/* Any damage to a value reads as absence. */
static void test_damage(apr_pool_t *pool)
{
    apr_size_t size = CLP_SESSION_TABLE_MIN;
    char *memory = shared(size);
    clp_session_table *t = clp_session_table_format(memory, size);
    clp_buffer *out = clp_buffer_make(pool, 0);
    char *at;
    int found = 0;

    clp_session_table_put(t, CLP_SPAN_LIT("x"), CLP_SPAN_LIT("a text of some length, to be hurt"),
                          FAR);
    at = memmem(memory, size, "a text", 6);
    OK(at != NULL, "the value is there");
    for (int i = -16; at && i < 33; i++) {
        at[i] ^= 4;
        found += clp_session_table_get(t, CLP_SPAN_LIT("x"), 0, out);
        at[i] ^= 4;
    }
    IS_INT(found, 0, "no damaged value is given");
    OK(clp_session_table_get(t, CLP_SPAN_LIT("x"), 0, out), "the mended one is");
    munmap(memory, size);
}

#define NAMES   64
#define WRITERS 4

static void hammer(clp_session_table *t, unsigned seed, int rounds)
{
    char room[32];
    char value[20000];
    for (int i = 0; i < rounds; i++) {
        int name = (int)(rand_r(&seed) % NAMES);
        apr_size_t n = 1 + (apr_size_t)rand_r(&seed) % sizeof(value);
        if (i % 50 == 49) {
            clp_session_table_remove(t, name_of(name, room), 0);
        }
        else {
            clp_session_table_put(t, name_of(name, room), value_of(name, n, value), FAR);
        }
    }
}

/* Several processes write, one is killed again and again in the middle of it; whatever is read
 * must be a value that was written under that name. */
static void test_processes(apr_pool_t *pool)
{
    apr_size_t size = 256 * 1024;
    void *memory = shared(size);
    clp_session_table *t = clp_session_table_format(memory, size);
    clp_buffer *out = clp_buffer_make(pool, 0);
    pid_t writer[WRITERS];
    char room[32];
    char value[20000];
    int wrong = 0;
    int found = 0;
    int failed = 0;

    for (int w = 0; w < WRITERS; w++) {
        writer[w] = fork();
        if (writer[w] == 0) {
            hammer(t, (unsigned)w + 1, 3000);
            _exit(0);
        }
    }
    for (int i = 0; i < 20; i++) {
        pid_t victim = fork();
        int status;
        if (victim == 0) {
            hammer(t, (unsigned)i + 100, 1000000);
            _exit(0);
        }
        for (int k = 0; k < 300; k++) {
            int name = k % NAMES;
            clp_buffer_clear(out);
            if (clp_session_table_get(t, name_of(name, room), 0, out)) {
                found++;
                wrong += !clp_span_eq(clp_buffer_all(out), value_of(name, out->n, value));
            }
        }
        kill(victim, SIGKILL);
        waitpid(victim, &status, 0);
    }
    for (int w = 0; w < WRITERS; w++) {
        int status;
        waitpid(writer[w], &status, 0);
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    IS_INT(failed, 0, "no writer died");
    IS_INT(wrong, 0, "nothing but what was written is read");
    OK(found > 100, "something was read (%d)", found);
    OK(clp_session_table_put(t, CLP_SPAN_LIT("after"), CLP_SPAN_LIT("all"), FAR), "still writable");
    clp_buffer_clear(out);
    OK(clp_session_table_get(t, CLP_SPAN_LIT("after"), 0, out), "and readable");
    munmap(memory, size);
}

static void test_use(void)
{
    void *memory = aligned_alloc(64, CLP_SESSION_TABLE_MIN);
    clp_session_table *t;
    clp_session_usage usage;
    char value[1000];

    memset(memory, 0, CLP_SESSION_TABLE_MIN);
    memset(value, 'x', sizeof(value));
    t = clp_session_table_format(memory, CLP_SESSION_TABLE_MIN);
    clp_session_table_use(t, 0, &usage);
    OK(usage.values == 0 && usage.bytes == 0 && usage.room > 0, "an empty table");
    clp_session_table_put(t, CLP_SPAN_LIT("a"), CLP_SPAN_LIT("value"), 100);
    clp_session_table_put(t, CLP_SPAN_LIT("b"), CLP_SPAN_LIT("value"), 50);
    clp_session_table_use(t, 60, &usage);
    OK(usage.values == 1 && usage.bytes == 128, "values that can be got, and what was written");
    clp_session_table_remove(t, CLP_SPAN_LIT("a"), 60);
    clp_session_table_use(t, 60, &usage);
    IS_INT(usage.values, 0, "removed ones are gone");
    clp_session_table_put(t, CLP_SPAN_LIT("a"), CLP_SPAN_LIT("value"), 100);
    for (int i = 0; i < 100; i++) {
        char name[16];
        int n = snprintf(name, sizeof(name), "n%d", i);
        clp_session_table_put(t, clp_span_of(name, (apr_size_t)n),
                              clp_span_of(value, sizeof(value)), 100);
    }
    clp_session_table_use(t, 0, &usage);
    OK(usage.bytes == usage.room && usage.values < 64 && usage.values > 30,
       "overwritten ones are gone, too: %d", (int)usage.values);
    free(memory);
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_layout();
    test_put_get(pool);
    test_eviction(pool);
    test_damage(pool);
    test_processes(pool);
    test_use();
    return tap_end();
}
