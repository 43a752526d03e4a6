/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <apr_strings.h>

#include "sched/verdict.h"

static clp_problem *problem(clp_problem_class cls, int status, const char *code,
                            apr_int64_t retry_after_ms, apr_pool_t *pool)
{
    clp_problem *p = clp_problem_make(pool, cls, "%s", clp_problem_class_name(cls));
    p->status = status;
    p->code = code;
    p->retry_after_ms = retry_after_ms;
    return p;
}

static void test_problems(apr_pool_t *pool)
{
    static const struct {
        clp_problem_class cls;
        int status;
        const char *code;
        clp_verdict verdict;
    } rows[] = {
        {CLP_BAD_REQUEST, 400, NULL, CLP_VERDICT_GIVE},
        {CLP_CONTEXT_TOO_LONG, 400, "context_length_exceeded", CLP_VERDICT_GIVE},
        {CLP_CONTEXT_TOO_LONG, 200, NULL, CLP_VERDICT_GIVE},
        {CLP_TOO_LARGE, 413, NULL, CLP_VERDICT_GIVE},
        {CLP_UNSUPPORTED_CODING, 415, NULL, CLP_VERDICT_GIVE},
        {CLP_UNPROCESSABLE, 422, NULL, CLP_VERDICT_GIVE},
        {CLP_CONFLICT, 409, NULL, CLP_VERDICT_GIVE},
        /* ours: this channel's protocol cannot carry it */
        {CLP_BAD_REQUEST, 0, NULL, CLP_VERDICT_NEXT_CHANNEL},
        {CLP_UNPROCESSABLE, 0, NULL, CLP_VERDICT_NEXT_CHANNEL},
        {CLP_UNAUTHENTICATED, 401, NULL, CLP_VERDICT_NEXT_KEY},
        {CLP_UNAUTHENTICATED, 401, "invalid_request_error", CLP_VERDICT_NEXT_KEY},
        {CLP_BILLING, 402, NULL, CLP_VERDICT_NEXT_KEY},
        {CLP_BILLING, 429, "insufficient_quota", CLP_VERDICT_NEXT_KEY},
        {CLP_FORBIDDEN, 403, NULL, CLP_VERDICT_NEXT_KEY},
        {CLP_RATE_LIMITED, 429, NULL, CLP_VERDICT_NEXT_KEY},
        {CLP_RATE_LIMITED, 200, NULL, CLP_VERDICT_NEXT_KEY},
        {CLP_NOT_FOUND, 404, "model_not_found", CLP_VERDICT_NEXT_CHANNEL},
        {CLP_NOT_IMPLEMENTED, 501, NULL, CLP_VERDICT_NEXT_CHANNEL},
        {CLP_BAD_METHOD, 405, NULL, CLP_VERDICT_NEXT_URL},
        {CLP_INTERNAL, 500, NULL, CLP_VERDICT_NEXT_URL},
        {CLP_BAD_GATEWAY, 502, NULL, CLP_VERDICT_NEXT_URL},
        {CLP_BAD_GATEWAY, 0, NULL, CLP_VERDICT_NEXT_URL},
        {CLP_OVERLOADED, 529, NULL, CLP_VERDICT_NEXT_URL},
        {CLP_OVERLOADED, 200, NULL, CLP_VERDICT_NEXT_URL},
        {CLP_TIMED_OUT, 504, NULL, CLP_VERDICT_NEXT_URL},
        /* refused for its content, whatever the status */
        {CLP_FORBIDDEN, 403, "content_filter", CLP_VERDICT_GIVE},
        {CLP_INTERNAL, 500, "sensitive_words_detected", CLP_VERDICT_GIVE},
        {CLP_RATE_LIMITED, 429, "Content_Policy_Violation", CLP_VERDICT_GIVE},
        {CLP_BAD_GATEWAY, 502, "moderation_blocked", CLP_VERDICT_GIVE},
        {CLP_BAD_REQUEST, 400, "ResponsibleAIPolicyViolation", CLP_VERDICT_GIVE},
        /* a relay's own status around a bad request */
        {CLP_INTERNAL, 500, "invalid_request_error", CLP_VERDICT_GIVE},
        {CLP_OVERLOADED, 503, "bad_request", CLP_VERDICT_GIVE},
        {CLP_INTERNAL, 500, "internal_error", CLP_VERDICT_NEXT_URL},
    };
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const clp_problem *p = problem(rows[i].cls, rows[i].status, rows[i].code, -1, pool);
        clp_verdict v = clp_verdict_of_problem(p);
        OK(v == rows[i].verdict, "%s %d %s: %s (got %s)", p->message, p->status,
           p->code ? p->code : "-", clp_verdict_name(rows[i].verdict), clp_verdict_name(v));
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
    for (int how = CLP_TRANSFER_NO_HOST; how < CLP_TRANSFER_FAILED; how++) {
        OK(clp_verdict_of_transfer((clp_transfer_end)how) == CLP_VERDICT_NEXT_URL,
           "next URL after: %s", clp_transfer_end_text((clp_transfer_end)how));
    }
    IS_INT(clp_verdict_of_transfer(CLP_TRANSFER_FAILED), CLP_VERDICT_NEXT_CHANNEL,
           "next channel when a request cannot be started");
    OK(strcmp(clp_transfer_end_text(CLP_TRANSFER_CUT), clp_transfer_end_text(CLP_TRANSFER_FAILED)),
       "ends have texts of their own");
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
    test_problems(pool);
    test_endpoints(pool);
    test_transfers();
    test_better(pool);
    return tap_end();
}
