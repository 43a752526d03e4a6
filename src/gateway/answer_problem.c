/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "answer_problem.h"

#include "upstream/headers.h"

static clp_problem *redirect(const clp_upstream_head *up, apr_pool_t *pool)
{
    clp_problem *problem = clp_problem_make(
        pool, CLP_BAD_GATEWAY, "The upstream answered with a redirect, which is not followed.");

    problem->status = up->status;
    return clp_problem_because(problem, pool, "check the channel's URL");
}

clp_problem *clp_answer_problem_told(const clp_dialect *upstream, const clp_upstream_head *up,
                                     clp_span body, apr_pool_t *pool)
{
    clp_problem *problem = clp_upstream_head_redirects(up)
                               ? redirect(up, pool)
                               : upstream->read_problem(up->status, body, pool);
    apr_int64_t told = clp_headers_retry_after(up->headers, up->status, apr_time_now());

    if (told >= 0) {
        problem->retry_after_ms = told; /* a field is for machines: it goes before words */
    }
    if (!problem->request_id) {
        problem->request_id = up->request_id;
    }
    return problem;
}

clp_problem *clp_answer_problem_transfer(clp_transfer_end how, apr_pool_t *pool)
{
    int late = how == CLP_TRANSFER_LATE_CONNECT || how == CLP_TRANSFER_LATE_FIRST_BYTE ||
               how == CLP_TRANSFER_LATE_IDLE || how == CLP_TRANSFER_LATE_TOTAL;
    return clp_problem_make(pool, late ? CLP_TIMED_OUT : CLP_BAD_GATEWAY,
                            late ? "The upstream did not answer in time (%s)."
                                 : "The upstream could not be reached or broke off (%s).",
                            clp_transfer_end_text(how));
}

clp_problem *clp_answer_problem_empty(apr_pool_t *pool)
{
    return clp_problem_make(pool, CLP_BAD_GATEWAY, "The upstream gave an empty answer.");
}

clp_problem *clp_answer_problem_garbage(const char *text, apr_pool_t *pool)
{
    return clp_problem_make(pool, CLP_BAD_GATEWAY, "%s", text);
}
