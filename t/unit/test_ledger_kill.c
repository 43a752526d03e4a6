/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared.h"
#include "state/children.h"
#include "state/counters.h"
#include "state/history.h"
#include "state/row_claim.h"

/*
 * Eight processes post attempts and requests, hold places in flight and probes, while one after
 * the other is killed and another takes its part. Every booking has the number of its part and
 * a serial in it. A part notes when a post has returned; so in the end each booking that is known
 * to be posted has to be entered once, and each that was being posted when the part was killed once
 * or never.
 */
#define PARTS   8
#define SERIALS (1 << 20)
#define ROUNDS  500
#define PROBE   apr_time_from_sec(3600)

typedef struct part {
    apr_uint64_t serial; /* of the booking being posted */
    apr_byte_t posted[SERIALS];
} part;

typedef struct arena {
    int stop;
    apr_uint64_t others;                       /* probes of the pair that came to their end */
    apr_uint64_t doubled;                      /* entered twice */
    apr_uint64_t entered[PARTS][SERIALS / 64]; /* a bit for each serial */
    apr_uint64_t probes;                       /* that came to their end */
} arena;

static apr_pool_t *pool;
static clp_tables *tables;
static arena *field;
static part *parts;
static clp_ledger *ledger; /* writes the arena too */
static clp_row_ref channel;
static clp_row_ref keys[2];
static clp_row_ref pair; /* URL and key */

static void enter_attempt(const clp_booking *b, clp_writes *w)
{
    unsigned k = clp_tables_row(tables, CLP_TABLE_KEYS, b->key);
    clp_channel_row *row =
        &tables->channels[clp_tables_row(tables, CLP_TABLE_CHANNELS, b->channel)];
    clp_writes_add(w, &row->attempts[b->result], 1);
    clp_writes_add(w, &tables->keys[k].attempts[b->result], 1);
    if (b->flags & CLP_BOOKED_PROBE) {
        clp_writes_swap(w, &row->circuit.probe, b->probe, 0);
        clp_writes_add(w, &field->probes, 1);
    }
}

static void enter_request(const clp_booking *b, clp_writes *w)
{
    unsigned c = clp_tables_row(tables, CLP_TABLE_CHANNELS, b->channel);
    unsigned model = clp_tables_row(tables, CLP_TABLE_MODELS, b->model);
    clp_history_sums sums = clp_history_of(b);
    clp_traffic_enter(w, &tables->channels[c].protocols[b->protocol], b);
    clp_traffic_enter(w, &tables->models[model].traffic, b);
    clp_channel_history_enter(w, &tables->channel_history[c], b->at, &sums);
}

static void enter(void *baton, const clp_booking *b, clp_writes *w)
{
    apr_uint64_t *bits = &field->entered[b->more[0]][b->more[1] / 64];
    apr_uint64_t bit = APR_UINT64_C(1) << (b->more[1] % 64);
    (void)baton;
    clp_writes_add(w, &field->doubled, (clp_writes_get(w, bits) & bit) != 0);
    clp_writes_set(w, bits, clp_writes_get(w, bits) | bit);
    if (b->kind == CLP_BOOK_ATTEMPT) {
        enter_attempt(b, w);
    }
    else {
        enter_request(b, w);
    }
}

static clp_ledger *make_ledger(void)
{
    clp_ledger_block blocks[CLP_LEDGER_BLOCKS];
    apr_size_t size = clp_ledger_size(512);
    for (int k = 0; k < CLP_TABLE_LEDGER; k++) {
        blocks[k].words = tables->blocks[k];
        blocks[k].n = tables->layout[k].row_size / 8 * tables->layout[k].rows;
    }
    blocks[CLP_TABLE_LEDGER].words = &field->doubled;
    blocks[CLP_TABLE_LEDGER].n = (sizeof(*field) - offsetof(arena, doubled)) / 8;
    return clp_ledger_open(shared_memory(size), size, blocks, CLP_TABLE_LEDGER + 1, pool);
}

static void set_up(void)
{
    clp_capacity c = {2, 4, 2, 8, 2, 2 * PARTS, 16};
    tables = shared_tables(&c, pool);
    field = shared_memory(sizeof(*field));
    parts = shared_memory(PARTS * sizeof(*parts));
    channel =
        clp_tables_claim(tables, CLP_TABLE_CHANNELS, clp_channel_id("c"), CLP_SPAN_LIT("c"), 1);
    keys[0] =
        clp_tables_claim(tables, CLP_TABLE_KEYS, clp_key_id("c", "k0"), CLP_SPAN_LIT("k0"), 1);
    keys[1] =
        clp_tables_claim(tables, CLP_TABLE_KEYS, clp_key_id("c", "k1"), CLP_SPAN_LIT("k1"), 1);
    pair = clp_tables_claim(tables, CLP_TABLE_CIRCUITS, clp_circuit_id("c", "u", "k0"),
                            CLP_SPAN_LIT(""), 1);
    ledger = make_ledger();
    clp_ledger_use(ledger, enter, NULL);
}

static apr_uint64_t *probe_word(unsigned i)
{
    return i ? &tables->circuits[pair.row].circuit.probe
             : &tables->channels[channel.row].circuit.probe;
}

/* The place of the probe, if it is free: what its word holds then, else 0. Its time is longer than
 * the test, so nothing else than its result or the end of its process frees it. */
static apr_uint64_t claim_probe(unsigned i)
{
    apr_uint64_t mine = clp_probe_word(apr_time_now() + PROBE, clp_child_number(tables));
    return clp_word_swap(probe_word(i), 0, mine) ? mine : 0;
}

static int post(part *me, clp_booking *b)
{
    apr_uint64_t serial = clp_word_get(&me->serial);
    int posted;
    b->more[1] = serial;
    posted = clp_ledger_post(ledger, b);
    if (posted) {
        __atomic_store_n(&me->posted[serial], 1, __ATOMIC_RELEASE);
    }
    else {
        usleep(200); /* the ring is full, since who enters was put aside or killed */
    }
    clp_word_set(&me->serial, serial + 1);
    return posted;
}

static void request(unsigned number, part *me, unsigned *seed)
{
    static const char *const models[] = {"m0", "m1", "m2", "m3"};
    clp_booking b = {.kind = CLP_BOOK_ATTEMPT, .channel = channel, .attempts = 1};
    apr_uint64_t probe = claim_probe(0);
    apr_uint64_t other = claim_probe(1);
    b.more[0] = number;
    b.key = keys[rand_r(seed) % 2];
    b.result = (apr_byte_t)(rand_r(seed) % CLP_BOOKED_RESULTS);
    b.probe = probe;
    b.flags = probe ? CLP_BOOKED_PROBE : 0;
    b.at = apr_time_now();
    clp_in_flight_add(tables, CLP_TABLE_CHANNELS, channel.row);
    clp_in_flight_add(tables, CLP_TABLE_KEYS, b.key.row);
    if (!post(me, &b)) {
        clp_word_swap(probe_word(0), probe, 0);
    }
    if (other) {
        clp_word_add(&field->others, 1);
        clp_word_swap(probe_word(1), other, 0);
    }
    clp_in_flight_remove(tables, CLP_TABLE_KEYS, b.key.row);
    clp_in_flight_remove(tables, CLP_TABLE_CHANNELS, channel.row);
    b.kind = CLP_BOOK_REQUEST;
    b.protocol = (apr_byte_t)(rand_r(seed) % CLP_PROTOCOLS);
    b.model = clp_tables_model(tables, clp_span_str(models[rand_r(seed) % 4]), b.at);
    post(me, &b);
}

/* A process that plays a part; it exits with 1 if it had no row. */
static pid_t begin(unsigned number)
{
    pid_t child = fork();
    if (!child) {
        unsigned seed = (unsigned)getpid();
        part *me = &parts[number];
        int row = clp_child_begin(tables, apr_time_now());
        clp_word_add(&me->serial, 1); /* nobody knows what became of the one before */
        while (!__atomic_load_n(&field->stop, __ATOMIC_ACQUIRE) &&
               clp_word_get(&me->serial) < SERIALS - 2) {
            request(number, me, &seed);
        }
        clp_child_end(tables);
        _exit(!row);
    }
    return child;
}

typedef struct totals {
    apr_uint64_t posted, entered, unsure, missing, made_up;
} totals;

/* Compare what parts know to have posted with what was entered. */
static totals compare(void)
{
    totals sum = {0};
    for (unsigned p = 0; p < PARTS; p++) {
        for (apr_uint64_t i = 0; i < SERIALS; i++) {
            int posted = parts[p].posted[i];
            int entered = (int)(field->entered[p][i / 64] >> (i % 64) & 1);
            sum.posted += (apr_uint64_t)posted;
            sum.entered += (apr_uint64_t)entered;
            sum.missing += posted && !entered;
            sum.unsure += entered && !posted;
            sum.made_up += entered && i > parts[p].serial;
        }
    }
    return sum;
}

static apr_uint64_t sum_of(const apr_uint64_t *words, int n)
{
    apr_uint64_t sum = 0;
    for (int i = 0; i < n; i++) {
        sum += words[i];
    }
    return sum;
}

static void check_sums(const totals *t)
{
    const clp_channel_row *row = &tables->channels[channel.row];
    apr_uint64_t attempts = sum_of(row->attempts, CLP_BOOKED_ROOM);
    apr_uint64_t by_key = 0;
    apr_uint64_t requests = 0;
    apr_uint64_t by_model = 0;
    clp_history_sums day;
    for (int p = 0; p < CLP_PROTOCOLS; p++) {
        requests += clp_counters_requests(&row->protocols[p].counts);
    }
    for (unsigned k = 0; k < 2; k++) {
        by_key += sum_of(tables->keys[keys[k].row].attempts, CLP_BOOKED_ROOM);
    }
    for (unsigned m = 0; m < clp_tables_rows(tables, CLP_TABLE_MODELS); m++) {
        by_model += clp_counters_requests(&tables->models[m].traffic.counts);
    }
    clp_history_sum(clp_history_minutes(&tables->channel_history[channel.row]), apr_time_now(),
                    apr_time_from_sec(86400), &day);
    IS_INT(attempts + requests, t->entered, "a channel's sums are what was entered");
    IS_INT(by_key, attempts, "so are those of its keys");
    IS_INT(by_model, requests, "those of the models");
    IS_INT(day.of[CLP_POINT_REQUESTS], requests, "and the history");
}

static void check_at_rest(void)
{
    clp_ledger_counts counts;
    clp_ledger_count(ledger, &counts);
    IS_INT(counts.posted - counts.entered, 0, "nothing is stuck in the ring");
    tap_diag("posted %lu, given up %lu, lost %lu, probes %lu", (unsigned long)counts.posted,
             (unsigned long)counts.skipped, (unsigned long)counts.lost,
             (unsigned long)field->probes);
    IS_INT(clp_in_flight(tables, CLP_TABLE_CHANNELS, channel.row), 0,
           "no channel has any in flight");
    IS_INT(clp_in_flight(tables, CLP_TABLE_KEYS, keys[0].row) +
               clp_in_flight(tables, CLP_TABLE_KEYS, keys[1].row),
           0, "nor has a key");
    OK(field->probes > ROUNDS && claim_probe(0), "the place of the channel's probe is free");
    OK(field->others > ROUNDS && claim_probe(1), "so is that of its URL and key");
}

static void test_kill(void)
{
    pid_t pids[PARTS];
    pid_t untold[ROUNDS];
    int n = 0;
    int rowless = 0;
    unsigned seed = 1;
    totals t;
    set_up();
    fflush(stdout);
    for (unsigned p = 0; p < PARTS; p++) {
        pids[p] = begin(p);
    }
    for (int round = 0; round < ROUNDS; round++) {
        unsigned p = (unsigned)rand_r(&seed) % PARTS;
        usleep((useconds_t)(rand_r(&seed) % 6000));
        kill(pids[p], SIGKILL);
        waitpid(pids[p], NULL, 0);
        if (round % 2) {
            clp_child_reap(tables, pids[p]);
            clp_ledger_reap(ledger, pids[p]);
        }
        else {
            untold[n++] = pids[p];
        }
        pids[p] = begin(p);
    }
    __atomic_store_n(&field->stop, 1, __ATOMIC_RELEASE);
    for (unsigned p = 0; p < PARTS; p++) {
        int status;
        waitpid(pids[p], &status, 0);
        rowless += status != 0;
    }
    for (int i = 0; i < n; i++) {
        clp_child_reap(tables, untold[i]);
        clp_ledger_reap(ledger, untold[i]);
    }
    clp_ledger_enter(ledger);
    t = compare();
    tap_diag("%lu bookings known to be posted, %lu entered", (unsigned long)t.posted,
             (unsigned long)t.entered);
    OK(t.posted > 10000, "there was work");
    IS_INT(rowless, 0, "every process had a row");
    IS_INT(t.missing, 0, "what was posted is entered");
    IS_INT(field->doubled, 0, "nothing twice");
    IS_INT(t.made_up, 0, "nothing that nobody posted");
    OK(t.unsure <= ROUNDS, "%lu of those killed in the very post", (unsigned long)t.unsure);
    check_sums(&t);
    check_at_rest();
}

int main(void)
{
    pool = tap_begin();
    test_kill();
    return tap_end();
}
