/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "cases.h"
#include "named.h"
#include "sched/breaker.h"
#include "sched/cooldown.h"
#include "sched/standing.h"
#include "state/rate_window.h"
#include "state/row_claim.h"

#define START (apr_time_from_sec(1800000000))

/* One channel with a key, and the state of a case. */
typedef struct world {
    apr_pool_t *pool;
    clp_tables *t;
    clp_channel_row *channel;
    clp_key_row *key;
    clp_circuit *pair;
    clp_booking booking; /* its rows, policies and model */
    apr_time_t now;
    const char *shown;
} world;

static world world_make(apr_pool_t *pool)
{
    clp_capacity capacity = {4, 4, 4, 4, 4, 4, 16};
    world x = {.pool = pool, .now = START, .shown = ""};
    clp_cooldown_policy cooldown = clp_cooldown_policy_default();
    x.t = clp_tables_make_private(&capacity, pool);
    x.booking.kind = CLP_BOOK_ATTEMPT;
    x.booking.channel =
        clp_tables_claim(x.t, CLP_TABLE_CHANNELS, clp_channel_id("c"), clp_span_str("c"), 1);
    x.booking.key =
        clp_tables_claim(x.t, CLP_TABLE_KEYS, clp_key_id("c", "k"), clp_span_str("k"), 1);
    x.booking.circuit = clp_tables_claim(x.t, CLP_TABLE_CIRCUITS, clp_circuit_id("c", "u", "k"),
                                         clp_span_str("u"), 1);
    x.booking.model_id = clp_row_id(clp_span_str("m"));
    x.booking.cooldown = clp_cooldown_pack(&cooldown);
    x.channel = &x.t->channels[x.booking.channel.row];
    x.key = &x.t->keys[x.booking.key.row];
    x.pair = &x.t->circuits[x.booking.circuit.row].circuit;
    return x;
}

static void show(world *x, const char *what)
{
    x->shown = *x->shown ? apr_pstrcat(x->pool, x->shown, " ", what, NULL) : what;
}

static const char *rest(clp_cooling_state s, apr_time_t until, const world *x)
{
    return s == CLP_COOLING_NOT
               ? "-"
               : apr_psprintf(x->pool, "%s%d", s == CLP_COOLING_TOLD ? "told" : "assumed",
                              (int)apr_time_sec(until - x->now));
}

static void show_all(world *x)
{
    clp_breaker_policy policy = clp_breaker_unpack(x->booking.policy);
    apr_time_t channel_until = 0;
    apr_time_t key_until = 0;
    clp_cooling_state channel = clp_cooling_look(&x->channel->cooling, x->now, &channel_until);
    clp_cooling_state key = clp_cooling_look_key(x->key, x->booking.model_id, x->now, &key_until);
    show(x, apr_pstrcat(
                x->pool,
                clp_breaker_state_name(clp_breaker_look(&x->channel->circuit, &policy, x->now)),
                "/", clp_breaker_state_name(clp_breaker_look(x->pair, &policy, x->now)), "/",
                rest(channel, channel_until, x), "/", rest(key, key_until, x), NULL));
}

static void claim(world *x)
{
    clp_breaker_policy policy = clp_breaker_unpack(x->booking.policy);
    apr_uint64_t a = clp_breaker_claim_probe(&x->channel->circuit, &policy, 0, x->now);
    apr_uint64_t b = clp_breaker_claim_probe(x->pair, &policy, 0, x->now);
    OK(a == b, "both or none");
    x->booking.probe = a;
    show(x, a ? "p1" : "p0");
}

static int result_of(const char *name)
{
    int r = 0;
    while (r < CLP_BOOKED_RESULTS && strcmp(clp_booked_name((clp_booked)r), name) != 0) {
        r++;
    }
    return r;
}

static void enter(world *x, const char *result, int left, int told)
{
    clp_writes w;
    clp_booking b = x->booking;
    int r = result_of(result);
    OK(r < CLP_BOOKED_RESULTS, "a result: %s", result);
    b.result = (apr_byte_t)r;
    b.flags = left ? CLP_BOOKED_LEFT : 0;
    b.at = x->now;
    b.retry_at = told ? x->now + apr_time_from_sec(told) : 0;
    clp_writes_begin(&w);
    clp_standing_enter(x->t, &b, &w);
    clp_writes_do(&w);
    OK(!w.overflow, "a set has room for it");
}

static void order(world *x, int open)
{
    clp_breaker_policy policy = clp_breaker_unpack(x->booking.policy);
    clp_writes w;
    clp_writes_begin(&w);
    if (open) {
        clp_breaker_enter_open(&w, &x->channel->circuit, &policy, x->now);
    }
    else {
        clp_breaker_enter_closed(&w, &x->channel->circuit);
    }
    clp_writes_do(&w);
}

static void results(world *x, char *step)
{
    char *times = strchr(step, '*');
    char *told = strchr(step, ':');
    int left = strchr(step, '!') != NULL;
    int n = times ? atoi(times + 1) : 1;
    step[strcspn(step, "!:*")] = '\0';
    while (n--) {
        enter(x, step, left, told ? atoi(told + 1) : 0);
    }
}

static void do_step(world *x, char *step)
{
    if (!strcmp(step, "?")) {
        show_all(x);
    }
    else if (!strcmp(step, "p")) {
        claim(x);
    }
    else if (!strcmp(step, "u")) {
        clp_breaker_release_probe(&x->channel->circuit, x->booking.probe);
        clp_breaker_release_probe(x->pair, x->booking.probe);
    }
    else if (!strcmp(step, "m")) {
        x->booking.model_id = clp_row_id(clp_span_str("another"));
    }
    else if (!strcmp(step, "reset") || !strcmp(step, "down")) {
        order(x, *step == 'd');
    }
    else if (*step == '+') {
        x->now += apr_time_from_sec(atoi(step + 1));
        x->booking.probe = 0;
    }
    else {
        results(x, step);
    }
}

static clp_breaker_policy policy_of(const char *text)
{
    clp_breaker_policy p = {.on = 0};
    int open;
    int probe;
    if (sscanf(text, "%d/%d/%d/%d/%d", &p.window, &p.min, &p.percent, &open, &probe) == 5) {
        p.on = 1;
        p.open = apr_time_from_sec(open);
        p.probe = apr_time_from_sec(probe);
    }
    return p;
}

static void check_case(void *ctx, const cases_row *row)
{
    apr_pool_t *pool;
    world x;
    clp_breaker_policy policy = policy_of(row->field[1].p);
    char *state;
    apr_pool_create(&pool, ctx);
    x = world_make(pool);
    x.booking.policy = clp_breaker_pack(&policy);
    for (char *step = apr_strtok(apr_pstrdup(pool, row->field[2].p), " ", &state); step;
         step = apr_strtok(NULL, " ", &state)) {
        do_step(&x, step);
    }
    IS_STR(x.shown, row->field[3].p,
           apr_psprintf(pool, "standing.txt:%d: %s", row->line, row->field[0].p));
    apr_pool_destroy(pool);
}

/* Numbers that people see, and rows that went to somebody else. */
static void test_numbers(apr_pool_t *pool)
{
    world x = world_make(pool);
    x.booking.first_token_us = 800;
    x.booking.tokens[CLP_TOKENS_IN] = 3;
    x.booking.tokens[CLP_TOKENS_OUT] = 4;
    enter(&x, "success", 1, 0);
    IS_INT(x.channel->first_token_us, 800, "the first time to first token");
    x.booking.first_token_us = 1600;
    enter(&x, "success", 1, 0);
    IS_INT(x.channel->first_token_us, 900, "the next moves it by an eighth");
    x.booking.first_token_us = 0;
    enter(&x, "success", 1, 0);
    IS_INT(x.channel->first_token_us, 900, "none leaves it");
    IS_INT(clp_rate_sum(&x.channel->tokens, x.now), 21, "tokens of the channel");
    IS_INT(clp_rate_sum(&x.key->tokens, x.now), 21, "of the key");
    IS_INT(x.key->attempts[CLP_BOOKED_SUCCESS], 3, "attempts with the key");
    IS_INT(x.channel->last_success, START, "the last success");
    IS_INT(x.channel->last_failure, 0, "no failure");
    x.now++;
    enter(&x, "auth", 1, 0);
    enter(&x, "client_error", 1, 0);
    IS_INT(x.key->failures, 1, "failures in a row, the client's not");
    IS_INT(x.channel->last_failure, START + 1, "the last failure");
    IS_INT(x.channel->head.used, START + 1, "used");
    x.booking.channel.epoch++;
    enter(&x, "success", 1, 0);
    IS_INT(x.channel->failures, 1, "a row that went to another is left alone");
    IS_INT(x.key->failures, 0, "the others are not");
}

/* A seventh model takes the place whose rest ends first. */
static void test_models(apr_pool_t *pool)
{
    world x = world_make(pool);
    apr_time_t until;
    for (int i = 0; i < CLP_KEY_MODELS + 1; i++) {
        x.booking.model_id = (apr_uint64_t)i + 1;
        enter(&x, "rate_limit", 1, i == 2 ? 10 : 100);
    }
    for (int i = 0; i < CLP_KEY_MODELS + 1; i++) {
        IS_INT(clp_cooling_look_key(x.key, (apr_uint64_t)i + 1, x.now, &until),
               i == 2 ? CLP_COOLING_NOT : CLP_COOLING_TOLD, apr_psprintf(pool, "model %d", i));
    }
    x.booking.model_id = 0;
    enter(&x, "rate_limit", 1, 0);
    IS_INT(clp_cooling_look_key(x.key, 3, x.now, &until), CLP_COOLING_ASSUMED,
           "no model known: the whole key");
}

static void test_faults(apr_pool_t *pool)
{
    static const struct {
        clp_problem_class cls;
        int status;
        clp_fault fault;
        clp_booked booked;
    } rows[] = {
        {CLP_UNAUTHENTICATED, 401, CLP_FAULT_KEY, CLP_BOOKED_AUTH},
        {CLP_BILLING, 402, CLP_FAULT_QUOTA_KEY, CLP_BOOKED_QUOTA},
        {CLP_RATE_LIMITED, 429, CLP_FAULT_QUOTA_MODEL, CLP_BOOKED_RATE_LIMITED},
        {CLP_OVERLOADED, 529, CLP_FAULT_OVERLOAD, CLP_BOOKED_OVERLOADED},
        {CLP_INTERNAL, 500, CLP_FAULT_PROVIDER, CLP_BOOKED_SERVER_ERROR},
        {CLP_TIMED_OUT, 504, CLP_FAULT_PROVIDER, CLP_BOOKED_TIMEOUT},
        {CLP_TIMED_OUT, 0, CLP_FAULT_PROVIDER, CLP_BOOKED_TIMEOUT},
        {CLP_BAD_GATEWAY, 0, CLP_FAULT_PROVIDER, CLP_BOOKED_TRANSPORT},
        {CLP_BAD_GATEWAY, 200, CLP_FAULT_PROVIDER, CLP_BOOKED_GARBAGE},
        {CLP_NOT_FOUND, 404, CLP_FAULT_NONE, CLP_BOOKED_NO_MODEL},
        {CLP_OVERLOADED, 503, CLP_FAULT_NONE, CLP_BOOKED_NO_MODEL},
        {CLP_BAD_REQUEST, 400, CLP_FAULT_NONE, CLP_BOOKED_CLIENT_ERROR},
        {CLP_CONFLICT, 409, CLP_FAULT_NONE, CLP_BOOKED_CLIENT_ERROR},
    };
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        clp_problem *p = clp_problem_make(pool, rows[i].cls, "m");
        p->status = rows[i].status;
        IS_STR(clp_booked_name(clp_booked_of(p, rows[i].fault)), clp_booked_name(rows[i].booked),
               apr_psprintf(pool, "booked: %d %s", p->status, name_of_fault(rows[i].fault)));
        IS_STR(name_of_fault(clp_fault_of_booked(rows[i].booked)), name_of_fault(rows[i].fault),
               "and back");
    }
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    OK(cases_each(pool, "t/cases/standing.txt", check_case, pool) > 30, "cases are read");
    test_numbers(pool);
    test_models(pool);
    test_faults(pool);
    return tap_end();
}
