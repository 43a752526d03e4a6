/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/verdict.h"

#include <strings.h>

/* Refused for what the prompt says: every provider of the model would do so,
 * and asking on would look like an attempt to get around it. */
static const char *const content_codes[] = {
    "content_filter",
    "content_policy_violation",
    "content_policy",
    "content_blocked",
    "moderation_blocked",
    "sensitive_words_detected",
    "invalid_prompt",
    "responsibleaipolicyviolation",
    "responsible_ai_policy_violation",
    "prompt_blocked",
    "data_inspection_failed",
    "datainspectionfailed",
    NULL,
};

/* Relays wrap a plain bad request into a status of their own. */
static const char *const request_codes[] = {"invalid_request", "invalid_request_error",
                                            "bad_request", "context_length_exceeded", NULL};

static int is_one_of(const char *code, const char *const *list)
{
    for (; code && *list; list++) {
        if (!strcasecmp(code, *list)) {
            return 1;
        }
    }
    return 0;
}

clp_verdict clp_verdict_of_problem(const clp_problem *p)
{
    if (is_one_of(p->code, content_codes)) {
        return CLP_VERDICT_GIVE;
    }
    switch (p->cls) {
    case CLP_BAD_REQUEST:
    case CLP_CONTEXT_TOO_LONG:
    case CLP_TOO_LARGE:
    case CLP_UNSUPPORTED_CODING:
    case CLP_UNPROCESSABLE:
        /* Without a status nobody upstream said so: this channel's protocol
         * cannot carry the request, another's may. */
        return p->status ? CLP_VERDICT_GIVE : CLP_VERDICT_NEXT_CHANNEL;
    case CLP_CONFLICT:
        /* About the state of what the client named (a thread that is in use):
         * it means nothing elsewhere. */
        return CLP_VERDICT_GIVE;
    case CLP_UNAUTHENTICATED:
    case CLP_BILLING:
    case CLP_FORBIDDEN:
    case CLP_RATE_LIMITED: return CLP_VERDICT_NEXT_KEY;
    case CLP_NOT_FOUND:
    case CLP_NOT_IMPLEMENTED: return CLP_VERDICT_NEXT_CHANNEL;
    case CLP_INTERNAL:
    case CLP_BAD_GATEWAY:
    case CLP_OVERLOADED:
        return is_one_of(p->code, request_codes) ? CLP_VERDICT_GIVE : CLP_VERDICT_NEXT_URL;
    case CLP_BAD_METHOD: /* an address that is no endpoint */
    case CLP_TIMED_OUT:
    case CLP_PROBLEM_CLASSES: break;
    }
    return CLP_VERDICT_NEXT_URL;
}

int clp_verdict_no_endpoint(const clp_problem *p)
{
    return p->cls == CLP_NOT_FOUND || p->cls == CLP_BAD_METHOD || p->cls == CLP_NOT_IMPLEMENTED;
}

clp_verdict clp_verdict_of_transfer(clp_transfer_end how)
{
    switch (how) {
    case CLP_TRANSFER_DONE: /* an answer that holds none */
    case CLP_TRANSFER_NO_HOST:
    case CLP_TRANSFER_NO_CONNECT:
    case CLP_TRANSFER_NO_TLS:
    case CLP_TRANSFER_CUT:
    case CLP_TRANSFER_BAD_CODING:
    case CLP_TRANSFER_BAD_ANSWER:
    case CLP_TRANSFER_LATE_CONNECT:
    case CLP_TRANSFER_LATE_FIRST_BYTE:
    case CLP_TRANSFER_LATE_IDLE:
    case CLP_TRANSFER_LATE_TOTAL: return CLP_VERDICT_NEXT_URL;
    case CLP_TRANSFER_FAILED: break; /* the URL, or files that all URLs of the channel share */
    }
    return CLP_VERDICT_NEXT_CHANNEL;
}

/*
 * How much a problem helps the client, when all attempts failed. What it can
 * mend itself comes first, then what goes away by waiting, then what only says
 * that something broke, last what only the operator can mend.
 */
enum {
    RANK_ODD,         /* 405, 501: the gateway's set-up is wrong */
    RANK_CREDENTIALS, /* 401, 403: the gateway's key is, and that says nothing of the request */
    RANK_BILLING,     /* 402: as above, but a fact about the account that may be passed on */
    RANK_UNKNOWN,   /* 404: perhaps the model's name is wrong; a channel that broke might know it */
    RANK_UNCARRIED, /* no status: one channel's protocol cannot carry the request */
    RANK_BROKEN,    /* 5xx, transport, garbage: trying again may help */
    RANK_LATE,      /* timeouts: so may it, with a smaller request */
    RANK_BUSY,      /* rate limit or overload, no time told: it will help, later */
    RANK_BUSY_UNTIL, /* the same with a time to come back */
    RANK_CLIENT      /* the client's own fault, as an upstream sees it */
};

static int rank_of(const clp_problem *p)
{
    if (clp_verdict_of_problem(p) == CLP_VERDICT_GIVE) {
        return RANK_CLIENT;
    }
    switch (p->cls) {
    case CLP_RATE_LIMITED:
    case CLP_OVERLOADED: return p->retry_after_ms >= 0 ? RANK_BUSY_UNTIL : RANK_BUSY;
    case CLP_TIMED_OUT: return RANK_LATE;
    case CLP_INTERNAL:
    case CLP_BAD_GATEWAY: return RANK_BROKEN;
    case CLP_BAD_REQUEST:
    case CLP_CONTEXT_TOO_LONG:
    case CLP_TOO_LARGE:
    case CLP_UNSUPPORTED_CODING:
    case CLP_UNPROCESSABLE: return RANK_UNCARRIED;
    case CLP_NOT_FOUND: return RANK_UNKNOWN;
    case CLP_BILLING: return RANK_BILLING;
    case CLP_UNAUTHENTICATED:
    case CLP_FORBIDDEN: return RANK_CREDENTIALS;
    case CLP_CONFLICT:
    case CLP_BAD_METHOD:
    case CLP_NOT_IMPLEMENTED:
    case CLP_PROBLEM_CLASSES: break;
    }
    return RANK_ODD;
}

const clp_problem *clp_verdict_better(const clp_problem *a, const clp_problem *b)
{
    int rank_a;
    int rank_b;
    if (!a || !b) {
        return a ? a : b;
    }
    rank_a = rank_of(a);
    rank_b = rank_of(b);
    if (rank_a == RANK_BUSY_UNTIL && rank_b == rank_a) {
        return a->retry_after_ms < b->retry_after_ms ? a : b;
    }
    return rank_a > rank_b ? a : b;
}

const char *clp_verdict_name(clp_verdict v)
{
    switch (v) {
    case CLP_VERDICT_GIVE: return "give";
    case CLP_VERDICT_NEXT_KEY: return "next_key";
    case CLP_VERDICT_NEXT_URL: return "next_url";
    case CLP_VERDICT_NEXT_CHANNEL: return "next_channel";
    case CLP_VERDICT_STOP: return "stop";
    }
    return "unknown";
}
