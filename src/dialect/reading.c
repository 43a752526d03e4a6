/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

#include <stdarg.h>

#include <apr_strings.h>

#include "wire/text.h"

static const clp_text no_text = {{NULL, 0}, 0};
static const clp_span no_span = {NULL, 0};

clp_problem *clp_request_scan(clp_json **out, clp_span body, const clp_intake *intake,
                              apr_uint32_t record_depth, apr_pool_t *pool)
{
    clp_json_limits scan = {intake->max_depth, record_depth, intake->max_values};
    clp_json *j = clp_json_make(pool);
    apr_size_t where = 0;
    clp_json_error e = clp_json_scan(j, body, &scan, &where);

    if (e == CLP_JSON_TOO_MANY || e == CLP_JSON_TOO_LARGE) {
        return clp_problem_make(pool, CLP_TOO_LARGE, "The request body is too large: %s",
                                clp_json_error_text(e));
    }
    if (e != CLP_JSON_OK) {
        return clp_problem_make(pool, CLP_BAD_REQUEST,
                                "The request body is not valid JSON: %s at byte %" APR_SIZE_T_FMT,
                                clp_json_error_text(e), where);
    }
    if (!clp_jval_is_object(clp_json_root(j))) {
        return clp_problem_make(pool, CLP_BAD_REQUEST, "The request body is not a JSON object");
    }
    *out = j;
    return NULL;
}

clp_problem *clp_reading_begin(clp_reading *r, clp_span body, const clp_intake *intake,
                               apr_uint32_t record_depth, const clp_dialect *dialect,
                               apr_pool_t *pool)
{
    memset(r, 0, sizeof(*r));
    r->pool = pool;
    r->style = dialect->path_style;
    r->scratch = clp_buffer_make(pool, 0);
    r->envelope_key = intake->envelope_key;
    r->c = clp_conversation_make(pool, dialect);
    return clp_request_scan(&r->c->doc, body, intake, record_depth, pool);
}

clp_problem *clp_reading_sniff(clp_reading *r, clp_sniffed *out, clp_span body,
                               const clp_intake *intake, const clp_dialect *dialect,
                               apr_pool_t *pool)
{
    static const char *const once[] = {"model", "messages"};
    clp_problem *p = clp_request_scan(&out->doc, body, intake, 1, pool);
    clp_jval root;
    clp_jval model;

    if (p) {
        return p;
    }
    memset(r, 0, sizeof(*r));
    r->pool = pool;
    r->style = dialect->path_style;
    root = clp_json_root(out->doc);
    for (apr_size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        if (clp_jval_has_duplicate(root, once[i])) {
            clp_reject_member(r, root, once[i], "must not stand more than once");
        }
    }
    model = clp_jval_get(root, "model");
    if (!clp_jval_nil(model)) {
        out->model = clp_read_model(r, root);
        out->model_raw = clp_jval_raw(model);
    }
    out->stream = clp_read_flag(r, root, "stream") == 1;
    clp_read_array(r, root, "messages");
    return r->problem;
}

void clp_reject(clp_reading *r, clp_jval at, const char *fmt, ...)
{
    va_list ap;

    if (r->problem) {
        return;
    }
    va_start(ap, fmt);
    r->problem = clp_problem_at(r->pool, CLP_BAD_REQUEST, clp_jval_path(at, r->style, r->pool),
                                "%s", apr_pvsprintf(r->pool, fmt, ap));
    va_end(ap);
}

void clp_reject_member(clp_reading *r, clp_jval parent, const char *name, const char *fmt, ...)
{
    va_list ap;
    const char *path;

    if (r->problem) {
        return;
    }
    path = clp_jval_path(parent, r->style, r->pool);
    va_start(ap, fmt);
    r->problem = clp_problem_at(r->pool, CLP_BAD_REQUEST,
                                *path ? apr_pstrcat(r->pool, path, ".", name, NULL) : name, "%s",
                                apr_pvsprintf(r->pool, fmt, ap));
    va_end(ap);
}

/* The member if it is of the kind; nil gives NONE, another kind is a fault. */
static clp_jval member(clp_reading *r, clp_jval parent, const char *name, clp_json_kind kind,
                       const char *what)
{
    clp_jval v = clp_jval_get(parent, name);

    if (clp_jval_nil(v)) {
        return CLP_JVAL_NONE;
    }
    if (clp_jval_kind(v) != kind) {
        clp_reject(r, v, "expected %s", what);
        return CLP_JVAL_NONE;
    }
    return v;
}

clp_jval clp_read_object(clp_reading *r, clp_jval parent, const char *name)
{
    return member(r, parent, name, CLP_JSON_OBJECT, "an object");
}

clp_jval clp_read_array(clp_reading *r, clp_jval parent, const char *name)
{
    return member(r, parent, name, CLP_JSON_ARRAY, "an array");
}

clp_text clp_read_text(clp_reading *r, clp_jval parent, const char *name)
{
    clp_jval v = member(r, parent, name, CLP_JSON_STRING, "a string");
    return clp_jval_ok(v) ? clp_jval_text(v) : no_text;
}

clp_span clp_read_number(clp_reading *r, clp_jval parent, const char *name)
{
    clp_jval v = member(r, parent, name, CLP_JSON_NUMBER, "a number");
    return clp_jval_ok(v) ? clp_jval_raw(v) : no_span;
}

clp_span clp_read_object_raw(clp_reading *r, clp_jval parent, const char *name)
{
    clp_jval v = clp_read_object(r, parent, name);
    return clp_jval_ok(v) ? clp_jval_raw(v) : no_span;
}

apr_int64_t clp_read_count(clp_reading *r, clp_jval parent, const char *name)
{
    clp_jval v = clp_jval_get(parent, name);
    apr_int64_t n;

    if (clp_jval_nil(v)) {
        return -1;
    }
    if (!clp_jval_int(v, &n) || n < 0) {
        clp_reject(r, v, "expected an integer of at least 0");
        return -1;
    }
    return n;
}

int clp_read_flag(clp_reading *r, clp_jval parent, const char *name)
{
    clp_jval v = clp_jval_get(parent, name);
    int on;

    if (clp_jval_nil(v)) {
        return -1;
    }
    if (!clp_jval_bool(v, &on)) {
        clp_reject(r, v, "expected true or false");
        return -1;
    }
    return on;
}

clp_text clp_read_text_needed(clp_reading *r, clp_jval parent, const char *name)
{
    clp_text t = clp_read_text(r, parent, name);

    if (!t.s.p) {
        clp_reject_member(r, parent, name, "a string is required");
    }
    return t;
}

clp_text clp_read_name_needed(clp_reading *r, clp_jval parent, const char *name)
{
    clp_text t = clp_read_text_needed(r, parent, name);

    if (t.s.p && t.s.n == 0) {
        clp_reject_member(r, parent, name, "must not be empty");
    }
    return t;
}

void clp_read_texts(clp_reading *r, clp_jval array, apr_array_header_t *into)
{
    CLP_JVAL_EACH (v, array) {
        if (!clp_jval_is_string(v)) {
            clp_reject(r, v, "expected a string");
            return;
        }
        APR_ARRAY_PUSH(into, clp_text) = clp_jval_text(v);
    }
}

const char *clp_read_model(clp_reading *r, clp_jval root)
{
    clp_jval v = clp_jval_get(root, "model");
    const char *model;

    clp_read_name_needed(r, root, "model");
    if (r->problem) {
        return NULL;
    }
    model = clp_jval_cstr(v, r->pool);
    if (!model) {
        clp_reject(r, v, "must not hold U+0000");
    }
    return model;
}

clp_text clp_reading_take(clp_reading *r)
{
    char *p = apr_pstrmemdup(r->pool, r->scratch->n ? r->scratch->p : "", r->scratch->n);
    clp_text t = clp_text_escaped(clp_span_of(p, r->scratch->n));

    clp_buffer_clear(r->scratch);
    return t;
}

clp_effort clp_effort_parse(clp_text word)
{
    static const struct {
        const char *word;
        clp_effort effort;
    } words[] = {
        {"none", CLP_EFFORT_NONE},     {"minimal", CLP_EFFORT_MINIMAL}, {"low", CLP_EFFORT_LOW},
        {"medium", CLP_EFFORT_MEDIUM}, {"high", CLP_EFFORT_HIGH},       {"xhigh", CLP_EFFORT_XHIGH},
        {"max", CLP_EFFORT_MAX},
    };

    for (apr_size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (clp_text_is(word, words[i].word)) {
            return words[i].effort;
        }
    }
    return CLP_EFFORT_UNSET;
}
