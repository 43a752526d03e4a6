/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include <apr_strings.h>

#include "problems_class.h"
#include "problems_excerpt.h"
#include "problems_retry.h"
#include "wire/text.h"

#define MESSAGE_MAX 2000

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

/* --- reading -------------------------------------------------------------- */

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
    if (clp_problems_class_of_word(inner.code) != CLP_PROBLEMS_NO_CLASS) {
        t->code = inner.code;
    }
    if (clp_problems_class_of_word(inner.type) != CLP_PROBLEMS_NO_CLASS) {
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
        message = clp_problems_excerpt(status, body, pool);
    }
    apr_int64_t retry = clp_problems_retry(t.details, message, pool);
    const clp_jval words[] = {t.code, t.type, t.status};
    clp_problem *p = clp_problem_make(
        pool, clp_problems_classify(status, words, message, retry >= 0), "%s", message);
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
