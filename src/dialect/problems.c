/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include <stdlib.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "wire/text.h"

#define MESSAGE_MAX 2000
#define EXCERPT_MAX 500

/* [0].error.details[0].retryDelay lies deepest of what is looked at */
#define RECORD_DEPTH 5

/* What an error document says, in no provider's shape. */
typedef struct told {
    clp_jval message;
    clp_jval type;
    clp_jval code;
    clp_jval status;
    clp_jval param;
    clp_jval details;
    clp_jval request_id;
    clp_jval upstream; /* what a relay was told by its own upstream */
} told;

/* null, false, "", 0, {} and [] are how relays say that there is none. */
static int is_truthy(clp_jval v)
{
    switch (clp_jval_kind(v)) {
    case CLP_JSON_ABSENT:
    case CLP_JSON_NULL:
    case CLP_JSON_FALSE: return 0;
    case CLP_JSON_STRING: return clp_jval_text(v).s.n > 0;
    case CLP_JSON_NUMBER: return clp_jval_count_or(v, 1) != 0;
    case CLP_JSON_ARRAY:
    case CLP_JSON_OBJECT: return clp_jval_raw(v).n > 2;
    case CLP_JSON_TRUE: break;
    }
    return 1;
}

static clp_jval first_string(clp_jval v, const char *const *names)
{
    for (; *names; names++) {
        clp_jval s = clp_jval_get(v, *names);
        if (clp_jval_is_string(s) && is_truthy(s)) {
            return s;
        }
    }
    return CLP_JVAL_NONE;
}

static const char *const message_names[] = {"message", "msg",    "error_msg", "error_message",
                                            "detail",  "reason", NULL};

/* One error: {"message":...} and what stands beside it. */
static void read_object(told *t, clp_jval v)
{
    static const char *const types[] = {"type", NULL};
    if (!clp_jval_ok(t->message)) {
        t->message = first_string(v, message_names);
    }
    if (!clp_jval_ok(t->upstream)) {
        clp_jval inner = clp_jval_get(v, "upstream_error");
        t->upstream = clp_jval_is_object(inner) ? first_string(inner, message_names) : inner;
    }
    if (!clp_jval_ok(t->type)) {
        t->type = first_string(v, types);
    }
    if (clp_jval_nil(t->code)) {
        t->code = clp_jval_get(v, "code");
    }
    if (clp_jval_nil(t->status)) {
        t->status = clp_jval_get(v, "status");
    }
    if (clp_jval_nil(t->param)) {
        t->param = clp_jval_get(v, "param");
    }
    if (clp_jval_nil(t->details)) {
        t->details = clp_jval_get(v, "details");
    }
}

/* A member that may be a text, an object, or a list of either. */
static void read_any(told *t, clp_jval v)
{
    if (clp_jval_is_array(v)) {
        v = clp_jval_first(v);
    }
    if (clp_jval_is_string(v)) {
        if (!clp_jval_ok(t->message) && is_truthy(v)) {
            t->message = v;
        }
    }
    else {
        read_object(t, v);
    }
}

static void read_told(told *t, clp_jval root)
{
    memset(t, 0, sizeof(*t));
    if (clp_jval_is_array(root)) {
        root = clp_jval_first(root);
    }
    t->request_id = clp_jval_get(root, "request_id");
    read_any(t, clp_jval_get(root, "error"));
    read_any(t, clp_jval_get(root, "errors"));
    read_any(t, clp_jval_get(root, "detail"));
    read_object(t, root);
}

int clp_problems_told(clp_jval root)
{
    if (clp_jval_is_array(root)) {
        root = clp_jval_first(root);
    }
    return is_truthy(clp_jval_get(root, "error")) || is_truthy(clp_jval_get(root, "errors")) ||
           clp_jval_str_is(clp_jval_get(root, "type"), "error") ||
           clp_jval_str_is(clp_jval_get(root, "object"), "error") ||
           clp_jval_ok(first_string(root, message_names));
}

/* --- classes ------------------------------------------------------------- */

#define NO_CLASS CLP_PROBLEM_CLASSES

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
    return status >= 400 ? CLP_BAD_REQUEST : status >= 300 ? CLP_BAD_GATEWAY : NO_CLASS;
}

/* `type`, `code` and `status` words of Anthropic, OpenAI, Google and their relays. */
static clp_problem_class class_of_word(clp_jval v)
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
        return number >= 400 && number < 600 ? class_of_status((int)number) : NO_CLASS;
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
    return NO_CLASS;
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
    return holds_any(message, rate) ? CLP_RATE_LIMITED : NO_CLASS;
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

static clp_problem_class classify(int status, const told *t, const char *message, int comes_back)
{
    clp_problem_class hints[] = {class_of_word(t->code), class_of_word(t->type),
                                 class_of_word(t->status), class_of_text(message)};
    clp_problem_class cls = class_of_status(status);
    if (cls == CLP_RATE_LIMITED && comes_back) {
        return cls; /* Google says "exceeded your current quota" of a minute's quota too */
    }
    if (cls == NO_CLASS) {
        /* inside a 200: the first hint that says something; words before texts,
         * but a bad request is what everything unnamed is called */
        for (int i = 0; i < 4; i++) {
            if (hints[i] != NO_CLASS && (cls == NO_CLASS || refines(cls, hints[i]))) {
                cls = hints[i];
            }
        }
        return cls == NO_CLASS ? CLP_INTERNAL : cls;
    }
    for (int i = 0; i < 4; i++) {
        if (hints[i] != NO_CLASS && refines(cls, hints[i])) {
            return hints[i];
        }
    }
    return cls;
}

/* --- when to come back ---------------------------------------------------- */

/* "1.5s", "200ms", "1m30s", "20 seconds"; -1 if it is no time */
static apr_int64_t read_duration(const char *p)
{
    double total = 0;
    int any = 0;
    while (apr_isdigit(*p)) {
        char *end;
        double v = strtod(p, &end);
        while (*end == ' ') {
            end++;
        }
        if (strncmp(end, "ms", 2) == 0 || strncasecmp(end, "millisecond", 11) == 0) {
            total += v;
        }
        else if (*end == 's' || *end == 'S') {
            total += v * 1000;
        }
        else if (*end == 'm' || *end == 'M') {
            total += v * 60 * 1000;
        }
        else if (*end == 'h' || *end == 'H') {
            total += v * 3600 * 1000;
        }
        else {
            break;
        }
        any = 1;
        while (apr_isalpha(*end)) {
            end++;
        }
        p = end;
    }
    if (!any || total > 7 * 24 * 3600 * 1000.0) {
        return -1;
    }
    return (apr_int64_t)(total + 0.5);
}

static apr_int64_t read_retry(const char *message)
{
    static const char *const words[] = {"again in ", "retry in ", "retry after ", NULL};
    for (const char *const *w = words; *w; w++) {
        apr_size_t n = strlen(*w);
        for (const char *p = message; *p; p++) {
            if (strncasecmp(p, *w, n) == 0) {
                apr_int64_t ms = read_duration(p + n);
                if (ms >= 0) {
                    return ms;
                }
            }
        }
    }
    return -1;
}

/* Google says it in a detail, {"@type":"…RetryInfo","retryDelay":"34.07s"}. */
static apr_int64_t read_retry_info(clp_jval details, apr_pool_t *pool)
{
    CLP_JVAL_EACH (v, clp_jval_is_array(details) ? details : CLP_JVAL_NONE) {
        const char *delay = clp_jval_cstr(clp_jval_get(v, "retryDelay"), pool);
        if (delay) {
            return read_duration(delay);
        }
    }
    return -1;
}

/* --- reading -------------------------------------------------------------- */

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Request Entity Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Entity"},
        {429, "Too Many Requests"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {524, "A Timeout Occurred"},
        {529, "Overloaded"},
    };
    for (apr_size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "error";
}

static int is_tag(clp_span s, const char *name)
{
    apr_size_t n = strlen(name);
    return s.n > n + 1 && strncasecmp(s.p + 1, name, n) == 0 && !apr_isalnum(s.p[n + 1]);
}

/* HTML without its tags, style sheets and scripts. */
static void drop_tags(clp_buffer *out, clp_span s)
{
    const char *skip = NULL; /* the element whose content is no text */
    while (s.n) {
        if (*s.p == '<' && s.n > 1 && (apr_isalpha(s.p[1]) || strchr("/!?", s.p[1]))) {
            const char *end = memchr(s.p, '>', s.n);
            apr_size_t n = end ? (apr_size_t)(end - s.p) + 1 : s.n;
            if (is_tag(s, "style") || is_tag(s, "script")) {
                skip = is_tag(s, "style") ? "/style" : "/script";
            }
            else if (skip && is_tag(s, skip)) {
                skip = NULL;
            }
            clp_buffer_putc(out, ' ');
            s = clp_span_of(s.p + n, s.n - n);
        }
        else {
            if (!skip) {
                clp_buffer_putc(out, *s.p);
            }
            s = clp_span_of(s.p + 1, s.n - 1);
        }
    }
}

static const char *excerpt(int status, clp_span body, apr_pool_t *pool)
{
    clp_buffer *text = clp_buffer_make(pool, 0);
    /* what lies behind this would not be shown: markup is rarely nine tenths */
    drop_tags(text, clp_span_of(body.p ? body.p : "", body.n < 16384 ? body.n : 16384));
    const char *clean = clp_problems_clean(clp_buffer_all(text), EXCERPT_MAX, pool);
    clp_buffer_release(text);
    if (status < 300) {
        return *clean ? clean : "The upstream reported an error without a message.";
    }
    const char *head =
        apr_psprintf(pool, "The upstream answered %d %s", status, status_text(status));
    return *clean ? apr_pstrcat(pool, head, ": ", clean, NULL) : apr_pstrcat(pool, head, ".", NULL);
}

static const char *clean_value(clp_jval v, apr_size_t max, apr_pool_t *pool)
{
    clp_buffer *plain = clp_buffer_make(pool, 0);
    clp_text_append_plain(plain, clp_jval_text(v));
    const char *clean = clp_problems_clean(clp_buffer_all(plain), max, pool);
    clp_buffer_release(plain);
    return clean;
}

/* Relays put the whole error of their upstream into their message. */
static const char *unwrap(const char *message, told *t, clp_json *json, apr_pool_t *pool)
{
    const clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, RECORD_DEPTH, 1000};
    told inner;
    if (*message != '{' ||
        clp_json_scan(json, clp_span_str(message), &limits, NULL) != CLP_JSON_OK) {
        return message;
    }
    read_told(&inner, clp_json_root(json));
    if (!clp_jval_ok(inner.message)) {
        return message;
    }
    if (class_of_word(inner.code) != NO_CLASS) {
        t->code = inner.code;
    }
    if (class_of_word(inner.type) != NO_CLASS) {
        t->type = inner.type;
    }
    return clean_value(inner.message, MESSAGE_MAX, pool);
}

/* Raw JSON that may stand in an event: line ends can only be white space in it. */
static clp_span one_line(clp_span json, apr_pool_t *pool)
{
    char *copy = apr_pstrmemdup(pool, json.p, json.n);
    for (apr_size_t i = 0; i < json.n; i++) {
        if (copy[i] == '\n' || copy[i] == '\r') {
            copy[i] = ' ';
        }
    }
    return clp_span_of(copy, json.n);
}

static clp_problem *refused_key(clp_problem *p, apr_pool_t *pool)
{
    p->cause = p->cause ? apr_pstrcat(pool, p->message, " (", p->cause, ")", NULL) : p->message;
    p->message = apr_pstrdup(pool, "upstream authentication failed: the upstream refused this "
                                   "gateway's credentials");
    return p;
}

clp_problem *clp_problems_read(int status, clp_span body, apr_pool_t *pool)
{
    const clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, RECORD_DEPTH, 10000};
    clp_json *json = clp_json_make(pool);
    told t;
    memset(&t, 0, sizeof(t));
    if (body.n && clp_json_scan(json, body, &limits, NULL) == CLP_JSON_OK) {
        read_told(&t, clp_json_root(json));
    }
    const char *message = NULL;
    if (clp_jval_ok(t.message)) {
        message = unwrap(clean_value(t.message, MESSAGE_MAX, pool), &t, clp_json_make(pool), pool);
    }
    const char *upstream =
        clp_jval_is_string(t.upstream) ? clean_value(t.upstream, MESSAGE_MAX, pool) : NULL;
    if (!message || !*message) {
        message = upstream;
        upstream = NULL;
    }
    if (!message || !*message) {
        message = excerpt(status, body, pool);
    }
    apr_int64_t retry = read_retry_info(t.details, pool);
    if (retry < 0) {
        retry = read_retry(message);
    }
    clp_problem *p =
        clp_problem_make(pool, classify(status, &t, message, retry >= 0), "%s", message);
    p->status = status;
    p->retry_after_ms = retry;
    p->cause = upstream;
    if (clp_jval_is_string(t.param)) {
        p->param = clean_value(t.param, 200, pool);
    }
    if (clp_jval_is_string(t.code)) {
        p->code = clean_value(t.code, 100, pool);
    }
    if (clp_jval_is_string(t.type)) {
        p->type = clean_value(t.type, 100, pool);
    }
    if (clp_jval_is_string(t.request_id)) {
        p->request_id = clean_value(t.request_id, 200, pool);
    }
    if (clp_jval_is_object(t.details) && clp_jval_raw(t.details).n <= MESSAGE_MAX) {
        p->details = one_line(clp_jval_raw(t.details), pool);
    }
    return p->cls == CLP_UNAUTHENTICATED ? refused_key(p, pool) : p;
}
