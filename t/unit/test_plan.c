/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "sched/plan.h"

static apr_int64_t read_count(clp_jval answer)
{
    return clp_jval_count_or(answer, -1);
}

/* To a plan only matters which they are, and whether they can count. */
static const clp_dialect messages = {.name = "messages", .read_count = read_count};
static const clp_dialect chat = {.name = "chat"};

static apr_array_header_t *words(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *a = apr_array_make(pool, 4, sizeof(const char *));
    char *copy = apr_pstrdup(pool, text);
    char *state;
    for (char *w = apr_strtok(copy, " ", &state); w; w = apr_strtok(NULL, " ", &state)) {
        APR_ARRAY_PUSH(a, const char *) = w;
    }
    return a;
}

static clp_channel *channel(clp_channel_set *set, const char *name, const clp_dialect *dialect,
                            int priority, const char *urls, const char *keys, apr_pool_t *pool)
{
    clp_channel *c = clp_channel_make(name, pool);
    apr_array_header_t *names = words(keys, pool);
    c->dialect = dialect;
    c->priority = priority;
    c->urls = words(urls, pool);
    for (int i = 0; i < names->nelts; i++) {
        const char *id = APR_ARRAY_IDX(names, i, const char *);
        clp_channel_add_key(c, apr_pstrcat(pool, "secret-", id, NULL), "****", id);
    }
    APR_ARRAY_PUSH(set->channels, const clp_channel *) = c;
    return c;
}

static clp_channel_set *set_make(apr_pool_t *pool)
{
    clp_channel_set *set = apr_pcalloc(pool, sizeof(*set));
    set->name = "test";
    set->channels = apr_array_make(pool, 4, sizeof(const clp_channel *));
    return set;
}

static const char *show(const clp_candidate *c, apr_pool_t *pool)
{
    return c ? apr_psprintf(pool, "%s/%s/%s", c->channel->name, c->key ? c->key->id : "-", c->url)
             : "end";
}

static clp_verdict verdict_of(char letter)
{
    switch (letter) {
    case 'k': return CLP_VERDICT_NEXT_KEY;
    case 'u': return CLP_VERDICT_NEXT_URL;
    case 'c': return CLP_VERDICT_NEXT_CHANNEL;
    case 'g': return CLP_VERDICT_GIVE;
    }
    return CLP_VERDICT_STOP;
}

/* What is tried under a row of verdicts: k(ey), u(rl), c(hannel), g(ive), s(top).
 * h: a hedge begins; K, U, C: what became of it. a: the first one again. */
static const char *walk(const clp_channel_set *set, const clp_plan_query *q, const char *verdicts,
                        apr_pool_t *pool)
{
    clp_plan *plan;
    clp_problem *p = clp_plan_make(&plan, set, q, pool);
    clp_candidate first;
    const char *out;
    if (p) {
        return p->message;
    }
    out = show(clp_plan_current(plan), pool);
    first = *clp_plan_current(plan);
    for (; *verdicts; verdicts++) {
        const clp_candidate *c;
        if (*verdicts == 'h') {
            out = apr_pstrcat(pool, out, " +", show(clp_plan_hedge(plan), pool), NULL);
            continue;
        }
        if (apr_isupper(*verdicts)) {
            clp_plan_hedge_failed(plan, verdict_of((char)apr_tolower(*verdicts)));
            continue;
        }
        c = *verdicts == 'a' ? clp_plan_again(plan, &first)
                             : clp_plan_after(plan, verdict_of(*verdicts));
        if (c != clp_plan_current(plan)) {
            return "clp_plan_current() differs";
        }
        out = apr_pstrcat(pool, out, " ", show(c, pool), NULL);
    }
    return out;
}

static void test_walk(apr_pool_t *pool)
{
    static const struct {
        const char *verdicts;
        const char *tried;
    } rows[] = {
        {"", "a/k1/u1"},
        {"g", "a/k1/u1 end"},
        {"s", "a/k1/u1 end"},
        {"gk", "a/k1/u1 end end"},
        {"k", "a/k1/u1 a/k2/u1"},
        {"kk", "a/k1/u1 a/k2/u1 b/k3/u3"},
        {"u", "a/k1/u1 a/k1/u2"},
        {"uu", "a/k1/u1 a/k1/u2 b/k3/u3"},
        /* a failed URL stays failed for the next key, a failed key for the next URL */
        {"uk", "a/k1/u1 a/k1/u2 a/k2/u2"},
        {"ku", "a/k1/u1 a/k2/u1 a/k2/u2"},
        {"ukk", "a/k1/u1 a/k1/u2 a/k2/u2 b/k3/u3"},
        {"kuu", "a/k1/u1 a/k2/u1 a/k2/u2 b/k3/u3"},
        {"c", "a/k1/u1 b/k3/u3"},
        {"ck", "a/k1/u1 b/k3/u3 c/-/u4"},
        {"cck", "a/k1/u1 b/k3/u3 c/-/u4 end"},
        {"ccu", "a/k1/u1 b/k3/u3 c/-/u4 end"},
        {"ccc", "a/k1/u1 b/k3/u3 c/-/u4 end"},
        {"cccc", "a/k1/u1 b/k3/u3 c/-/u4 end end"},
        /* a hedge is of another channel; there is one */
        {"h", "a/k1/u1 +b/k3/u3"},
        {"hh", "a/k1/u1 +b/k3/u3 +end"},
        {"hCh", "a/k1/u1 +b/k3/u3 +end"},
        {"gh", "a/k1/u1 end +end"},
        {"cch", "a/k1/u1 b/k3/u3 c/-/u4 +end"},
        /* the walk goes on beside it, and takes it over when it comes to its channel */
        {"hk", "a/k1/u1 +b/k3/u3 a/k2/u1"},
        {"hkk", "a/k1/u1 +b/k3/u3 a/k2/u1 b/k3/u3"},
        {"hku", "a/k1/u1 +b/k3/u3 a/k2/u1 a/k2/u2"},
        {"hcuu", "a/k1/u1 +b/k3/u3 b/k3/u3 b/k3/u5 c/-/u4"},
        {"hcch", "a/k1/u1 +b/k3/u3 b/k3/u3 c/-/u4 +end"},
        /* what failed of it is not tried again, the rest of its channel is */
        {"hUc", "a/k1/u1 +b/k3/u3 b/k3/u5"},
        {"hKc", "a/k1/u1 +b/k3/u3 c/-/u4"},
        {"hCc", "a/k1/u1 +b/k3/u3 c/-/u4"},
        {"hUkcu", "a/k1/u1 +b/k3/u3 a/k2/u1 b/k3/u5 c/-/u4"},
        {"K", "a/k1/u1"},
        /* once more, when nothing is left */
        {"ccca", "a/k1/u1 b/k3/u3 c/-/u4 end a/k1/u1"},
        {"cccak", "a/k1/u1 b/k3/u3 c/-/u4 end a/k1/u1 end"},
        {"cccau", "a/k1/u1 b/k3/u3 c/-/u4 end a/k1/u1 end"},
        {"cccah", "a/k1/u1 b/k3/u3 c/-/u4 end a/k1/u1 +end"},
    };
    clp_channel_set *set = set_make(pool);
    clp_plan_query q = {.client = &messages, .model = "m"};
    channel(set, "a", &messages, 0, "u1 u2", "k1 k2", pool);
    channel(set, "b", &chat, 0, "u3 u5", "k3", pool);
    channel(set, "c", &messages, 0, "u4", "", pool)->auth = CLP_AUTH_NONE;
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IS_STR(walk(set, &q, rows[i].verdicts, pool), rows[i].tried,
               apr_psprintf(pool, "verdicts '%s'", rows[i].verdicts));
    }
}

static void test_order(apr_pool_t *pool)
{
    clp_channel_set *set = set_make(pool);
    clp_plan_query q = {.client = &messages, .model = "m"};
    channel(set, "a", &messages, 5, "u", "k", pool);
    channel(set, "b", &messages, 1, "u", "k", pool);
    channel(set, "c", &messages, 5, "u", "k", pool);
    channel(set, "d", &messages, 1, "u", "k", pool);
    channel(set, "e", &messages, -1, "u", "k", pool);
    channel(set, "no-url", &messages, -9, "", "k", pool);
    channel(set, "no-key", &messages, -9, "u", "", pool);
    channel(set, "suspended", &messages, -9, "u", "k", pool)->status = CLP_CHANNEL_SUSPENDED;
    channel(set, "disabled", &messages, -9, "u", "k", pool)->status = CLP_CHANNEL_DISABLED;
    channel(set, "other", &messages, -9, "u", "k", pool)->models = words("x-*", pool);
    IS_STR(walk(set, &q, "ccccc", pool), "e/k/u b/k/u d/k/u a/k/u c/k/u end",
           "by priority, equal ones as configured, unusable ones never");
    q.model = "x-1";
    IS_STR(walk(set, &q, "", pool), "other/k/u", "the model decides who takes part");
    q.model = NULL;
    IS_STR(walk(set, &q, "", pool), "other/k/u", "no model: all do");
    q.pin_channel = "d";
    IS_STR(walk(set, &q, "c", pool), "d/k/u end", "pinned to a channel");
}

static void test_model(apr_pool_t *pool)
{
    clp_channel_set *set = set_make(pool);
    clp_plan_query q = {.client = &messages, .model = "claude-x"};
    clp_model_rule rule = {"claude-*", "gpt-*"};
    clp_plan *plan;
    clp_channel *b;
    channel(set, "a", &messages, 0, "u", "k", pool);
    b = channel(set, "b", &chat, 0, "u", "k", pool);
    b->model_map = apr_array_make(pool, 1, sizeof(clp_model_rule));
    APR_ARRAY_PUSH(b->model_map, clp_model_rule) = rule;
    OK(!clp_plan_make(&plan, set, &q, pool), "a plan");
    IS_STR(clp_plan_current(plan)->model, "claude-x", "no map: the client's name");
    IS_STR(clp_plan_after(plan, CLP_VERDICT_NEXT_CHANNEL)->model, "gpt-x", "the channel's map");
    q.model = NULL;
    OK(!clp_plan_make(&plan, set, &q, pool) && !clp_plan_current(plan)->model, "no model");
}

static void test_pins(apr_pool_t *pool)
{
    clp_channel_set *set = set_make(pool);
    clp_plan_query q = {.client = &messages, .model = "m", .thread = 1};
    clp_plan *plan;
    clp_problem *p;
    clp_channel *b;
    channel(set, "a", &chat, 0, "u", "k", pool);
    b = channel(set, "b", &messages, 1, "u1 u2", "k1 k2 k3", pool);
    IS_STR(walk(set, &q, "c", pool), "b/k1/u1 end", "passthrough needs the client's dialect");
    q.pin_channel = "b";
    q.pin_key = "k2";
    IS_STR(walk(set, &q, "uu", pool), "b/k2/u1 b/k2/u2 end", "pinned to a key: its URLs only");
    IS_STR(walk(set, &q, "k", pool), "b/k2/u1 end", "no other key follows");
    q.pin_key = "gone";
    p = clp_plan_make(&plan, set, &q, pool);
    OK(p && p->cls == CLP_NOT_FOUND && !plan, "the pinned key is gone");
    IS_SPAN(p->details, CLP_SPAN_LIT("{\"error_code\":\"thread_not_found\"}"), "and told so");
    OK(!strstr(p->message, "gone") && strstr(p->cause, "gone"), "the key id is for the log");
    q.pin_key = NULL;
    q.pin_channel = "away";
    p = clp_plan_make(&plan, set, &q, pool);
    IS_INT(p ? (int)p->cls : -1, CLP_NOT_FOUND, "the pinned channel is gone");

    q.pin_channel = NULL;
    b->traits.threads = 0;
    p = clp_plan_make(&plan, set, &q, pool);
    IS_INT(p ? (int)p->cls : -1, CLP_BAD_REQUEST, "no channel knows threads");
    IS_STR(p->code, "thread_unsupported_request", "its code");
    IS_SPAN(p->details,
            CLP_SPAN_LIT(
                "{\"error_code\":\"thread_unsupported_request\",\"unsupported\":[\"thread\"]}"),
            "its details");
}

static void test_counting(apr_pool_t *pool)
{
    clp_channel_set *set = set_make(pool);
    clp_plan_query q = {.client = &messages, .model = "m", .counting = 1};
    static const clp_dialect gemini = {.name = "gemini", .read_count = read_count};
    clp_plan *plan;

    channel(set, "a", &chat, 0, "u", "k", pool);
    OK(clp_plan_make(&plan, set, &q, pool), "no channel can count");
    channel(set, "b", &messages, 2, "u", "k", pool);
    channel(set, "c", &gemini, 1, "u", "k", pool);
    IS_STR(walk(set, &q, "cc", pool), "c/k/u b/k/u end", "those that can, by priority");
    q.own_dialect = 1;
    IS_STR(walk(set, &q, "c", pool), "b/k/u end", "if need be of the client's dialect only");
}

static void test_nobody(apr_pool_t *pool)
{
    clp_channel_set *set = set_make(pool);
    clp_plan_query q = {.client = &messages, .model = "claude-zzz"};
    clp_plan *plan;
    clp_problem *p = clp_plan_make(&plan, set, &q, pool);
    OK(p && p->cls == CLP_OVERLOADED && !plan, "nothing configured: 503");
    OK(strstr(p->message, "no upstream channel is configured"), "which says what to do");
    p = clp_plan_make(&plan, NULL, &q, pool);
    IS_INT(p ? (int)p->cls : -1, CLP_OVERLOADED, "no set at all");
    channel(set, "a", &messages, 0, "u", "k", pool)->status = CLP_CHANNEL_SUSPENDED;
    p = clp_plan_make(&plan, set, &q, pool);
    IS_INT(p ? (int)p->cls : -1, CLP_OVERLOADED, "all suspended: 503");
    channel(set, "b", &messages, 0, "u", "k", pool)->models = words("gpt-*", pool);
    p = clp_plan_make(&plan, set, &q, pool);
    IS_INT(p ? (int)p->cls : -1, CLP_NOT_FOUND, "no channel serves the model: 404");
    OK(p && strstr(p->message, "claude-zzz"), "which names it");
    IS_STR(p->code, "model_not_found", "with its code");
    char *longest = apr_palloc(pool, 100001);
    memset(longest, 'm', 100000);
    longest[100000] = '\0';
    q.model = longest;
    p = clp_plan_make(&plan, set, &q, pool);
    OK(p && strlen(p->message) < 400, "but not all of an endless name");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_walk(pool);
    test_order(pool);
    test_model(pool);
    test_pins(pool);
    test_counting(pool);
    test_nobody(pool);
    return tap_end();
}
