/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "cases.h"
#include "named.h"
#include "sched/channel.h"

static clp_problem *problem(clp_problem_class cls, int status, const char *code,
                            apr_int64_t retry_after_ms, apr_pool_t *pool)
{
    clp_problem *p = clp_problem_make(pool, cls, "%s", clp_problem_class_name(cls));
    p->status = status;
    p->code = code;
    p->retry_after_ms = retry_after_ms;
    return p;
}

/* Why each row of the table decides, and whether a case made it do so. */
static struct {
    const char *why;
    int hit;
} rows[] = {
#define ROW(statuses, classes, dialect, words, texts, verdict, fault, why) {why, 0},
#include "sched/verdicts.def"
#undef ROW
};

static void note_hit(const char *why)
{
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rows[i].hit += !strcmp(rows[i].why, why);
    }
}

static void check_case(void *ctx, const cases_row *row)
{
    apr_pool_t *pool = ctx;
    clp_channel *c = clp_channel_make("test", pool);
    const clp_problem *p;
    clp_judgement j;
    c->dialect = named_dialect(row->field[1].p);
    OK(row->n == 5 && c->dialect, "verdicts.txt:%d: five fields, a dialect", row->line);
    p = c->dialect->read_problem(atoi(row->field[0].p), row->field[4], pool);
    j = clp_judge_problem(p, c);
    note_hit(j.why);
    IS_STR(apr_pstrcat(pool, clp_verdict_name(j.verdict), " ", name_of_fault(j.fault), NULL),
           apr_pstrcat(pool, row->field[2].p, " ", row->field[3].p, NULL),
           apr_psprintf(pool, "verdicts.txt:%d: %s (%s)", row->line, row->field[0].p, j.why));
}

static void test_own_refusals(apr_pool_t *pool)
{
    static const clp_problem_class classes[] = {CLP_BAD_REQUEST,        CLP_CONTEXT_TOO_LONG,
                                                CLP_TOO_LARGE,          CLP_UNPROCESSABLE,
                                                CLP_UNSUPPORTED_CODING, CLP_NOT_IMPLEMENTED};
    for (apr_size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        clp_judgement j = clp_judge_problem(problem(classes[i], 0, NULL, -1, pool), NULL);
        OK(j.verdict == CLP_VERDICT_NEXT_CHANNEL && j.fault == CLP_FAULT_NONE,
           "what this channel's protocol cannot carry, another's may: %s",
           clp_problem_class_name(classes[i]));
        note_hit(j.why);
    }
}

static void test_table(apr_pool_t *pool)
{
    OK(cases_each(pool, "t/cases/verdicts.txt", check_case, pool) > 60, "cases are read");
    test_own_refusals(pool);
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        OK(rows[i].hit, "a case hits the row: %s", rows[i].why);
    }
    for (int cls = 0; cls < CLP_PROBLEM_CLASSES; cls++) {
        static const int statuses[] = {0, 200, 302, 400, 418, 429, 500, 599};
        for (apr_size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
            clp_problem *p = problem((clp_problem_class)cls, statuses[i], NULL, -1, pool);
            OK(clp_judge_problem(p, NULL).why, "%s %d is judged", p->message, p->status);
        }
    }
}

static void test_rules(apr_pool_t *pool)
{
    static const struct {
        const char *rule; /* NULL = none */
        int retry;
        int status;
        clp_problem_class cls;
        const char *code;
        const char *message;
        const char *becomes;
    } cases[] = {
        {NULL, 0, 500, CLP_INTERNAL, NULL, "m", "next_url provider"},
        {"500", 0, 500, CLP_INTERNAL, NULL, "m", "give none"},
        {"5xx", 0, 503, CLP_OVERLOADED, NULL, "m", "give none"},
        {"500-502", 0, 503, CLP_OVERLOADED, NULL, "m", "next_url overload"},
        {"500-503", 0, 503, CLP_OVERLOADED, NULL, "m", "give none"},
        {"403/denied", 0, 403, CLP_FORBIDDEN, "Denied", "m", "give none"},
        {"403/denied", 0, 403, CLP_FORBIDDEN, "other", "m", "next_key key"},
        {"403/denied", 0, 403, CLP_FORBIDDEN, NULL, "m", "next_key key"},
        {"/denied", 0, 401, CLP_UNAUTHENTICATED, "denied", "m", "give none"},
        {"/denied:no*luck", 0, 401, CLP_UNAUTHENTICATED, "denied", "No such luck", "give none"},
        {"/denied:no*luck", 0, 401, CLP_UNAUTHENTICATED, "denied", "luck, no", "next_key key"},
        {"model is loading", 1, 400, CLP_BAD_REQUEST, NULL, "The Model is Loading!",
         "next_channel none"},
        {":4 o'clock", 1, 400, CLP_BAD_REQUEST, NULL, "after 4 o'clock", "next_channel none"},
        {"400", 1, 400, CLP_BAD_REQUEST, "content_filter", "m", "next_channel none"},
        {"400", 1, 404, CLP_NOT_FOUND, NULL, "m", "next_channel none"},
        {"429", 1, 429, CLP_RATE_LIMITED, NULL, "m", "next_key quota_model"},
        /* our own refusal is none of an upstream's answers */
        {"m", 0, 0, CLP_BAD_REQUEST, NULL, "m", "next_channel none"},
    };
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clp_channel *c = clp_channel_make("test", pool);
        clp_problem *p = problem(cases[i].cls, cases[i].status, cases[i].code, -1, pool);
        clp_judgement j;
        p->message = cases[i].message;
        if (cases[i].rule) {
            clp_verdict_rule *rule = apr_array_push(cases[i].retry ? c->retry : c->never_retry);
            IS_STR(clp_verdict_rule_read(rule, cases[i].rule, pool), NULL, cases[i].rule);
        }
        j = clp_judge_problem(p, c);
        IS_STR(apr_pstrcat(pool, clp_verdict_name(j.verdict), " ", name_of_fault(j.fault), NULL),
               cases[i].becomes,
               apr_psprintf(pool, "%d %s under '%s'", p->status, p->message,
                            cases[i].rule ? cases[i].rule : "-"));
    }
}

static void test_rule_order(apr_pool_t *pool)
{
    clp_channel *c = clp_channel_make("test", pool);
    clp_problem *p = problem(CLP_BAD_REQUEST, 400, NULL, -1, pool);
    clp_verdict_rule_read(apr_array_push(c->retry), "400", pool);
    clp_verdict_rule_read(apr_array_push(c->never_retry), "400/even_error", pool);
    clp_verdict_rule_read(apr_array_push(c->never_retry), "400/odd_error", pool);
    p->type = "odd_error";
    IS_INT(clp_judge_problem(p, c).verdict, CLP_VERDICT_GIVE, "what is never retried goes first");
    p->type = NULL;
    IS_INT(clp_judge_problem(p, c).verdict, CLP_VERDICT_NEXT_CHANNEL, "the rest is");
}

static void test_bad_rules(apr_pool_t *pool)
{
    static const char *const bad[] = {"",     "4",    "40",      "600",   "099",  "4xy",
                                      "400x", "400-", "500-400", "400-4", "400/", "/",
                                      ":",    "400:", "400:**",  "/:x",   "4000", "400 x"};
    static const char *const good[] = {"4xx-5xx", "400/x:y", "x/y", "*x*"};
    clp_verdict_rule rule;
    for (apr_size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *wrong = clp_verdict_rule_read(&rule, bad[i], pool);
        OK(wrong && strstr(wrong, bad[i]), "no rule: '%s': %s", bad[i], wrong);
    }
    for (apr_size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        IS_STR(clp_verdict_rule_read(&rule, good[i], pool), NULL, good[i]);
    }
}

static void test_endpoints(apr_pool_t *pool)
{
    for (int cls = 0; cls < CLP_PROBLEM_CLASSES; cls++) {
        const clp_problem *p = problem((clp_problem_class)cls, 400, NULL, -1, pool);
        int missing = cls == CLP_NOT_FOUND || cls == CLP_BAD_METHOD || cls == CLP_NOT_IMPLEMENTED;
        IS_INT(clp_verdict_no_endpoint(p), missing, p->message);
    }
}

static void test_transfers(void)
{
    for (int how = CLP_TRANSFER_DONE; how < CLP_TRANSFER_FAILED; how++) {
        clp_judgement j = clp_judge_transfer((clp_transfer_end)how);
        OK(j.verdict == CLP_VERDICT_NEXT_URL && j.fault == CLP_FAULT_PROVIDER, "next URL after: %s",
           j.why);
    }
    IS_INT(clp_judge_transfer(CLP_TRANSFER_FAILED).verdict, CLP_VERDICT_NEXT_CHANNEL,
           "next channel when a request cannot be started");
}

static void test_better(apr_pool_t *pool)
{
    /* In falling order of use to the client; each beats all below it. */
    const clp_problem *order[] = {
        problem(CLP_BAD_REQUEST, 400, NULL, -1, pool),
        problem(CLP_RATE_LIMITED, 429, NULL, 1000, pool),
        problem(CLP_OVERLOADED, 529, NULL, 2000, pool),
        problem(CLP_RATE_LIMITED, 429, NULL, -1, pool),
        problem(CLP_TIMED_OUT, 0, NULL, -1, pool),
        problem(CLP_BAD_GATEWAY, 502, NULL, -1, pool),
        problem(CLP_BAD_REQUEST, 0, NULL, -1, pool),
        problem(CLP_NOT_FOUND, 404, NULL, -1, pool),
        problem(CLP_BILLING, 402, NULL, -1, pool),
        problem(CLP_UNAUTHENTICATED, 401, NULL, -1, pool),
        problem(CLP_BAD_METHOD, 405, NULL, -1, pool),
    };
    int n = (int)(sizeof(order) / sizeof(order[0]));
    for (int i = 0; i < n; i++) {
        for (int k = i + 1; k < n; k++) {
            OK(clp_verdict_better(order[i], order[k]) == order[i] &&
                   clp_verdict_better(order[k], order[i]) == order[i],
               "%s %d beats %s %d", order[i]->message, order[i]->status, order[k]->message,
               order[k]->status);
        }
    }
    const clp_problem *first = problem(CLP_INTERNAL, 500, NULL, -1, pool);
    const clp_problem *later = problem(CLP_BAD_GATEWAY, 502, NULL, -1, pool);
    const clp_problem *soon = problem(CLP_OVERLOADED, 503, NULL, 500, pool);
    OK(clp_verdict_better(first, later) == later, "among equals the later");
    OK(clp_verdict_better(soon, order[1]) == soon && clp_verdict_better(order[1], soon) == soon,
       "the sooner time to come back");
    OK(clp_verdict_better(NULL, first) == first && clp_verdict_better(first, NULL) == first,
       "one is better than none");
    OK(!clp_verdict_better(NULL, NULL), "none of none");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_table(pool);
    test_rules(pool);
    test_rule_order(pool);
    test_bad_rules(pool);
    test_endpoints(pool);
    test_transfers();
    test_better(pool);
    return tap_end();
}
