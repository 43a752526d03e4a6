/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini.h"

#include <stdio.h>

#include "problems.h"
#include "wire/json_write.h"

/* How each class looks to clients of Google's. */
static const struct {
    int status;
    const char *word;
} rows[] = {
    [CLP_BAD_REQUEST] = {400, "INVALID_ARGUMENT"},
    [CLP_CONTEXT_TOO_LONG] = {400, "INVALID_ARGUMENT"},
    [CLP_UNAUTHENTICATED] = {401, "UNAUTHENTICATED"},
    [CLP_BILLING] = {429, "RESOURCE_EXHAUSTED"},
    [CLP_FORBIDDEN] = {403, "PERMISSION_DENIED"},
    [CLP_NOT_FOUND] = {404, "NOT_FOUND"},
    [CLP_BAD_METHOD] = {405, "INVALID_ARGUMENT"},
    [CLP_CONFLICT] = {409, "ABORTED"},
    [CLP_TOO_LARGE] = {413, "INVALID_ARGUMENT"},
    [CLP_UNSUPPORTED_CODING] = {415, "INVALID_ARGUMENT"},
    [CLP_UNPROCESSABLE] = {400, "INVALID_ARGUMENT"},
    [CLP_RATE_LIMITED] = {429, "RESOURCE_EXHAUSTED"},
    [CLP_INTERNAL] = {500, "INTERNAL"},
    [CLP_NOT_IMPLEMENTED] = {501, "UNIMPLEMENTED"},
    [CLP_BAD_GATEWAY] = {502, "INTERNAL"},
    [CLP_OVERLOADED] = {503, "UNAVAILABLE"},
    [CLP_TIMED_OUT] = {504, "DEADLINE_EXCEEDED"},
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == CLP_PROBLEM_CLASSES, "a row for each class");

/* "34.07s": seconds with as many digits as it takes. */
static void write_delay(clp_jw *w, apr_int64_t ms)
{
    char text[40];
    int n = snprintf(text, sizeof(text), "%" APR_INT64_T_FMT ".%03d", ms / 1000, (int)(ms % 1000));

    while (text[n - 1] == '0') {
        n--;
    }
    if (text[n - 1] == '.') {
        n--;
    }
    text[n] = 's';
    text[n + 1] = '\0';
    clp_jw_kstr(w, "retryDelay", text);
}

static void write_details(clp_jw *w, const clp_problem *p)
{
    int quota = p->cls == CLP_BILLING;

    if (!quota && p->retry_after_ms < 0) {
        return;
    }
    clp_jw_key(w, "details");
    clp_jw_array(w);
    if (quota) {
        clp_jw_object(w);
        clp_jw_kstr(w, "@type", "type.googleapis.com/google.rpc.QuotaFailure");
        clp_jw_key(w, "violations");
        clp_jw_array(w);
        clp_jw_object(w);
        clp_jw_kstr(w, "description", p->message);
        clp_jw_end_object(w);
        clp_jw_end_array(w);
        clp_jw_end_object(w);
    }
    if (p->retry_after_ms >= 0) {
        clp_jw_object(w);
        clp_jw_kstr(w, "@type", "type.googleapis.com/google.rpc.RetryInfo");
        write_delay(w, p->retry_after_ms);
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
}

void clp_gemini_write_problem(const clp_problem *p, clp_buffer *out)
{
    clp_jw w;

    clp_jw_init(&w, out);
    w.ascii_lines = 1;
    clp_jw_object(&w);
    clp_jw_key(&w, "error");
    clp_jw_object(&w);
    clp_jw_kint(&w, "code", rows[p->cls].status);
    clp_jw_kstr(&w, "message", p->message);
    clp_jw_kstr(&w, "status", rows[p->cls].word);
    write_details(&w, p);
    clp_jw_end_object(&w);
    clp_jw_end_object(&w);
}

int clp_gemini_problem_status(const clp_problem *p)
{
    return rows[p->cls].status;
}

clp_problem *clp_gemini_read_problem(int status, clp_span body, apr_pool_t *pool)
{
    return clp_problems_read(status, body, pool);
}
