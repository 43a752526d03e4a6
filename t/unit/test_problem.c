/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <apr_strings.h>

#include "tap.h"
#include "wire/log.h"
#include "wire/problem.h"

static const struct {
    clp_problem_class cls;
    const char *name;
    int clients;
} classes[] = {
    {CLP_BAD_REQUEST, "bad_request", 1},
    {CLP_CONTEXT_TOO_LONG, "context_too_long", 1},
    {CLP_UNAUTHENTICATED, "unauthenticated", 0},
    {CLP_BILLING, "billing", 0},
    {CLP_FORBIDDEN, "forbidden", 0},
    {CLP_NOT_FOUND, "not_found", 0},
    {CLP_BAD_METHOD, "bad_method", 1},
    {CLP_CONFLICT, "conflict", 0},
    {CLP_TOO_LARGE, "too_large", 1},
    {CLP_UNSUPPORTED_CODING, "unsupported_coding", 1},
    {CLP_UNPROCESSABLE, "unprocessable", 1},
    {CLP_RATE_LIMITED, "rate_limited", 0},
    {CLP_INTERNAL, "internal", 0},
    {CLP_NOT_IMPLEMENTED, "not_implemented", 0},
    {CLP_BAD_GATEWAY, "bad_gateway", 0},
    {CLP_OVERLOADED, "overloaded", 0},
    {CLP_TIMED_OUT, "timed_out", 0},
};

static void test_classes(apr_pool_t *pool)
{
    IS_INT(sizeof(classes) / sizeof(classes[0]), CLP_PROBLEM_CLASSES, "all classes are tested");
    for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        clp_problem *p = clp_problem_make(pool, classes[i].cls, "x");
        IS_STR(clp_problem_class_name(p->cls), classes[i].name, "name");
        IS_INT(clp_problem_is_clients(p), classes[i].clients, "whose fault");
    }
    IS_STR(clp_problem_class_name(CLP_PROBLEM_CLASSES), "unknown", "no class");
}

static void test_make(apr_pool_t *pool)
{
    clp_problem *p = clp_problem_make(pool, CLP_RATE_LIMITED, "wait %d s", 5);

    IS_STR(p->message, "wait 5 s", "message");
    IS_INT(p->cls, CLP_RATE_LIMITED, "class");
    IS_INT(p->retry_after_ms, -1, "no time to come back");
    OK(!p->status && !p->param && !p->code && !p->details.p && !p->request_id && !p->cause,
       "the rest is unset");
    p = clp_problem_at(pool, CLP_BAD_REQUEST, "messages.0.role", "must be one of %s", "a, b");
    IS_STR(p->message, "messages.0.role: must be one of a, b", "message with the path");
    IS_STR(p->param, "messages.0.role", "the path");
    p = clp_problem_at(pool, CLP_BAD_REQUEST, "", "no object");
    IS_STR(p->message, "no object", "no path for the root");
    OK(!p->param, "nor a parameter");
    OK(clp_problem_because(p, pool, "line %d", 3) == p, "because gives the problem");
    IS_STR(p->cause, "line 3", "cause");
}

static void test_copy(apr_pool_t *parent)
{
    apr_pool_t *pool;
    clp_problem *p;
    clp_problem *copy;

    apr_pool_create(&pool, parent);
    p = clp_problem_at(pool, CLP_OVERLOADED, "a", "m");
    clp_problem_because(p, pool, "c");
    p->status = 529;
    p->code = apr_pstrdup(pool, "code");
    p->details = clp_span_str(apr_pstrdup(pool, "{}"));
    p->request_id = apr_pstrdup(pool, "req_1");
    p->retry_after_ms = 1500;
    copy = clp_problem_copy(p, parent);
    memset((char *)p->message, '?', strlen(p->message));
    memset((char *)p->details.p, '?', p->details.n);
    apr_pool_destroy(pool);
    IS_STR(copy->message, "a: m", "message");
    IS_STR(copy->param, "a", "param");
    IS_STR(copy->code, "code", "code");
    IS_STR(copy->request_id, "req_1", "request id");
    IS_STR(copy->cause, "c", "cause");
    IS_SPAN(copy->details, CLP_SPAN_LIT("{}"), "details");
    IS_INT(copy->status, 529, "status");
    IS_INT(copy->retry_after_ms, 1500, "retry after");
    copy = clp_problem_copy(clp_problem_make(parent, CLP_INTERNAL, "x"), parent);
    OK(!copy->param && !copy->details.p, "what is absent stays absent");
}

static char said[4096];
static int level_wanted;

static void say(void *subject, clp_log_level level, apr_status_t rv, const char *line)
{
    apr_snprintf(said, sizeof(said), "%s/%d/%d/%s", (char *)subject, (int)level, (int)rv, line);
}

static int wants(void *subject, clp_log_level level)
{
    (void)subject;
    return (int)level <= level_wanted;
}

static void test_log(apr_pool_t *pool)
{
    char *wide = apr_palloc(pool, 3001);

    clp_log("s", CLP_LOG_ERR, 0, 1000, "nobody listens");
    OK(!clp_log_wants("s", CLP_LOG_ERR), "nobody wants");
    clp_log_set(say, wants);
    level_wanted = CLP_LOG_INFO;
    clp_log("s", CLP_LOG_INFO, 70007, 42, "%s %d", "n", 1);
    IS_STR(said, "s/6/70007/CLP0042: n 1", "the line");
    said[0] = '\0';
    clp_log("s", CLP_LOG_DEBUG, 0, 43, "too low");
    IS_STR(said, "", "not wanted");
    clp_log_set(say, NULL);
    clp_log("s", CLP_LOG_DEBUG, 0, 43, "all");
    IS_STR(said, "s/7/0/CLP0043: all", "without a filter all is wanted");
    for (int i = 0; i < 3000; i += 3) {
        memcpy(wide + i, "\xe2\x82\xac", 3);
    }
    wide[3000] = '\0';
    clp_log("s", CLP_LOG_INFO, 0, 44, "%s", wide);
    OK(strlen(said) > 2000 && strcmp(said + strlen(said) - 3, "\xe2\x82\xac") == 0,
       "a long line ends with a whole character");
    clp_log_set(NULL, NULL);
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_classes(pool);
    test_make(pool);
    test_copy(pool);
    test_log(pool);
    return tap_end();
}
