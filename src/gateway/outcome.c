/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/outcome.h"

#include <apr_strings.h>

const char *clp_result_name(clp_result r)
{
    switch (r) {
    case CLP_RESULT_RUNNING: return "running";
    case CLP_RESULT_OK: return "ok";
    case CLP_RESULT_CLIENT_ERROR: return "client_error";
    case CLP_RESULT_FAILED: return "failed";
    case CLP_RESULT_TRUNCATED: return "truncated";
    case CLP_RESULT_CLIENT_GONE: return "client_gone";
    }
    return "unknown";
}

const char *clp_result_word(const clp_outcome *o, int estimated, int status)
{
    if (estimated) {
        return "estimated";
    }
    if (o) {
        return clp_result_name(o->result);
    }
    return clp_result_name(!status        ? CLP_RESULT_CLIENT_GONE
                           : status < 400 ? CLP_RESULT_OK
                           : status < 500 ? CLP_RESULT_CLIENT_ERROR
                                          : CLP_RESULT_FAILED);
}

const char *clp_attempt_result_name(clp_attempt_result r)
{
    switch (r) {
    case CLP_ATTEMPT_RUNNING: return "running";
    case CLP_ATTEMPT_SERVED: return "served";
    case CLP_ATTEMPT_FAILED: return "failed";
    case CLP_ATTEMPT_TRUNCATED: return "truncated";
    case CLP_ATTEMPT_LOST: return "lost";
    case CLP_ATTEMPT_ABORTED: return "aborted";
    }
    return "unknown";
}

const char *clp_stop_name(clp_stop stop)
{
    switch (stop) {
    case CLP_STOP_END: return "end";
    case CLP_STOP_SEQUENCE: return "sequence";
    case CLP_STOP_LENGTH: return "length";
    case CLP_STOP_WINDOW: return "window";
    case CLP_STOP_TOOL: return "tool";
    case CLP_STOP_FILTER: return "filter";
    case CLP_STOP_PAUSE: return "pause";
    }
    return "unknown";
}

const char *clp_failure_name(const clp_problem *problem, clp_booked booked)
{
    if (problem) {
        return clp_problem_class_name(problem->cls);
    }
    return booked == CLP_BOOKED_SUCCESS ? "" : clp_booked_name(booked);
}

static const char *result_of(const clp_attempt_record *a, apr_pool_t *pool)
{
    if (a->result != CLP_ATTEMPT_FAILED) {
        return clp_attempt_result_name(a->result);
    }
    if (a->status >= 300) {
        return apr_itoa(pool, a->status);
    }
    return a->problem ? clp_problem_class_name(a->problem->cls) : "failed";
}

#define TRIED_MAX 16

const char *clp_outcome_tried(const clp_outcome *o, apr_pool_t *pool)
{
    int n = o->attempts->nelts;
    apr_array_header_t *parts;

    if (!n) {
        return NULL;
    }
    parts = apr_array_make(pool, n, sizeof(const char *));
    for (int i = 0; i < n && i < TRIED_MAX; i++) {
        const clp_attempt_record *a = &APR_ARRAY_IDX(o->attempts, i, clp_attempt_record);
        APR_ARRAY_PUSH(parts, const char *) =
            apr_pstrcat(pool, a->candidate.channel->name, ":", result_of(a, pool), NULL);
    }
    if (n > TRIED_MAX) {
        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(pool, "+%d", n - TRIED_MAX);
    }
    return apr_array_pstrcat(pool, parts, ',');
}

const clp_attempt_record *clp_outcome_last(const clp_outcome *o)
{
    int n = o->winner >= 0 ? o->winner : o->attempts->nelts - 1;
    return n >= 0 ? &APR_ARRAY_IDX(o->attempts, n, clp_attempt_record) : NULL;
}
