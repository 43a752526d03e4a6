/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "cases.h"
#include "sched/explanation.h"
#include "sched/reset.h"
#include "sched_world.h"
#include "state/children.h"

#define AFFINITY apr_time_from_sec(30 * 60)

/* The request that steps are about. */
typedef struct request {
    clp_plan *plan;
    clp_candidate candidate; /* being tried */
    clp_candidate hedge;
    const clp_conversation_id *who;
} request;

typedef struct run {
    sched_world *w;
    apr_pool_t *pool;
    request r;
    apr_array_header_t *kept; /* of clp_plan * */
    const char *shown;
} run;

static void show(run *x, const char *what)
{
    x->shown = *x->shown ? apr_pstrcat(x->pool, x->shown, " ", what, NULL) : what;
}

static const char *name_of(const run *x, const clp_candidate *c)
{
    return c ? apr_psprintf(x->pool, "%s.%s.%s:%s", c->channel->name, c->key ? c->key->id : "-",
                            c->url, clp_pick_name(c->pick))
             : "end";
}

static void go(run *x, const char *who)
{
    clp_problem *p;
    x->r.who = sched_conversation(x->w, who, x->pool);
    p = clp_plan_make(&x->r.plan, x->w->set, &x->w->query, x->pool);
    if (p) {
        int status = p->cls == CLP_RATE_LIMITED ? 429 : p->cls == CLP_OVERLOADED ? 503 : 404;
        show(x, p->retry_after_ms < 0
                    ? apr_psprintf(x->pool, "%d/-", status)
                    : apr_psprintf(x->pool, "%d/%d", status, (int)(p->retry_after_ms / 1000)));
        return;
    }
    x->r.candidate = *clp_plan_current(x->r.plan);
    show(x, name_of(x, &x->r.candidate));
}

static clp_booked result_of(const char *name)
{
    for (int i = 0; i < CLP_BOOKED_RESULTS; i++) {
        if (!strcmp(clp_booked_name((clp_booked)i), name)) {
            return (clp_booked)i;
        }
    }
    OK(0, "a step: %s", name);
    return CLP_BOOKED_RESULTS;
}

static clp_verdict verdict_of(clp_booked result)
{
    switch (clp_fault_of_booked(result)) {
    case CLP_FAULT_KEY:
    case CLP_FAULT_QUOTA_KEY:
    case CLP_FAULT_QUOTA_MODEL: return CLP_VERDICT_NEXT_KEY;
    case CLP_FAULT_PROVIDER:
    case CLP_FAULT_OVERLOAD: return CLP_VERDICT_NEXT_URL;
    case CLP_FAULT_NONE: break;
    }
    return CLP_VERDICT_STOP;
}

static void succeed(run *x, const sched_result *r)
{
    sched_book(x->w, &x->r.candidate, r);
    if (x->r.who) {
        clp_affinity_put(x->w->affinity, x->r.who, x->r.candidate.channel, x->r.candidate.key,
                         sched_clock + AFFINITY);
    }
    clp_plan_done(x->r.plan);
}

/* The upstream gets nothing of the request: it cannot carry it. */
static void unsent(run *x)
{
    sched_result r = {.result = CLP_BOOKED_CLIENT_ERROR};
    const clp_candidate *next = clp_plan_after(x->r.plan, CLP_VERDICT_NEXT_CHANNEL);
    sched_book(x->w, &x->r.candidate, &r);
    if (next) {
        x->r.candidate = *next;
    }
    show(x, name_of(x, next));
}

static void fail(run *x, sched_result *r)
{
    const clp_candidate *next = clp_plan_after(x->r.plan, verdict_of(r->result));
    r->left = !next || next->channel != x->r.candidate.channel;
    sched_book(x->w, &x->r.candidate, r);
    if (next) {
        x->r.candidate = *next;
    }
    show(x, name_of(x, next));
}

static int number_behind(const char *step, char mark)
{
    const char *at = strchr(step, mark);
    return at ? atoi(at + 1) : 0;
}

static void result(run *x, const char *step)
{
    sched_result r = {.left = 1};
    int told = number_behind(step, ':');
    r.result = result_of(apr_pstrndup(x->pool, step, strcspn(step, ":#~")));
    r.retry_at = told ? sched_clock + apr_time_from_sec(told) : 0;
    r.tokens = (apr_uint32_t)number_behind(step, '#');
    r.first_token_us = (apr_uint32_t)number_behind(step, '~') * 1000;
    clp_plan_sent(x->r.plan, &x->r.candidate);
    if (r.result == CLP_BOOKED_SUCCESS) {
        succeed(x, &r);
    }
    else {
        fail(x, &r);
    }
}

/* The end of a request without a result of the provider's. */
static void leave(run *x, clp_booked booked)
{
    sched_result r = {.result = booked, .left = 1};
    sched_book(x->w, &x->r.candidate, &r);
    clp_plan_done(x->r.plan);
    show(x, clp_plan_current(x->r.plan) ? "goes on" : "end");
}

static void hedge(run *x)
{
    const clp_candidate *c = clp_plan_hedge(x->r.plan);
    if (c) {
        x->r.hedge = *c;
        clp_plan_sent(x->r.plan, c);
    }
    show(x, name_of(x, c));
}

static void hedge_lost(run *x)
{
    sched_result r = {.result = CLP_BOOKED_SERVER_ERROR, .left = 1};
    clp_plan_hedge_failed(x->r.plan, CLP_VERDICT_NEXT_URL);
    sched_book(x->w, &x->r.hedge, &r);
}

static void again(run *x)
{
    x->r.candidate = *clp_plan_again(x->r.plan, &x->r.candidate);
    show(x, name_of(x, &x->r.candidate));
}

static void free_kept(run *x)
{
    for (int i = 0; i < x->kept->nelts; i++) {
        clp_plan_done(APR_ARRAY_IDX(x->kept, i, clp_plan *));
    }
    apr_array_clear(x->kept);
}

static void open_circuit(void *c, clp_writes *w)
{
    clp_breaker_policy policy = clp_breaker_policy_default();
    clp_breaker_enter_open(w, c, &policy, sched_clock);
}

static void close_circuit(void *c, clp_writes *w)
{
    clp_breaker_enter_closed(w, c);
}

static clp_circuit *circuit_of(const run *x, const char *name)
{
    return &x->w->tables->channels[sched_channel(x->w, name)->row.row].circuit;
}

/* "a" or "a/k1": an operator says that the channel, or a key of it, is well again. */
static void reset(run *x, const char *what)
{
    const char *key = strchr(what, '/');
    const clp_channel *c = sched_channel(x->w, apr_pstrndup(x->pool, what, strcspn(what, "/")));
    clp_reset_counts n;
    int done = key ? clp_reset_key(x->w->tables, c, clp_channel_key(c, key + 1), sched_clock, 0, &n)
                   : clp_reset_channel(x->w->tables, c, sched_clock, 0, &n);
    show(x, done ? apr_psprintf(x->pool, "reset=%d/%d/%d", n.circuits, n.keys, n.rested) : "busy");
}

static void explain(run *x)
{
    apr_array_header_t *all = clp_plan_explain(x->w->set, &x->w->query, x->pool);
    const char *text = "";
    for (int i = 0; i < all->nelts; i++) {
        const clp_explanation *e = &APR_ARRAY_IDX(all, i, clp_explanation);
        text = apr_pstrcat(x->pool, text, *text ? "," : "", e->channel->name, "=",
                           e->obstacle ? clp_obstacle_name(e->obstacle) : clp_pick_name(e->pick),
                           NULL);
        if (e->until > sched_clock) {
            text = apr_psprintf(x->pool, "%s/%d", text, (int)apr_time_sec(e->until - sched_clock));
        }
    }
    show(x, text);
}

/* One request after the other, all of them served: by whom, and by which key if it has several. */
static void flow(run *x, int n)
{
    sched_result r = {.result = CLP_BOOKED_SUCCESS, .left = 1};
    while (n--) {
        const char *before = x->shown;
        go(x, NULL);
        x->shown = before;
        succeed(x, &r);
        show(x, x->r.candidate.channel->keys->nelts < 2
                    ? x->r.candidate.channel->name
                    : apr_pstrcat(x->pool, x->r.candidate.channel->name, ".",
                                  x->r.candidate.key->id, NULL));
    }
}

static void do_order(run *x, const char *step, const char *what)
{
    if (!strncmp(step, "down:", 5)) {
        sched_change(x->w, open_circuit, circuit_of(x, what));
    }
    else if (!strncmp(step, "up:", 3)) {
        sched_change(x->w, close_circuit, circuit_of(x, what));
    }
    else if (!strncmp(step, "reset:", 6)) {
        reset(x, what);
    }
    else {
        x->w->query.model = what; /* ask: */
    }
}

static int is(const char *step, const char *name)
{
    return !strncmp(step, name, strlen(name)) && (!step[strlen(name)] || step[strlen(name)] == ':');
}

static void do_step(run *x, const char *step)
{
    const char *colon = strchr(step, ':');
    const char *what = colon ? colon + 1 : NULL;
    if (*step == '+') {
        sched_clock += apr_time_from_sec(atoi(step + 1));
    }
    else if (is(step, "go")) {
        go(x, what);
    }
    else if (is(step, "give")) {
        leave(x, CLP_BOOKED_CLIENT_ERROR);
    }
    else if (is(step, "quit")) {
        leave(x, CLP_BOOKED_ABORTED);
    }
    else if (is(step, "keep")) {
        APR_ARRAY_PUSH(x->kept, clp_plan *) = x->r.plan;
    }
    else if (is(step, "free")) {
        free_kept(x);
    }
    else if (is(step, "unsent")) {
        unsent(x);
    }
    else if (is(step, "hedge")) {
        hedge(x);
    }
    else if (is(step, "lost")) {
        hedge_lost(x);
    }
    else if (is(step, "again")) {
        again(x);
    }
    else if (is(step, "answered")) {
        clp_plan_answered(x->r.plan, &x->r.candidate);
    }
    else if (is(step, "why")) {
        explain(x);
    }
    else if (is(step, "flow")) {
        flow(x, atoi(what));
    }
    else if (is(step, "down") || is(step, "up") || is(step, "reset") || is(step, "ask")) {
        do_order(x, step, what);
    }
    else {
        result(x, step);
    }
}

/* Nothing is held when all requests are over. */
static int is_at_rest(const sched_world *w)
{
    apr_uint64_t held = 0;
    for (unsigned i = 0; i < clp_tables_rows(w->tables, CLP_TABLE_CHANNELS); i++) {
        held += clp_in_flight(w->tables, CLP_TABLE_CHANNELS, i);
    }
    for (unsigned i = 0; i < clp_tables_rows(w->tables, CLP_TABLE_KEYS); i++) {
        held += clp_in_flight(w->tables, CLP_TABLE_KEYS, i);
    }
    return !held;
}

static void check_case(void *ctx, const cases_row *row)
{
    run x = {.shown = ""};
    char *state;
    sched_world *w;
    apr_pool_t *pool;
    apr_pool_create(&pool, ctx);
    sched_clock = apr_time_from_sec(1800000000);
    w = sched_world_make(row->field[1].p, pool);
    x.w = w;
    apr_pool_create(&x.pool, pool);
    x.kept = apr_array_make(pool, 4, sizeof(clp_plan *));
    for (char *step = apr_strtok(apr_pstrdup(pool, row->field[2].p), " ", &state); step;
         step = apr_strtok(NULL, " ", &state)) {
        do_step(&x, step);
    }
    IS_STR(x.shown, row->field[3].p,
           apr_psprintf(ctx, "scheduling.txt:%d: %s", row->line, row->field[0].p));
    apr_pool_destroy(x.pool);
    OK(is_at_rest(w), "scheduling.txt:%d: nothing is held when requests are gone", row->line);
    apr_pool_destroy(pool);
}

/* --- shares --------------------------------------------------------------------------------- */

static int share(sched_world *w, const char *name, int n, int conversations, apr_pool_t *pool)
{
    int hits = 0;
    for (int i = 0; i < n; i++) {
        clp_plan *plan;
        apr_pool_t *sub;
        apr_pool_create(&sub, pool);
        w->query.random = (apr_uint64_t)i + 1;
        sched_conversation(w, conversations ? apr_psprintf(sub, "conversation-%d", i) : NULL, sub);
        OK(!clp_plan_make(&plan, w->set, &w->query, sub), "a plan");
        hits += !strcmp(clp_plan_current(plan)->channel->name, name);
        apr_pool_destroy(sub);
    }
    return hits;
}

static int about(int n, int want)
{
    return n > want * 85 / 100 && n < want * 115 / 100;
}

static void test_shares(apr_pool_t *pool)
{
    sched_world *w = sched_world_make("a(w=6) b(w=3) c strategy=weighted", pool);
    OK(about(share(w, "a", 2000, 0, pool), 1200), "weights are shares: 6 of 10");
    OK(about(share(w, "b", 2000, 0, pool), 600), "3 of 10");
    OK(about(share(w, "a", 2000, 1, pool), 1200), "of conversations too");
    w->query.strategy = CLP_STRATEGY_RANDOM;
    OK(about(share(w, "a", 2000, 0, pool), 667), "random: all alike");
    w->query.strategy = CLP_STRATEGY_ROUND_ROBIN;
    OK(about(share(w, "b", 2000, 1, pool), 667), "conversations in turns: by hash, all alike");
}

static const char *home(sched_world *w, const char *who, apr_pool_t *pool)
{
    clp_plan *plan;
    sched_conversation(w, who, pool);
    return clp_plan_make(&plan, w->set, &w->query, pool) ? "none"
                                                         : clp_plan_current(plan)->channel->name;
}

/* Several hosts agree, and a channel that goes takes only its own conversations along. */
static void test_rendezvous(apr_pool_t *pool)
{
    sched_world *one = sched_world_make("a b c d strategy=random", pool);
    sched_world *two = sched_world_make("d c b a strategy=round-robin", pool);
    sched_world *less = sched_world_make("a b c strategy=random", pool);
    int moved = 0;
    int agreed = 0;
    for (int i = 0; i < 300; i++) {
        const char *who = apr_psprintf(pool, "conversation-%d", i);
        const char *at = home(one, who, pool);
        one->query.random++;
        agreed += !strcmp(at, home(two, who, pool)) && !strcmp(at, home(one, who, pool));
        moved += strcmp(at, "d") != 0 && strcmp(at, home(less, who, pool)) != 0;
    }
    IS_INT(agreed, 300, "all hosts choose the same channel for a conversation");
    IS_INT(moved, 0, "conversations of other channels stay when one goes");
}

static void test_exploration(apr_pool_t *pool)
{
    sched_world *w = sched_world_make("a b strategy=lowest-latency", pool);
    int n;
    w->tables->channels[sched_channel(w, "a")->row.row].first_token_us = 100;
    w->tables->channels[sched_channel(w, "b")->row.row].first_token_us = 900;
    n = share(w, "b", 2000, 0, pool);
    OK(n > 20 && n < 90, "the slower one is asked now and then (%d of 2000)", n);
}

static void test_random_keys(apr_pool_t *pool)
{
    sched_world *w = sched_world_make("a(k=k1+k2+k3,o=random)", pool);
    int hits[3] = {0, 0, 0};
    for (int i = 0; i < 900; i++) {
        clp_plan *plan;
        w->query.random = (apr_uint64_t)i + 1;
        OK(!clp_plan_make(&plan, w->set, &w->query, pool), "a plan");
        hits[clp_plan_current(plan)->key_index]++;
    }
    OK(about(hits[0], 300) && about(hits[1], 300) && about(hits[2], 300),
       "any key, all alike (%d, %d, %d)", hits[0], hits[1], hits[2]);
}

/* --- state that is gone -------------------------------------------------------------------- */

static void test_gone(apr_pool_t *pool)
{
    sched_world *w = sched_world_make("a b", pool);
    clp_channel *a = sched_channel(w, "a");
    clp_plan *plan;
    clp_breaker_policy policy = clp_breaker_policy_default();
    const clp_conversation_id *who = clp_conversation_id_make(CLP_PROTOCOL_MESSAGES, "w", pool);
    const clp_conversation_id *chat = clp_conversation_id_make(CLP_PROTOCOL_CHAT, "w", pool);
    clp_pin pin;
    sched_change(w, open_circuit, &w->tables->channels[a->row.row].circuit);
    IS_INT(clp_breaker_look(&w->tables->channels[a->row.row].circuit, &policy, sched_clock),
           CLP_BREAKER_OPEN, "tripped");
    clp_affinity_put(w->affinity, who, a, NULL, sched_clock + AFFINITY);
    OK(clp_affinity_get(w->affinity, who, sched_clock, &pin) && clp_affinity_is_channel(&pin, a),
       "bound");
    OK(!clp_affinity_get(w->affinity, chat, sched_clock, &pin),
       "for clients of that protocol only");
    a->row.epoch++;
    clp_affinity_get(w->affinity, who, sched_clock, &pin);
    OK(!clp_affinity_is_channel(&pin, a), "not to another one of the same name");
    OK(!clp_plan_make(&plan, w->set, &w->query, pool), "a plan");
    IS_STR(clp_plan_current(plan)->channel->name, "a",
           "a row that went to another says nothing of this channel");
    clp_plan_done(plan);
    OK(is_at_rest(w), "and counts nothing of it");
}

static void test_names(void)
{
    clp_strategy s;
    OK(clp_strategy_parse("Least-Busy", &s) && s == CLP_STRATEGY_LEAST_BUSY, "a strategy by name");
    OK(!clp_strategy_parse("least", &s), "none by half of it");
    for (int i = CLP_PICK_PRIORITY; i <= CLP_PICK_FORCED; i++) {
        OK(strcmp(clp_pick_name((clp_pick)i), "unknown") != 0, "pick %d has a name", i);
    }
    for (int i = CLP_OBSTACLE_NONE; i <= CLP_OBSTACLE_FULL; i++) {
        OK(strcmp(clp_obstacle_name((clp_obstacle)i), "unknown") != 0, "obstacle %d has one", i);
    }
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    OK(cases_each(pool, "t/cases/scheduling.txt", check_case, pool) > 70, "cases are read");
    test_shares(pool);
    test_rendezvous(pool);
    test_exploration(pool);
    test_random_keys(pool);
    test_gone(pool);
    test_names();
    return tap_end();
}
