/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared.h"
#include "state/children.h"
#include "state/pin_table.h"
#include "state/recent_ring.h"
#include "state/row_claim.h"

#define DAY apr_time_from_sec(24 * 3600)

static apr_pool_t *pool;

static clp_capacity small(void)
{
    clp_capacity c = {3, 3, 3, 3, 3, 4, 16};
    return c;
}

static void test_layout(void)
{
    clp_capacity c = clp_capacity_default();
    clp_table_layout layout[CLP_TABLES];
    apr_size_t sum =
        clp_pin_table_size(16384) + clp_pin_table_size(8192) + clp_recent_ring_size(200);
    int lines = 1;
    void *blocks[CLP_TABLES];
    clp_tables *t;
    clp_tables_layout(&c, layout);
    for (int k = 0; k < CLP_TABLES; k++) {
        sum += layout[k].row_size * layout[k].rows;
        lines &= layout[k].row_size % 64 == 0;
        tap_diag("%s: %u rows of %lu bytes", layout[k].name, layout[k].rows,
                 (unsigned long)layout[k].row_size);
    }
    OK(lines, "rows begin on cache lines");
    OK(sum < 8 * 1000 * 1000,
       "all tables with pins, affinity and recent requests take less than 8 MB: %lu",
       (unsigned long)sum);
    t = clp_tables_make_private(&c, pool);
    memcpy(blocks, t->blocks, sizeof(blocks));
    OK(clp_tables_open(&c, blocks, pool), "opened again");
    c.keys++;
    OK(!clp_tables_open(&c, blocks, pool), "not with another capacity");
    c.keys--;
    t->head->magic ^= 1;
    OK(!clp_tables_open(&c, blocks, pool), "what is no table is refused");
}

static void test_ids(void)
{
    IS_INT(clp_channel_id("a"), APR_INT64_C(-3848465438864589366),
           "the id of a channel never changes");
    IS_INT(clp_row_id(CLP_SPAN_LIT("a")), APR_INT64_C(198367012849983736),
           "nor that of another name");
    OK(clp_row_id(CLP_SPAN_LIT("")) != 0, "the empty name has one too");
    OK(clp_key_id("ab", "c") != clp_key_id("a", "bc"), "no two lists of names look the same");
    OK(clp_circuit_id("c", "u", "k") != clp_circuit_id("c", "k", "u"), "nor in another order");
}

static clp_row_ref channel(clp_tables *t, const char *name, apr_uint64_t generation)
{
    return clp_tables_claim(t, CLP_TABLE_CHANNELS, clp_channel_id(name), clp_span_str(name),
                            generation);
}

static int same(clp_row_ref a, clp_row_ref b)
{
    return a.row == b.row && a.epoch == b.epoch;
}

static void test_claim(void)
{
    clp_capacity c = small();
    clp_tables *t = clp_tables_make_private(&c, pool);
    char name[CLP_NAME_ROOM];
    clp_row_ref a = channel(t, "a", 1);
    clp_row_ref b = channel(t, "b", 1);
    clp_row_ref d = channel(t, "d", 1);
    OK(a.row && b.row && d.row && a.row != b.row && a.row != d.row && b.row != d.row,
       "each has a row of its own, and nobody row 0");
    OK(same(channel(t, "b", 1), b), "and keeps it");
    OK(same(clp_tables_find(t, CLP_TABLE_CHANNELS, clp_channel_id("d")), d), "found");
    IS_INT(clp_tables_find(t, CLP_TABLE_CHANNELS, clp_channel_id("x")).row, CLP_NO_ROW,
           "unknown ones are not");
    clp_row_name_get(t->channels[b.row].name.words, CLP_NAME_WORDS, name);
    IS_STR(name, "b", "with its name");
    IS_INT(channel(t, "e", 1).row, CLP_NO_ROW, "no row left in this configuration");
    IS_INT(clp_tables_row(t, CLP_TABLE_CHANNELS, a), a.row, "a row that is meant");
}

static void test_give_way(void)
{
    clp_capacity c = small();
    clp_tables *t = clp_tables_make_private(&c, pool);
    clp_row_ref a = channel(t, "a", 1);
    clp_row_ref b = channel(t, "b", 1);
    clp_row_ref d = channel(t, "d", 1);
    clp_row_ref e;
    clp_channel_row *row = &t->channels[b.row];
    row->head.used = 5;
    t->channels[a.row].head.used = 4;
    t->channels[d.row].head.used = 6;
    row->failures = 7;
    t->channel_history[b.row].minutes[3].words[1] = 9;
    clp_tables_mark(t, CLP_TABLE_CHANNELS, a, 2);
    e = channel(t, "e", 2);
    OK(e.row == b.row && e.epoch != b.epoch,
       "the longest unused row that the configuration does not name goes to another");
    OK(row->failures == 0 && t->channel_history[b.row].minutes[3].words[1] == 0,
       "without its past");
    OK(row->head.generation == 2 && row->head.id == clp_channel_id("e") &&
           row->name.words[0] == 'e',
       "with the new one's name");
    IS_INT(clp_tables_row(t, CLP_TABLE_CHANNELS, b), CLP_NO_ROW,
           "what was meant for the former is left out");
    OK(same(channel(t, "e", 2), e) && same(channel(t, "a", 2), a), "others keep theirs");
    OK(!t->ledger || clp_ledger_enter(t->ledger) == 0, "the ledger is at rest");
}

static void test_models(void)
{
    clp_capacity c = small();
    clp_tables *t = clp_tables_make_private(&c, pool);
    clp_row_ref a = clp_tables_model(t, CLP_SPAN_LIT("a"), DAY);
    clp_row_ref b = clp_tables_model(t, CLP_SPAN_LIT("b"), DAY + 1);
    clp_row_ref e;
    OK(a.row && b.row && a.row != b.row, "models get rows when they are first seen");
    OK(clp_tables_model(t, CLP_SPAN_LIT("c"), DAY + 2).row, "until all are used");
    OK(same(clp_tables_model(t, CLP_SPAN_LIT("a"), DAY + 3), a), "and keep them");
    IS_INT(clp_tables_model(t, CLP_SPAN_LIT("e"), 2 * DAY).row, CLP_NO_ROW,
           "others count together");
    e = clp_tables_model(t, CLP_SPAN_LIT("e"), 2 * DAY + 1);
    OK(e.row == a.row && e.epoch != a.epoch, "until one was not used for a day");
    IS_INT(clp_tables_model(t, CLP_SPAN_LIT(""), DAY).row, CLP_NO_ROW, "no name, no row");
    OK(clp_tables_user(t, CLP_SPAN_LIT("a"), DAY).row, "users likewise");
}

static void test_names(void)
{
    clp_capacity c = small();
    clp_tables *t = clp_tables_make_private(&c, pool);
    char out[CLP_NAME_ROOM];
    char text[80], run_of_x[80];
    clp_row_ref ref;
    memset(run_of_x, 'x', sizeof(run_of_x));
    memcpy(text, run_of_x, sizeof(text));
    memcpy(text + 63, "\xc3\xa9", 2);
    ref = clp_tables_user(t, clp_span_of(text, sizeof(text)), 1);
    clp_row_name_get(t->users[ref.row].name.words, CLP_NAME_WORDS, out);
    IS_INT(strlen(out), 63, "a long name is cut, never within a character");
    for (apr_size_t n = CLP_NAME_WORDS * 8 - 1; n <= CLP_NAME_WORDS * 8 + 1; n++) {
        clp_row_ref full = clp_tables_model(t, clp_span_of(run_of_x, n), 1);
        clp_row_name_get(t->models[full.row].name.words, CLP_NAME_WORDS, out);
        OK(full.row && strlen(out) == (n < CLP_NAME_WORDS * 8 ? n : CLP_NAME_WORDS * 8),
           "a name of %d bytes, the room for one being 64", (int)n);
    }
    memset(&t->users[ref.row].name, 0, sizeof(clp_row_name));
    clp_tables_user(t, clp_span_of(text, sizeof(text)), 1);
    OK(t->users[ref.row].name.words[0], "a name that somebody did not get to write is written");
    ref = clp_tables_claim(t, CLP_TABLE_KEYS, clp_key_id("c", "0123456789abcdef"),
                           CLP_SPAN_LIT("0123456789abcdef"), 1);
    clp_row_name_get(t->keys[ref.row].name, 2, out);
    IS_STR(out, "0123456789abcdef", "a key has its id");
    IS_INT(t->keys[ref.row].channel, 0, "and nothing more");
}

/* Many processes look for the same few names at once: each has one row. */
static void test_race(void)
{
    clp_capacity c = {1, 1, 1, 40, 1, 8, 16};
    int twice = 0;
    int missing = 0;
    for (int round = 0; round < 20; round++) {
        clp_tables *t = shared_tables(&c, pool);
        fflush(stdout);
        for (int p = 0; p < 4; p++) {
            if (!fork()) {
                for (int i = 0; i < 30; i++) {
                    char name[16];
                    int n = snprintf(name, sizeof(name), "m%d", (i * 7 + p) % 30);
                    clp_tables_model(t, clp_span_of(name, (apr_size_t)n), 1);
                }
                _exit(0);
            }
        }
        while (wait(NULL) > 0) {
        }
        for (unsigned i = 1; i < t->layout[CLP_TABLE_MODELS].rows; i++) {
            for (unsigned k = 1; k < i; k++) {
                twice += t->models[i].head.id && t->models[i].head.id == t->models[k].head.id;
            }
        }
        for (int i = 0; i < 30; i++) {
            char name[16];
            int n = snprintf(name, sizeof(name), "m%d", i);
            missing +=
                !clp_tables_find(t, CLP_TABLE_MODELS, clp_row_id(clp_span_of(name, (apr_size_t)n)))
                     .row;
        }
    }
    IS_INT(twice, 0, "no name has two rows");
    IS_INT(missing, 0, "each has one");
}

static void test_in_flight(void)
{
    clp_capacity c = small();
    clp_tables *t = shared_tables(&c, pool);
    int status;
    pid_t child;
    clp_in_flight_add(t, CLP_TABLE_KEYS, 2);
    IS_INT(clp_in_flight(t, CLP_TABLE_KEYS, 2), 0, "a process without a row does not count");
    OK(clp_child_begin(t, 1), "a process has a row");
    clp_in_flight_add(t, CLP_TABLE_KEYS, 2);
    clp_in_flight_add(t, CLP_TABLE_CHANNELS, 3);
    fflush(stdout);
    child = fork();
    if (!child) {
        clp_child_begin(t, 1);
        clp_in_flight_add(t, CLP_TABLE_KEYS, 2);
        clp_in_flight_add(t, CLP_TABLE_KEYS, 2);
        clp_in_flight_add(t, CLP_TABLE_KEYS, 1);
        raise(SIGKILL);
    }
    waitpid(child, &status, 0);
    OK(clp_in_flight(t, CLP_TABLE_KEYS, 2) == 3 && clp_in_flight(t, CLP_TABLE_KEYS, 1) == 1 &&
           clp_in_flight(t, CLP_TABLE_CHANNELS, 3) == 1,
       "sums over processes");
    clp_child_reap(t, child);
    OK(clp_in_flight(t, CLP_TABLE_KEYS, 2) == 1 && clp_in_flight(t, CLP_TABLE_KEYS, 1) == 0,
       "what a killed one had goes with it");
    clp_in_flight_remove(t, CLP_TABLE_KEYS, 2);
    IS_INT(clp_in_flight(t, CLP_TABLE_KEYS, 2), 0, "taken back");
    clp_child_end(t);
    IS_INT(clp_in_flight(t, CLP_TABLE_CHANNELS, 3), 0, "an orderly end leaves nothing either");
}

/* More dead than there are rows, and nobody told of them. */
static void test_rows_of_the_dead(void)
{
    clp_capacity c = small();
    clp_tables *t = shared_tables(&c, pool);
    int had = 0;
    fflush(stdout);
    for (int i = 0; i < 10; i++) {
        int status;
        pid_t child = fork();
        if (!child) {
            int row = clp_child_begin(t, 1);
            clp_in_flight_add(t, CLP_TABLE_CHANNELS, 1);
            _exit(row);
        }
        waitpid(child, &status, 0);
        had += WEXITSTATUS(status);
    }
    IS_INT(had, 10, "each process has a row");
    OK(clp_in_flight(t, CLP_TABLE_CHANNELS, 1) <= 4, "rows of the dead are emptied when needed");
    OK(clp_child_begin(t, 1), "taken over");
}

int main(void)
{
    pool = tap_begin();
    test_layout();
    test_ids();
    test_claim();
    test_give_way();
    test_models();
    test_names();
    test_race();
    test_in_flight();
    test_rows_of_the_dead();
    return tap_end();
}
