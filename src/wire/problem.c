/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/problem.h"

#include <stdarg.h>

#include <apr_strings.h>

static clp_problem *problem_of(apr_pool_t *pool, clp_problem_class cls, const char *message)
{
    clp_problem *p = apr_pcalloc(pool, sizeof(*p));
    p->cls = cls;
    p->message = message;
    p->retry_after_ms = -1;
    return p;
}

clp_problem *clp_problem_make(apr_pool_t *pool, clp_problem_class cls, const char *fmt, ...)
{
    va_list ap;
    const char *message;

    va_start(ap, fmt);
    message = apr_pvsprintf(pool, fmt, ap);
    va_end(ap);
    return problem_of(pool, cls, message);
}

clp_problem *clp_problem_at(apr_pool_t *pool, clp_problem_class cls, const char *path,
                            const char *fmt, ...)
{
    va_list ap;
    const char *message;
    clp_problem *p;

    va_start(ap, fmt);
    message = apr_pvsprintf(pool, fmt, ap);
    va_end(ap);
    if (!path || !*path) {
        return problem_of(pool, cls, message);
    }
    p = problem_of(pool, cls, apr_pstrcat(pool, path, ": ", message, NULL));
    p->param = apr_pstrdup(pool, path);
    return p;
}

clp_problem *clp_problem_because(clp_problem *p, apr_pool_t *pool, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    p->cause = apr_pvsprintf(pool, fmt, ap);
    va_end(ap);
    return p;
}

clp_problem *clp_problem_copy(const clp_problem *p, apr_pool_t *pool)
{
    clp_problem *copy = apr_pmemdup(pool, p, sizeof(*p));

    copy->message = apr_pstrdup(pool, p->message);
    copy->param = apr_pstrdup(pool, p->param);
    copy->code = apr_pstrdup(pool, p->code);
    copy->type = apr_pstrdup(pool, p->type);
    if (p->details.p) {
        copy->details.p = apr_pstrmemdup(pool, p->details.p, p->details.n);
    }
    copy->request_id = apr_pstrdup(pool, p->request_id);
    copy->cause = apr_pstrdup(pool, p->cause);
    return copy;
}

/* One row per class, so that a new class cannot be forgotten here. */
static const struct {
    const char *name;
    int clients;
} classes[] = {
    [CLP_BAD_REQUEST] = {"bad_request", 1},
    [CLP_CONTEXT_TOO_LONG] = {"context_too_long", 1},
    [CLP_UNAUTHENTICATED] = {"unauthenticated", 0},
    [CLP_BILLING] = {"billing", 0},
    [CLP_FORBIDDEN] = {"forbidden", 0},
    /* another channel may have the model or the object */
    [CLP_NOT_FOUND] = {"not_found", 0},
    [CLP_BAD_METHOD] = {"bad_method", 1},
    /* about the state of one upstream, and gone in a moment: SDKs retry it too */
    [CLP_CONFLICT] = {"conflict", 0},
    [CLP_TOO_LARGE] = {"too_large", 1},
    [CLP_UNSUPPORTED_CODING] = {"unsupported_coding", 1},
    [CLP_UNPROCESSABLE] = {"unprocessable", 1},
    [CLP_RATE_LIMITED] = {"rate_limited", 0},
    [CLP_INTERNAL] = {"internal", 0},
    /* another channel's protocol may be able to say it */
    [CLP_NOT_IMPLEMENTED] = {"not_implemented", 0},
    [CLP_BAD_GATEWAY] = {"bad_gateway", 0},
    [CLP_OVERLOADED] = {"overloaded", 0},
    [CLP_TIMED_OUT] = {"timed_out", 0},
};

_Static_assert(sizeof(classes) / sizeof(classes[0]) == CLP_PROBLEM_CLASSES, "a row per class");

const char *clp_problem_class_name(clp_problem_class cls)
{
    return (unsigned)cls < CLP_PROBLEM_CLASSES ? classes[cls].name : "unknown";
}

int clp_problem_is_clients(const clp_problem *p)
{
    return (unsigned)p->cls < CLP_PROBLEM_CLASSES && classes[p->cls].clients;
}
