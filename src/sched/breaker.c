/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/breaker.h"

/* Where the members lie in a packed policy: bits. */
enum {
    AT_ON = 0,
    AT_WINDOW = 1,
    AT_MIN = 7,
    AT_PERCENT = 13,
    AT_OPEN = 20,
    AT_PROBE = 40,
    BITS_COUNT = 6,
    BITS_PERCENT = 7,
    BITS_TIME = 20
};

clp_breaker_policy clp_breaker_policy_default(void)
{
    clp_breaker_policy policy = {
        .on = 1,
        .window = 10,
        .min = 5,
        .percent = 50,
        .open = apr_time_from_sec(15 * 60),
        .probe = apr_time_from_sec(2 * 60),
    };
    return policy;
}

apr_uint64_t clp_breaker_pack(const clp_breaker_policy *policy)
{
    return (apr_uint64_t)(policy->on != 0) << AT_ON | (apr_uint64_t)policy->window << AT_WINDOW |
           (apr_uint64_t)policy->min << AT_MIN | (apr_uint64_t)policy->percent << AT_PERCENT |
           (apr_uint64_t)apr_time_sec(policy->open) << AT_OPEN |
           (apr_uint64_t)apr_time_sec(policy->probe) << AT_PROBE;
}

static int bits(apr_uint64_t word, int at, int n)
{
    return (int)(word >> at & ((1u << n) - 1));
}

clp_breaker_policy clp_breaker_unpack(apr_uint64_t word)
{
    clp_breaker_policy policy = {
        .on = bits(word, AT_ON, 1),
        .window = bits(word, AT_WINDOW, BITS_COUNT),
        .min = bits(word, AT_MIN, BITS_COUNT),
        .percent = bits(word, AT_PERCENT, BITS_PERCENT),
        .open = apr_time_from_sec(bits(word, AT_OPEN, BITS_TIME)),
        .probe = apr_time_from_sec(bits(word, AT_PROBE, BITS_TIME)),
    };
    return policy;
}

/* --- looking ------------------------------------------------------------------------------ */

const char *clp_breaker_state_name(clp_breaker_state s)
{
    return s == CLP_BREAKER_CLOSED ? "closed" : s == CLP_BREAKER_OPEN ? "open" : "half_open";
}

static clp_breaker_state state_of(apr_uint64_t open_until, apr_time_t now)
{
    if (!open_until) {
        return CLP_BREAKER_CLOSED;
    }
    return (apr_time_t)open_until > now ? CLP_BREAKER_OPEN : CLP_BREAKER_HALF_OPEN;
}

clp_breaker_state clp_breaker_look(const clp_circuit *c, const clp_breaker_policy *policy,
                                   apr_time_t now)
{
    return policy->on ? state_of(clp_word_get(&c->open_until), now) : CLP_BREAKER_CLOSED;
}

/* Results in the window, and how many of them failed; read through what is to be written if `w`
 * is there. */
typedef struct tally {
    unsigned known;
    unsigned failed;
} tally;

static apr_uint64_t read_word(const clp_writes *w, const apr_uint64_t *word)
{
    return w ? clp_writes_get(w, word) : clp_word_get(word);
}

static tally count(const clp_writes *w, const clp_circuit *c, const clp_breaker_policy *policy)
{
    apr_uint64_t recorded = read_word(w, &c->recorded);
    tally t = {(unsigned)policy->window, 0};
    if (recorded < t.known) {
        t.known = (unsigned)recorded;
    }
    for (unsigned i = 1; i <= t.known; i++) {
        unsigned at = (unsigned)((recorded - i) % CLP_CIRCUIT_RESULTS);
        t.failed += clp_half_of(read_word(w, &c->results[at / 2]), at) & 1;
    }
    return t;
}

int clp_breaker_percent(const clp_circuit *c, const clp_breaker_policy *policy)
{
    tally t = count(NULL, c, policy);
    return t.known ? (int)(t.failed * 100 / t.known) : 0;
}

apr_uint64_t clp_breaker_claim_probe(clp_circuit *c, const clp_breaker_policy *policy,
                                     unsigned child, apr_time_t now)
{
    apr_uint64_t held = clp_word_get(&c->probe);
    apr_uint64_t mine = clp_probe_word(now + policy->probe, child);
    if ((apr_time_t)held > now || !clp_word_swap(&c->probe, held, mine)) {
        return 0;
    }
    return mine;
}

void clp_breaker_release_probe(clp_circuit *c, apr_uint64_t claimed)
{
    if (claimed) {
        clp_word_swap(&c->probe, claimed, 0);
    }
}

/* --- entering ----------------------------------------------------------------------------- */

void clp_breaker_enter_nothing(clp_writes *w, clp_circuit *c, apr_uint64_t probe)
{
    if (probe) {
        clp_writes_swap(w, &c->probe, probe, 0);
    }
}

static void record(clp_writes *w, clp_circuit *c, int failed, apr_time_t at)
{
    apr_uint64_t recorded = clp_writes_get(w, &c->recorded);
    apr_uint32_t seconds = (apr_uint32_t)(apr_time_sec(at) - CLP_CIRCUIT_EPOCH);
    clp_writes_set_half(w, c->results, (unsigned)(recorded % CLP_CIRCUIT_RESULTS),
                        seconds << 1 | (failed != 0));
    clp_writes_set(w, &c->recorded, recorded + 1);
}

void clp_breaker_enter_open(clp_writes *w, clp_circuit *c, const clp_breaker_policy *policy,
                            apr_time_t at)
{
    if (state_of(clp_writes_get(w, &c->open_until), at) != CLP_BREAKER_OPEN) {
        clp_writes_add(w, &c->trips, 1);
    }
    clp_writes_set(w, &c->opened_at, (apr_uint64_t)at);
    clp_writes_set(w, &c->open_until, (apr_uint64_t)(at + policy->open));
}

void clp_breaker_enter_closed(clp_writes *w, clp_circuit *c)
{
    clp_writes_set(w, &c->open_until, 0);
    clp_writes_set(w, &c->recorded, 0);
}

void clp_breaker_enter(clp_writes *w, clp_circuit *c, const clp_breaker_policy *policy, int failed,
                       apr_time_t at, apr_uint64_t probe)
{
    clp_breaker_state state;
    clp_breaker_enter_nothing(w, c, probe);
    if (!policy->on) {
        return;
    }
    state = state_of(clp_writes_get(w, &c->open_until), at);
    if (state == CLP_BREAKER_CLOSED) {
        tally t;
        record(w, c, failed, at);
        t = count(w, c, policy);
        if (failed && t.known >= (unsigned)policy->min &&
            t.failed * 100 >= t.known * (unsigned)policy->percent) {
            clp_breaker_enter_open(w, c, policy, at);
        }
        return;
    }
    if (at < (apr_time_t)clp_writes_get(w, &c->opened_at)) {
        return; /* of the time before it opened */
    }
    if (!failed) {
        clp_breaker_enter_closed(w, c);
        record(w, c, 0, at);
    }
    else if (state == CLP_BREAKER_HALF_OPEN || probe) {
        record(w, c, 1, at);
        clp_breaker_enter_open(w, c, policy, at);
    }
}
