/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include "sched/breaker.h"
#include "sched/health_check.h"
#include "shared.h"
#include "state/row_claim.h"

#define START apr_time_from_sec(1795435200)

static clp_tables *t;
static clp_row_ref channel;
static clp_row_ref pair;

/* What the checks of a word find, one a second: '+' fine, '-' failed, 'k' the key is refused,
 * 'q' a rate limit. */
static const char *check(const char *found, const clp_breaker_policy *policy, apr_time_t begin)
{
    clp_health_check health = {apr_time_from_sec(1), 0, "/models", NULL, 2, 3};
    clp_circuit *c = &t->channels[channel.row].circuit;
    apr_time_t at = begin;
    clp_booking b;
    clp_writes w;

    for (; *found; found++) {
        at += apr_time_from_sec(1);
        memset(&b, 0, sizeof(b));
        clp_health_book(&b, &health);
        b.channel = channel;
        b.circuit = pair;
        b.policy = clp_breaker_pack(policy);
        b.at = at;
        b.result = (apr_byte_t)(*found == '+'   ? CLP_BOOKED_SUCCESS
                                : *found == '-' ? CLP_BOOKED_TIMEOUT
                                : *found == 'k' ? CLP_BOOKED_AUTH
                                                : CLP_BOOKED_RATE_LIMITED);
        clp_writes_begin(&w);
        clp_health_enter(t, &b, &w);
        clp_writes_do(&w);
    }
    return clp_breaker_state_name(clp_breaker_look(c, policy, at));
}

static void reset(void)
{
    memset(&t->channels[channel.row].circuit, 0, sizeof(clp_circuit));
    memset(&t->circuits[pair.row].circuit, 0, sizeof(clp_circuit));
    t->channels[channel.row].checks = 0;
}

static void test_runs(void)
{
    static const struct {
        const char *found;
        const char *state;
        int trips;
    } cases[] = {
        {"", "closed", 0},       {"+", "closed", 0},     {"--", "closed", 0},
        {"---", "open", 1},      {"--+--", "closed", 0}, {"-----", "open", 1},
        {"---+", "open", 1},     {"---++", "closed", 1}, {"---+-+", "open", 1},
        {"---kq", "closed", 1},  {"--k-", "closed", 0},  {"--q--", "closed", 0},
        {"---++---", "open", 2},
    };
    clp_breaker_policy policy = clp_breaker_policy_default();

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        reset();
        IS_STR(check(cases[i].found, &policy, START), cases[i].state, cases[i].found);
        IS_INT(t->channels[channel.row].circuit.trips, cases[i].trips, "opened so often");
    }
    IS_INT(t->channels[channel.row].checks, 3 << 1 | 1, "three failed in a row");
    IS_INT(t->channels[channel.row].checked_at, START + apr_time_from_sec(8), "the last one");
    IS_INT(t->channels[channel.row].attempts[CLP_BOOKED_TIMEOUT], 0, "they are no attempts");
}

static void test_half_open(void)
{
    clp_breaker_policy policy = clp_breaker_policy_default();
    apr_time_t later = START + policy.open + apr_time_from_sec(10);

    reset();
    check("---", &policy, START);
    IS_STR(check("-", &policy, later), "open", "a circuit that is half open opens again");
    reset();
    check("---", &policy, START);
    IS_STR(check("+", &policy, later), "half_open", "too few successes leave it");
    IS_STR(check("+", &policy, later), "closed", "enough of them close it");
}

static void test_pair(void)
{
    clp_breaker_policy policy = clp_breaker_policy_default();
    clp_circuit *c = &t->circuits[pair.row].circuit;

    reset();
    c->open_until = (apr_uint64_t)(START + apr_time_from_sec(900));
    check("kk", &policy, START);
    OK(c->open_until != 0, "a refused key leaves its own circuit open");
    check("++", &policy, START);
    OK(c->open_until == 0, "a success closes that of URL and key");
}

static void test_off(void)
{
    clp_breaker_policy policy = clp_breaker_policy_default();

    reset();
    policy.on = 0;
    check("----", &policy, START);
    IS_INT(t->channels[channel.row].circuit.open_until, 0, "without a breaker nothing opens");
    IS_INT(t->channels[channel.row].checks, 4 << 1 | 1, "but it is counted");
}

int main(void)
{
    clp_capacity capacity = clp_capacity_default();
    apr_pool_t *pool = tap_begin();

    t = shared_tables(&capacity, pool);
    channel = clp_tables_claim(t, CLP_TABLE_CHANNELS, 11, clp_span_str("c"), 1);
    pair = clp_tables_claim(t, CLP_TABLE_CIRCUITS, 12, clp_span_str(""), 1);
    test_runs();
    test_half_open();
    test_pair();
    test_off();
    return tap_end();
}
