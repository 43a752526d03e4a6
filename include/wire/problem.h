/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_PROBLEM_H
#define CLP_WIRE_PROBLEM_H

#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file problem.h
 * @brief The one error value: what went wrong, told once, shown in the shape
 * of whatever protocol the client speaks.
 *
 * A problem belongs to the pool it was made in and is never changed by those
 * who only report it. `message` is for the user: it says what to do, and holds
 * no key, no prompt and no address of an upstream. `cause` is for the
 * operator's log and never reaches a client.
 */
typedef enum clp_problem_class {
    CLP_BAD_REQUEST,        /**< 400 */
    CLP_CONTEXT_TOO_LONG,   /**< 400, the prompt does not fit the model */
    CLP_UNAUTHENTICATED,    /**< 401 */
    CLP_BILLING,            /**< 402: no credit, quota used up */
    CLP_FORBIDDEN,          /**< 403 */
    CLP_NOT_FOUND,          /**< 404: model or object */
    CLP_BAD_METHOD,         /**< 405 */
    CLP_CONFLICT,           /**< 409 */
    CLP_TOO_LARGE,          /**< 413 */
    CLP_UNSUPPORTED_CODING, /**< 415 */
    CLP_UNPROCESSABLE,      /**< 422 */
    CLP_RATE_LIMITED,       /**< 429 */
    CLP_INTERNAL,           /**< 500: ours or the upstream's */
    CLP_NOT_IMPLEMENTED,    /**< 501 */
    CLP_BAD_GATEWAY,        /**< 502: unreachable, unreadable or cut off */
    CLP_OVERLOADED,         /**< 503 or 529 */
    CLP_TIMED_OUT,          /**< 504 */
    CLP_PROBLEM_CLASSES     /**< how many there are */
} clp_problem_class;

typedef struct clp_problem {
    clp_problem_class cls;
    int status;                 /**< HTTP status the upstream gave, 0 if the problem is ours */
    const char *message;        /**< for the user; UTF-8, never NULL */
    const char *param;          /**< JSON path of the offending value, or NULL */
    const char *code;           /**< machine-readable code of OpenAI's shape, or NULL */
    const char *type;           /**< error type as the upstream spelled it, never shown, or NULL */
    clp_span details;           /**< raw JSON for `details` of Anthropic's shape, or absent */
    apr_int64_t retry_after_ms; /**< when to come back, or -1 */
    const char *request_id;     /**< the upstream's id for the request, or NULL */
    const char *cause;          /**< for the log, or NULL */
} clp_problem;

/** A problem with a formatted message; everything else unset. */
clp_problem *clp_problem_make(apr_pool_t *pool, clp_problem_class cls, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** As clp_problem_make(), for a value at a JSON path; the message gets the path in front. */
clp_problem *clp_problem_at(apr_pool_t *pool, clp_problem_class cls, const char *path,
                            const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** Set what the log shall say beside the message. Returns the problem. */
clp_problem *clp_problem_because(clp_problem *p, apr_pool_t *pool, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** A deep copy that lives in `pool`. */
clp_problem *clp_problem_copy(const clp_problem *p, apr_pool_t *pool);

/** Short stable name of a class for logs and notes, e.g. "rate_limited". */
const char *clp_problem_class_name(clp_problem_class cls);

/** Does the fault lie in the request itself, so that no other upstream would do better? */
int clp_problem_is_clients(const clp_problem *p);

#endif
