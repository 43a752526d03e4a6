/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "sched/channel_rows.h"

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

static void test_follow(void)
{
    clp_capacity capacity = {2, 4, 8, 1, 1, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_channel *a = channel("a", 2, two);
    clp_channel *again = channel("a", 2, turned);
    clp_channel *b = channel("b", 1, none);
    clp_channel_rows_find(a, t, 1, pool);
    OK(!a->row.row && !key(a, 0)->row.row && !a->circuits[3].row, "nothing is there yet");
    OK(clp_channel_rows_claim(a, t, 1), "rows for all");
    OK(a->row.row && key(a, 0)->row.row && key(a, 1)->row.row && a->circuits[3].row &&
           !same(a->circuits[0], a->circuits[1]),
       "each its own");
    IS_INT(t->keys[key(a, 0)->row.row].channel, t->channels[a->row.row].head.id,
           "a key knows its channel");
    clp_channel_rows_find(again, t, 2, pool);
    OK(same(again->row, a->row) && same(key(again, 0)->row, key(a, 1)->row) &&
           same(again->circuits[1], a->circuits[0]) && same(again->circuits[2], a->circuits[3]),
       "rows follow names, not places");
    clp_channel_rows_find(b, t, 2, pool);
    OK(clp_channel_rows_claim(b, t, 2) && b->circuits[0].row && !same(b->row, a->row),
       "another channel has others");
}

static void test_room(void)
{
    clp_capacity capacity = {1, 2, 2, 1, 1, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_channel *a = channel("a", 1, two);
    clp_channel *b = channel("b", 1, two);
    clp_channel *c = channel("c", 2, two);
    clp_channel_rows_find(a, t, 1, pool);
    OK(clp_channel_rows_claim(a, t, 1), "all fits");
    clp_channel_rows_find(b, t, 1, pool);
    OK(!clp_channel_rows_claim(b, t, 1) && !b->row.row, "a second one does not");
    clp_channel_rows_find(b, t, 2, pool);
    OK(clp_channel_rows_claim(b, t, 2) && b->row.row == a->row.row, "but in place of the first");
    clp_channel_rows_find(c, t, 3, pool);
    OK(!clp_channel_rows_claim(c, t, 3) && c->row.row && c->circuits[1].row && !c->circuits[3].row,
       "what fits has its row");
}

int main(void)
{
    pool = tap_begin();
    test_count();
    test_follow();
    test_room();
    return tap_end();
}
