/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include <apr_allocator.h>
#include <apr_strings.h>

#include "sched_world.h"

/*
 * Scheduling takes no lock: threads that share all state make plans as fast as they can after they
 * gave up every system call but read, write and exit. Who had to wait for a lock would ask the
 * kernel to sleep, and be killed for it.
 */
#define THREADS 4
#define PLANS   5000

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static sched_world *world;
static int *done; /* threads that came to their end; shared with the parent */
static pthread_barrier_t ready;

static void make_plans(apr_pool_t *pool, int n, apr_uint64_t seed)
{
    clp_plan_query query = world->query;
    apr_pool_t *request;
    apr_pool_create(&request, pool);
    for (int i = 0; i < n; i++) {
        clp_plan *plan;
        query.random = seed + (apr_uint64_t)i;
        if (!clp_plan_make(&plan, world->set, &query, request)) {
            clp_plan_after(plan, CLP_VERDICT_NEXT_KEY);
            clp_plan_done(plan);
        }
        apr_pool_clear(request);
    }
    apr_pool_destroy(request);
}

static void *run(void *seed)
{
    apr_allocator_t *allocator;
    apr_pool_t *pool;
    apr_uint64_t first = *(apr_uint64_t *)seed;
    apr_allocator_create(&allocator);
    apr_pool_create_ex(&pool, NULL, NULL, allocator);
    make_plans(pool, 10, first); /* memory comes from the system in this round */
    pthread_barrier_wait(&ready);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
        _exit(2);
    }
    make_plans(pool, PLANS, first);
    __atomic_add_fetch(done, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_exit, 0);
    return NULL;
}

static int run_threads(void)
{
    pthread_t threads[THREADS];
    apr_uint64_t seeds[THREADS];
    pthread_barrier_init(&ready, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        seeds[i] = (apr_uint64_t)i * PLANS + 1;
        pthread_create(&threads[i], NULL, run, &seeds[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

static void check(const char *channels, apr_pool_t *pool)
{
    int status;
    pid_t pid;
    *done = 0;
    world = sched_world_make(channels, pool);
    pid = fork();
    if (pid == 0) {
        _exit(run_threads());
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
        OK(1, "skipped: this system has no seccomp # SKIP");
        return;
    }
    IS_INT(*done, THREADS, apr_psprintf(pool, "no system call: %s", channels));
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sched_clock = apr_time_now();
    if (SANITIZED) {
        OK(1, "skipped: the sanitizer makes system calls of its own # SKIP");
        return tap_end();
    }
    check("a(k=k1+k2,l=2/0/0) b(k=k1+k2+k3,o=rotate,kl=1/0/0) c d strategy=round-robin", pool);
    check("a(k=k1+k2) b(w=3) c(w=2,l=1/100/0) d strategy=least-busy", pool);
    check("a b(w=3) c(w=2) d strategy=weighted", pool);
    return tap_end();
}
