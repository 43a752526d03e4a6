/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "problems_class.h"

#include <apr_lib.h>

#include "wire/text.h"

static clp_problem_class class_of_status(int status)
{
    switch (status) {
    case 401:
    case 407: return CLP_UNAUTHENTICATED;
    case 402: return CLP_BILLING;
    case 403:
    case 451: return CLP_FORBIDDEN;
    case 404:
    case 410: return CLP_NOT_FOUND;
    case 405: return CLP_BAD_METHOD;
    case 409: return CLP_CONFLICT;
    case 413: return CLP_TOO_LARGE;
    case 415: return CLP_UNSUPPORTED_CODING;
    case 422: return CLP_UNPROCESSABLE;
    case 429: return CLP_RATE_LIMITED;
    case 501: return CLP_NOT_IMPLEMENTED;
    case 503:
    case 529: return CLP_OVERLOADED;
    case 408:
    case 499:
    case 504:
    case 522:
    case 524: return CLP_TIMED_OUT;
    case 502: return CLP_BAD_GATEWAY;
    default: break;
    }
    if (status >= 520 && status <= 530) {
        return CLP_BAD_GATEWAY; /* a CDN that cannot reach the upstream */
    }
    if (status >= 500) {
        return CLP_INTERNAL;
    }
    return status >= 400   ? CLP_BAD_REQUEST
           : status >= 300 ? CLP_BAD_GATEWAY
                           : CLP_PROBLEMS_NO_CLASS;
}

/* `type`, `code` and `status` words of Anthropic, OpenAI, Google and their relays. */
clp_problem_class clp_problems_class_of_word(clp_jval v)
{
    static const struct {
        const char *word;
        clp_problem_class cls;
    } words[] = {
        {"context_length_exceeded", CLP_CONTEXT_TOO_LONG},
        {"model_context_window_exceeded", CLP_CONTEXT_TOO_LONG},
        {"insufficient_quota", CLP_BILLING},
        {"insufficient_user_quota", CLP_BILLING},
        {"pre_consume_token_quota_failed", CLP_BILLING},
        {"insufficient_balance", CLP_BILLING},
        {"billing_error", CLP_BILLING},
        {"billing_hard_limit_reached", CLP_BILLING},
        {"billing_not_active", CLP_BILLING},
        {"usage_not_included", CLP_BILLING},
        {"invalid_api_key", CLP_UNAUTHENTICATED},
        {"authentication_error", CLP_UNAUTHENTICATED},
        {"UNAUTHENTICATED", CLP_UNAUTHENTICATED},
        {"permission_error", CLP_FORBIDDEN},
        {"PERMISSION_DENIED", CLP_FORBIDDEN},
        {"model_not_found", CLP_NOT_FOUND},
        {"not_found_error", CLP_NOT_FOUND},
        {"NOT_FOUND", CLP_NOT_FOUND},
        {"conflict_error", CLP_CONFLICT},
        {"ABORTED", CLP_CONFLICT},
        {"request_too_large", CLP_TOO_LARGE},
        {"rate_limit_error", CLP_RATE_LIMITED},
        {"rate_limit_exceeded", CLP_RATE_LIMITED},
        {"requests", CLP_RATE_LIMITED},
        {"tokens", CLP_RATE_LIMITED},
        {"RESOURCE_EXHAUSTED", CLP_RATE_LIMITED},
        {"overloaded_error", CLP_OVERLOADED},
        {"server_is_overloaded", CLP_OVERLOADED},
        {"slow_down", CLP_OVERLOADED},
        {"engine_overloaded_error", CLP_OVERLOADED},
        {"service_unavailable", CLP_OVERLOADED},
        {"service_unavailable_error", CLP_OVERLOADED},
        {"UNAVAILABLE", CLP_OVERLOADED},
        {"timeout_error", CLP_TIMED_OUT},
        {"timeout", CLP_TIMED_OUT},
        {"DEADLINE_EXCEEDED", CLP_TIMED_OUT},
        {"api_error", CLP_INTERNAL},
        {"server_error", CLP_INTERNAL},
        {"internal_server_error", CLP_INTERNAL},
        {"INTERNAL", CLP_INTERNAL},
        {"invalid_request_error", CLP_BAD_REQUEST},
        {"BadRequestError", CLP_BAD_REQUEST},
        {"INVALID_ARGUMENT", CLP_BAD_REQUEST},
        {"FAILED_PRECONDITION", CLP_BAD_REQUEST},
    };
    apr_int64_t number;
    if (clp_jval_int(v, &number)) {
        return number >= 400 && number < 600 ? class_of_status((int)number) : CLP_PROBLEMS_NO_CLASS;
    }
    if (clp_jval_is_string(v)) {
        for (apr_size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (clp_jval_str_is(v, words[i].word)) {
                return words[i].cls;
            }
        }
        const char *s = clp_jval_text(v).s.p;
        if (clp_jval_text(v).s.n == 3 && s[0] >= '4' && s[0] <= '5' && apr_isdigit(s[1]) &&
            apr_isdigit(s[2])) {
            return class_of_status((s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0'));
        }
    }
    return CLP_PROBLEMS_NO_CLASS;
}

static int holds(const char *text, const char *words)
{
    apr_size_t n = strlen(words);
    for (; *text; text++) {
        if (strncasecmp(text, words, n) == 0) {
            return 1;
        }
    }
    return 0;
}

static int holds_any(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (holds(text, *words)) {
            return 1;
        }
    }
    return 0;
}

static clp_problem_class class_of_text(const char *message)
{
    static const char *const context[] = {"maximum context length",
                                          "prompt is too long",
                                          "input token count",
                                          "context window",
                                          "context length",
                                          "context_length_exceeded",
                                          "exceed context limit",
                                          "reduce the length of the messages",
                                          NULL};
    static const char *const billing[] = {"credit balance is too low",
                                          "insufficient_quota",
                                          "exceeded your current quota",
                                          "insufficient balance",
                                          "insufficient quota",
                                          "余额不足", /* "not enough balance" */
                                          "额度不足", /* "not enough quota" */
                                          NULL};
    static const char *const key[] = {"api key not valid", "incorrect api key", "invalid api key",
                                      "invalid x-api-key", NULL};
    static const char *const overloaded[] = {"overloaded", "at capacity", NULL};
    static const char *const rate[] = {"rate limit", "too many requests", NULL};
    if (holds_any(message, context)) {
        return CLP_CONTEXT_TOO_LONG;
    }
    if (holds_any(message, billing)) {
        return CLP_BILLING;
    }
    if (holds_any(message, key)) {
        return CLP_UNAUTHENTICATED;
    }
    if (holds_any(message, overloaded)) {
        return CLP_OVERLOADED;
    }
    return holds_any(message, rate) ? CLP_RATE_LIMITED : CLP_PROBLEMS_NO_CLASS;
}

/* May a word or text of class `hint` change what the status said? The status
 * goes first; these are the cases where providers are known to blur it. */
static int refines(clp_problem_class by_status, clp_problem_class hint)
{
    switch (by_status) {
    case CLP_BAD_REQUEST:
        return hint == CLP_CONTEXT_TOO_LONG || hint == CLP_BILLING || hint == CLP_UNAUTHENTICATED ||
               hint == CLP_NOT_FOUND;
    case CLP_TOO_LARGE:
    case CLP_UNPROCESSABLE: return hint == CLP_CONTEXT_TOO_LONG;
    case CLP_FORBIDDEN:
    case CLP_RATE_LIMITED: return hint == CLP_BILLING;
    case CLP_INTERNAL:
        return hint == CLP_OVERLOADED || hint == CLP_CONTEXT_TOO_LONG || hint == CLP_BILLING;
    default: return 0;
    }
}

clp_problem_class clp_problems_classify(int status, const clp_jval words[3], const char *message,
                                        int comes_back)
{
    clp_problem_class hints[] = {clp_problems_class_of_word(words[0]),
                                 clp_problems_class_of_word(words[1]),
                                 clp_problems_class_of_word(words[2]), class_of_text(message)};
    clp_problem_class cls = class_of_status(status);
    if (cls == CLP_RATE_LIMITED && comes_back) {
        return cls; /* Google says "exceeded your current quota" of a minute's quota too */
    }
    if (cls == CLP_PROBLEMS_NO_CLASS) {
        /* inside a 200: the first hint that says something; words before texts,
         * but a bad request is what everything unnamed is called */
        for (int i = 0; i < 4; i++) {
            if (hints[i] != CLP_PROBLEMS_NO_CLASS &&
                (cls == CLP_PROBLEMS_NO_CLASS || refines(cls, hints[i]))) {
                cls = hints[i];
            }
        }
        return cls == CLP_PROBLEMS_NO_CLASS ? CLP_INTERNAL : cls;
    }
    for (int i = 0; i < 4; i++) {
        if (hints[i] != CLP_PROBLEMS_NO_CLASS && refines(cls, hints[i])) {
            return hints[i];
        }
    }
    return cls;
}
