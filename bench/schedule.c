/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to schedule one request among 100 channels of 10 keys: make the plan, take the
 * first candidate with its lease, give it back. One thread; the state is that of a busy server.
 *
 *   build/release/bench/schedule [requests]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "sched_world.h"

#define CHANNELS 100
#define KEYS     10

static const char *describe(const char *each, const char *strategy, apr_pool_t *pool)
{
    const char *keys = "k0";
    const char *text = strategy;
    for (int i = 1; i < KEYS; i++) {
        keys = apr_psprintf(pool, "%s+k%d", keys, i);
    }
    for (int i = 0; i < CHANNELS; i++) {
        text = apr_psprintf(pool, "%s c%02d(k=%s,%s)", text, i, keys, each);
    }
    return text;
}

static void trip(void *circuit, clp_writes *w)
{
    clp_breaker_policy policy = clp_breaker_policy_default();
    clp_breaker_enter_open(w, circuit, &policy, sched_clock);
}

/* All channels but the last are tripped: the longest way to a candidate. */
static void trip_all_but_one(const sched_world *w)
{
    for (int i = 0; i < CHANNELS - 1; i++) {
        const clp_channel *c = APR_ARRAY_IDX(w->set->channels, i, const clp_channel *);
        sched_change(w, trip, &w->tables->channels[c->row.row].circuit);
    }
}

static double measure(sched_world *w, int n, apr_pool_t *pool)
{
    apr_pool_t *request;
    apr_time_t begin;
    apr_pool_create(&request, pool);
    begin = apr_time_now();
    for (int i = 0; i < n; i++) {
        clp_plan *plan;
        w->query.random = (apr_uint64_t)i + 1;
        if (clp_plan_make(&plan, w->set, &w->query, request)) {
            fputs("a request was refused\n", stderr);
            exit(1);
        }
        clp_plan_done(plan);
        apr_pool_clear(request);
    }
    apr_pool_destroy(request);
    return (double)(apr_time_now() - begin) / n;
}

/* The best of five, since the machine may have other things to do. */
static double best_of(sched_world *w, int n, apr_pool_t *pool)
{
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        double us = measure(w, n / 5 + 1, pool);
        best = us < best ? us : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        const char *each;
        const char *strategy;
        const char *identity;
        int tripped;
    } rows[] = {
        {"failover", "o=ordered", "strategy=failover", NULL, 0},
        {"round-robin", "o=rotate", "strategy=round-robin", NULL, 0},
        {"random", "o=random", "strategy=random", NULL, 0},
        {"weighted", "w=3", "strategy=weighted", NULL, 0},
        {"least-busy", "w=3", "strategy=least-busy", NULL, 0},
        {"lowest-latency", "w=3", "strategy=lowest-latency", NULL, 0},
        {"weighted, by conversation", "w=3", "strategy=weighted", "conversation", 0},
        {"with limits", "l=50/0/0,kl=20/0/0", "strategy=failover", NULL, 0},
        {"99 channels tripped", "o=ordered", "strategy=failover", NULL, 1},
    };
    int n = argc > 1 ? atoi(argv[1]) : 100000;
    apr_pool_t *pool;
    apr_initialize();
    apr_pool_create(&pool, NULL);
    sched_clock = apr_time_now();
    printf("One request among %d channels of %d keys:\n\n| | us |\n|---|---|\n", CHANNELS, KEYS);
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sched_world *w = sched_world_make(describe(rows[i].each, rows[i].strategy, pool), pool);
        sched_conversation(w, rows[i].identity, pool);
        if (rows[i].tripped) {
            trip_all_but_one(w);
        }
        printf("| %s | %.2f |\n", rows[i].name, best_of(w, n, pool));
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
