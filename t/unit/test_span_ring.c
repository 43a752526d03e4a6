/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>

#include "shared.h"
#include "state/span_ring.h"

static apr_pool_t *pool;
static clp_span_record read_to[64];

static clp_span_ring *ring_for(apr_uint32_t records)
{
    apr_size_t size = clp_span_ring_size(records);

    return clp_span_ring_open(shared_memory(size), size);
}

static clp_span_record record_of(apr_int64_t who, apr_int64_t serial)
{
    clp_span_record r;

    memset(&r, 0, sizeof(r));
    r.tokens_in = who;
    r.tokens_out = serial;
    r.reasoning = who ^ serial; /* tells a record that was mixed from two */
    return r;
}

static int post(clp_span_ring *ring, apr_int64_t who, apr_int64_t serial)
{
    clp_span_record r = record_of(who, serial);

    return clp_span_ring_post(ring, &r);
}

static void test_order(void)
{
    clp_span_ring *ring = ring_for(10);
    clp_span_counts counts;
    apr_uint64_t end;
    int n = 0;
    int wrong = 0;

    IS_INT(clp_span_ring_read(ring, read_to, 64, &end), 0, "an empty ring");
    while (post(ring, 1, n)) {
        n++;
    }
    IS_INT(n, 16, "room is a power of 2");
    clp_span_ring_count(ring, &counts);
    IS_INT(counts.dropped, 1, "one more is dropped, and counted");
    IS_INT(counts.waiting, 16, "16 wait");
    IS_INT(clp_span_ring_read(ring, read_to, 5, &end), 5, "5 read");
    IS_INT(clp_span_ring_read(ring, read_to, 5, &end), 5, "they stay until they are taken");
    IS_INT(read_to[4].tokens_out, 4, "the oldest first");
    OK(!post(ring, 1, 16), "and there is no room before");
    clp_span_ring_take(ring, end, 3);
    for (n = 16; n < 21; n++) {
        wrong += !post(ring, 1, n);
    }
    OK(!wrong, "5 places are free then");
    OK(!post(ring, 1, 21), "and not one more");
    IS_INT(clp_span_ring_read(ring, read_to, 64, &end), 16, "all read");
    for (int i = 0; i < 16; i++) {
        wrong += read_to[i].tokens_out != i + 5;
    }
    OK(!wrong, "in the order they were posted");
    clp_span_ring_take(ring, end, 16);
    clp_span_ring_count(ring, &counts);
    IS_INT(counts.sent, 19, "19 arrived");
    IS_INT(counts.refused, 2, "2 did not");
    IS_INT(counts.dropped, 3, "3 were dropped");
    IS_INT(counts.waiting, 0, "none waits");
}

static void test_memory(void)
{
    apr_size_t size = clp_span_ring_size(16);
    char *memory = shared_memory(2 * size);
    clp_span_ring *ring = clp_span_ring_open(memory, size);

    OK(ring != NULL, "made in zeroed memory");
    post(ring, 1, 7);
    OK(clp_span_ring_open(memory, size) == ring, "and found there");
    OK(!clp_span_ring_open(memory, clp_span_ring_size(32)), "but not as one of another size");
    OK(!clp_span_ring_open(memory + size, size - 1), "nor in memory of no ring's size");
    memset(memory + size, 1, size);
    OK(!clp_span_ring_open(memory + size, size), "nor in somebody else's");
}

/* --- processes ------------------------------------------------------------------------- */

#define POSTERS 4
#define EACH    20000

static pid_t begin_poster(clp_span_ring *ring, int who, int serials)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (int i = 0; i < serials; i++) {
            while (!post(ring, who, i)) {
                usleep(50);
            }
        }
        _exit(0);
    }
    return pid;
}

/* Read what there is; each poster's serials have to come in order. */
static int drain(clp_span_ring *ring, apr_int64_t last[POSTERS], int *wrong)
{
    apr_uint64_t end;
    int n = clp_span_ring_read(ring, read_to, 64, &end);

    for (int i = 0; i < n; i++) {
        const clp_span_record *r = &read_to[i];
        *wrong += r->reasoning != (r->tokens_in ^ r->tokens_out);
        *wrong += r->tokens_out <= last[r->tokens_in];
        last[r->tokens_in] = r->tokens_out;
    }
    clp_span_ring_take(ring, end, n);
    return n;
}

static void test_posters(void)
{
    clp_span_ring *ring = ring_for(64);
    apr_int64_t last[POSTERS];
    pid_t pids[POSTERS];
    clp_span_counts counts;
    int all = 0;
    int wrong = 0;
    int idle = 0;

    for (int i = 0; i < POSTERS; i++) {
        last[i] = -1;
        pids[i] = begin_poster(ring, i, EACH);
    }
    while (all < POSTERS * EACH && idle < 20000) {
        int n = drain(ring, last, &wrong);
        all += n;
        idle = n ? 0 : idle + 1;
        if (!n) {
            usleep(200);
        }
    }
    for (int i = 0; i < POSTERS; i++) {
        waitpid(pids[i], NULL, 0);
    }
    IS_INT(all, POSTERS * EACH, "several processes: every record comes");
    IS_INT(wrong, 0, "whole and in order");
    clp_span_ring_count(ring, &counts);
    IS_INT(counts.sent, POSTERS * EACH, "all counted");
}

/* A process that dies between taking a place and filling it: the record cannot be read. */
static pid_t die_posting(clp_span_ring *ring)
{
    pid_t pid = fork();

    if (pid == 0) {
        const clp_span_record *nowhere =
            mmap(NULL, sizeof(*nowhere), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        signal(SIGSEGV, SIG_DFL);
        clp_span_ring_post(ring, nowhere);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return pid;
}

static void test_killed(int reaped)
{
    clp_span_ring *ring = ring_for(16);
    const char *how = reaped ? "as the parent tells" : "as the reader finds";
    clp_span_counts counts;
    apr_int64_t last[POSTERS] = {-1, -1, -1, -1};
    int wrong = 0;
    int read = 0;

    for (int i = 0; i < 40; i++) { /* more than a lap */
        pid_t pid;

        wrong += !post(ring, 2, 2 * i);
        pid = die_posting(ring);
        wrong += !post(ring, 2, 2 * i + 1);
        if (reaped) {
            clp_span_ring_reap(ring, pid);
        }
        read += drain(ring, last, &wrong);
    }
    IS_INT(read, 80, apr_psprintf(pool, "posters that are killed, %s: others go through", how));
    IS_INT(wrong, 0, "whole and in order");
    clp_span_ring_count(ring, &counts);
    IS_INT(counts.lost, 40, "theirs are counted");
    IS_INT(counts.waiting, 0, "none waits");
}

int main(void)
{
    pool = tap_begin();
    test_order();
    test_memory();
    test_posters();
    test_killed(0);
    test_killed(1);
    return tap_end();
}
