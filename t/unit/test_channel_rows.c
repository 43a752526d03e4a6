/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <apr_strings.h>

#include "sched/channel_rows.h"
#include "sched/channel_show.h"
#include "state/children.h"
#include "state/row_claim.h"

static apr_pool_t *pool;

static clp_channel *channel(const char *name, int urls, const char *const keys[])
{
    static const char *const all_urls[] = {"https://a.example", "https://b.example"};
    clp_channel *c = clp_channel_make(name, pool);
    for (int i = 0; i < urls; i++) {
        APR_ARRAY_PUSH(c->urls, const char *) = all_urls[i];
    }
    for (; *keys; keys++) {
        clp_channel_add_key(c, "secret", "****", *keys);
    }
    return c;
}

static const char *const none[] = {NULL};
static const char *const two[] = {"1111111111111111", "2222222222222222", NULL};
static const char *const turned[] = {"2222222222222222", "1111111111111111", NULL};

static const clp_key *key(const clp_channel *c, int i)
{
    return &APR_ARRAY_IDX(c->keys, i, clp_key);
}

static int same(clp_row_ref a, clp_row_ref b)
{
    return a.row && a.row == b.row && a.epoch == b.epoch;
}

static void test_count(void)
{
    clp_capacity needed = {0};
    clp_channel_rows_count(channel("a", 2, two), &needed);
    clp_channel_rows_count(channel("b", 2, none), &needed);
    OK(needed.channels == 2 && needed.keys == 2 && needed.circuits == 6,
       "what channels need; one without keys has its URLs' circuits");
}

static apr_array_header_t *list(clp_channel *a, clp_channel *b)
{
    apr_array_header_t *channels = apr_array_make(pool, 2, sizeof(a));
    if (a) {
        APR_ARRAY_PUSH(channels, clp_channel *) = a;
    }
    if (b) {
        APR_ARRAY_PUSH(channels, clp_channel *) = b;
    }
    return channels;
}

/* A configuration of these channels; how many lack something. */
static int configure(clp_tables *t, clp_channel *a, clp_channel *b)
{
    apr_array_header_t *channels = list(a, b);
    return clp_channel_rows_resolve(channels, channels, t, clp_tables_restart(t), pool);
}

static void test_follow(void)
{
    clp_capacity capacity = {2, 4, 8, 1, 1, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_channel *a = channel("a", 2, two);
    clp_channel *again = channel("a", 2, turned);
    clp_channel *b = channel("b", 1, none);
    OK(!configure(t, a, NULL), "rows for all");
    OK(a->row.row && key(a, 0)->row.row && key(a, 1)->row.row && a->circuits[3].row &&
           !same(a->circuits[0], a->circuits[1]),
       "each its own");
    IS_INT(t->keys[key(a, 0)->row.row].channel, t->channels[a->row.row].head.id,
           "a key knows its channel");
    OK(!configure(t, b, again) && b->circuits[0].row && !same(b->row, a->row),
       "another channel has others");
    OK(same(again->row, a->row) && same(key(again, 0)->row, key(a, 1)->row) &&
           same(again->circuits[1], a->circuits[0]) && same(again->circuits[2], a->circuits[3]),
       "rows follow names, not places");
}

static void test_room(void)
{
    clp_capacity capacity = {1, 2, 2, 1, 1, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_channel *a = channel("a", 1, two);
    clp_channel *b = channel("b", 1, two);
    clp_channel *c = channel("c", 2, two);
    OK(!configure(t, a, NULL), "all fits");
    IS_INT(configure(t, channel("a", 1, two), b), 1, "a second one does not");
    OK(!b->row.row && !clp_channel_rows_lost(a, t), "and takes nothing away");
    b = channel("b", 1, two);
    OK(!configure(t, b, NULL) && b->row.row == a->row.row, "but in place of the first");
    OK(clp_channel_rows_lost(a, t) && !clp_channel_rows_lost(b, t), "which has lost its rows");
    OK(configure(t, c, NULL) && c->row.row && c->circuits[1].row && !c->circuits[3].row,
       "what fits has its row");
}

/* Channels that come and go while the server runs, in two processes, each with a list of its own.
 */
static void test_changes(void)
{
    clp_capacity capacity = {4, 8, 16, 1, 1, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_channel *stays = channel("stays", 2, two);
    clp_channel *unused = channel("unused", 1, two); /* something is laid over it */
    apr_array_header_t *configured = list(stays, unused);
    apr_uint64_t restart = clp_tables_restart(t);
    int missing = clp_channel_rows_resolve(configured, configured, t, restart, pool);
    int lost = 0;
    int apart = 0;
    for (int i = 0; i < 200; i++) {
        clp_channel *one = channel(apr_psprintf(pool, "live-%d", i), 2, two);
        clp_channel *same_one = channel(one->name, 2, two);
        missing += clp_channel_rows_resolve(configured, list(stays, one), t, restart, pool) +
                   clp_channel_rows_resolve(configured, list(stays, same_one), t, restart, pool);
        lost += clp_channel_rows_lost(stays, t) + clp_channel_rows_lost(unused, t) +
                clp_channel_rows_lost(one, t);
        apart += !same(one->row, same_one->row) || !same(one->circuits[3], same_one->circuits[3]);
    }
    IS_INT(missing, 0, "200 changes, and each channel has its rows");
    IS_INT(lost, 0, "nobody who is named loses one");
    IS_INT(apart, 0, "both processes mean the same ones");
}

/* A channel that is like one in force, but for its keys: it takes that one's rows where it means
 * the same, has room for all its own, and leaves that one as it is. */
static void test_like_another(void)
{
    clp_capacity capacity = {2, 8, 16, 1, 1, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_channel *base = channel("a", 2, two);
    clp_row_ref *circuits;
    clp_channel_draft d;
    configure(t, base, NULL);
    circuits = base->circuits;
    clp_channel_draft_begin_from(&d, base, NULL, pool);
    clp_channel_add_key(d.channel, "secret", "****", "3333333333333333");
    OK(!configure(t, base, d.channel), "rows for one that is like it");
    OK(base->circuits == circuits && base->keys->nelts == 2, "which stays as it is");
    OK(d.channel->circuits != circuits && same(d.channel->row, base->row) &&
           same(key(d.channel, 1)->row, key(base, 1)->row) &&
           same(d.channel->circuits[3], circuits[2]),
       "the same rows for the same");
    OK(key(d.channel, 2)->row.row && d.channel->circuits[5].row, "and new ones for what is new");
}

/* What runs keeps its row as long as it runs. */
static void test_running(void)
{
    clp_capacity capacity = {2, 4, 8, 1, 1, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_channel *a = channel("a", 1, two);
    clp_channel *b = channel("b", 1, none);
    clp_child_begin(t, 1);
    configure(t, a, b);
    clp_in_flight_add(t, CLP_TABLE_CHANNELS, a->row.row);
    clp_in_flight_add(t, CLP_TABLE_KEYS, key(a, 1)->row.row);
    IS_INT(configure(t, channel("c", 1, none), channel("d", 1, none)), 1, "one finds no room");
    OK(!clp_tables_row(t, CLP_TABLE_CHANNELS, b->row) &&
           clp_tables_row(t, CLP_TABLE_CHANNELS, a->row),
       "since a request is in flight");
    clp_in_flight_remove(t, CLP_TABLE_CHANNELS, a->row.row);
    IS_INT(configure(t, channel("c", 1, none), channel("d", 1, none)), 0,
           "when it is over there is");
}

/* Children of the configuration before take no row from the present one. */
static void test_former(void)
{
    clp_capacity capacity = {2, 4, 8, 1, 1, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_channel *a = channel("a", 1, none);
    clp_channel *c = channel("c", 1, none);
    apr_array_header_t *before = list(a, NULL);
    apr_uint64_t former = clp_tables_restart(t);
    clp_channel_rows_resolve(before, before, t, former, pool);
    configure(t, channel("a", 1, none), channel("b", 1, none));
    IS_INT(clp_channel_rows_resolve(before, list(a, c), t, former, pool), 1,
           "a late one goes without");
    OK(clp_tables_find(t, CLP_TABLE_CHANNELS, clp_channel_id("b")).row,
       "rather than one of the present");
}

int main(void)
{
    pool = tap_begin();
    test_count();
    test_follow();
    test_room();
    test_changes();
    test_like_another();
    test_running();
    test_former();
    return tap_end();
}
