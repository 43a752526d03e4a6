/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "sched/channel.h"

static void is_breaker(clp_breaker_policy p, const char *what)
{
    clp_breaker_policy q = clp_breaker_unpack(clp_breaker_pack(&p));
    OK(q.on == p.on && q.window == p.window && q.min == p.min && q.percent == p.percent &&
           q.open == p.open && q.probe == p.probe,
       "breaker policy through a word: %s", what);
}

static void is_cooldown(clp_cooldown_policy p, const char *what)
{
    clp_cooldown_policy q = clp_cooldown_unpack(clp_cooldown_pack(&p));
    OK(q.assumed == p.assumed && q.repeated == p.repeated && q.max == p.max,
       "cool-down policy through a word: %s", what);
}

static void test_packing(void)
{
    clp_breaker_policy most = {1,   CLP_BREAKER_WINDOW_MAX, CLP_BREAKER_WINDOW_MAX,
                               100, CLP_BREAKER_TIME_MAX,   CLP_BREAKER_TIME_MAX};
    clp_breaker_policy least = {1, CLP_BREAKER_WINDOW_MIN, 1,
                                1, apr_time_from_sec(1),   apr_time_from_sec(1)};
    clp_breaker_policy off = {0, 0, 0, 0, 0, 0};
    clp_cooldown_policy longest = {CLP_COOLDOWN_TIME_MAX, CLP_COOLDOWN_TIME_MAX,
                                   CLP_COOLDOWN_TIME_MAX};
    clp_cooldown_policy shortest = {apr_time_from_sec(1), apr_time_from_sec(2),
                                    apr_time_from_sec(3)};
    is_breaker(clp_breaker_policy_default(), "default");
    is_breaker(most, "most");
    is_breaker(least, "least");
    is_breaker(off, "off");
    is_cooldown(clp_cooldown_policy_default(), "default");
    is_cooldown(longest, "longest");
    is_cooldown(shortest, "shortest");
}

static void test_channel(apr_pool_t *pool)
{
    clp_channel *c = clp_channel_make("a", pool);
    const clp_key *key;
    IS_STR(c->name, "a", "its name");
    OK(c->breaker.on && c->breaker.window == 10 && c->breaker.min == 5, "a breaker");
    IS_INT(apr_time_sec(c->breaker.open), 900, "open for 15 minutes");
    IS_INT(apr_time_sec(c->cooldown.assumed), 300, "a cool-down of 5 minutes");
    IS_INT(c->weight, 1, "one share");
    OK(!c->limits.concurrent && !c->key_limits.requests && !c->health.interval, "nothing else");
    IS_INT(c->row.row, CLP_NO_ROW, "no state");
    clp_channel_add_key(c, "secret", "****", "id");
    key = &APR_ARRAY_IDX(c->keys, 0, clp_key);
    OK(c->keys->nelts == 1 && key->row.row == CLP_NO_ROW, "a key without state");
    IS_STR(key->id, "id", "its id");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_packing();
    test_channel(pool);
    return tap_end();
}
