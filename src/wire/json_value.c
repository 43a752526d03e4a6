/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_scan.h"

#include <stdint.h>

#include <apr_strings.h>

#include "wire/text.h"
#include "text_decode.h"

/* Of a name in a path; longer ones are cut, as a path is only to find a place again. */
#define PATH_NAME_MAX 64

static clp_jval jval(const clp_json *doc, apr_uint32_t at)
{
    clp_jval v = {doc, at};
    return v;
}

clp_jval clp_json_root(const clp_json *j)
{
    return j && j->count ? jval(j, 0) : CLP_JVAL_NONE;
}

clp_span clp_jval_raw(clp_jval v)
{
    const clp_json_token *t;
    if (!v.doc) {
        return clp_span_of(NULL, 0);
    }
    t = clp_jval_token(v);
    return clp_span_of(v.doc->text.p + t->offset, t->length);
}

static clp_text token_text(const clp_json *doc, const clp_json_token *t)
{
    return clp_text_escaped(clp_span_of(doc->text.p + t->offset + 1, t->length - 2));
}

clp_text clp_jval_text(clp_jval v)
{
    if (!clp_jval_is_string(v)) {
        return clp_text_escaped(clp_span_of(NULL, 0));
    }
    return token_text(v.doc, clp_jval_token(v));
}

/* Not to be inlined, so that what is seldom needed does not burden who comes by at every name. */
static __attribute__((noinline)) int escaped_token_is(const clp_json *doc, const clp_json_token *t,
                                                      const char *s)
{
    return clp_text_is(token_text(doc, t), s);
}

static inline int token_is(const clp_json *doc, const clp_json_token *t, const char *s,
                           apr_size_t n)
{
    if (__builtin_expect(t->flags & CLP_JSON_F_ESCAPE, 0)) {
        return escaped_token_is(doc, t, s);
    }
    return t->length == n + 2 && memcmp(doc->text.p + t->offset + 1, s, n) == 0;
}

static apr_uint32_t first_child(clp_jval v)
{
    const clp_json_token *t = clp_jval_token(v);
    if (t->next == v.at + 1) {
        return 0;
    }
    return v.at + 1;
}

/* The last member named `name`, and how many there are. */
static inline clp_jval find(clp_jval v, const char *name, int *times)
{
    apr_uint32_t found = 0;

    if (clp_jval_is_object(v)) {
        const clp_json_token *tokens = v.doc->tokens;
        apr_size_t n = strlen(name);
        apr_uint32_t end = tokens[v.at].next;
        for (apr_uint32_t i = v.at + 1; i < end; i = tokens[i + 1].next) {
            if (token_is(v.doc, &tokens[i], name, n)) {
                found = i + 1;
                ++*times;
            }
        }
    }
    return found ? jval(v.doc, found) : CLP_JVAL_NONE;
}

clp_jval clp_jval_get(clp_jval v, const char *name)
{
    int times = 0;
    return find(v, name, &times);
}

int clp_jval_has_duplicate(clp_jval v, const char *name)
{
    int times = 0;
    find(v, name, &times);
    return times > 1;
}

clp_jval clp_jval_first(clp_jval v)
{
    apr_uint32_t at;
    if (!clp_jval_is_array(v) && !clp_jval_is_object(v)) {
        return CLP_JVAL_NONE;
    }
    at = first_child(v);
    if (!at) {
        return CLP_JVAL_NONE;
    }
    return jval(v.doc, at + clp_jval_is_object(v));
}

clp_jval clp_jval_next(clp_jval v)
{
    const clp_json_token *tokens;
    apr_uint32_t at;
    if (!v.doc) {
        return v;
    }
    tokens = v.doc->tokens;
    at = tokens[v.at].next;
    /* the same depth without a lesser one between: the same container */
    if (at >= v.doc->count || tokens[at].depth != tokens[v.at].depth) {
        return CLP_JVAL_NONE;
    }
    return jval(v.doc, at + !!(tokens[at].flags & CLP_JSON_F_KEY));
}

static const clp_json_token *name_token(clp_jval v)
{
    if (!v.doc || !v.at || !(v.doc->tokens[v.at - 1].flags & CLP_JSON_F_KEY)) {
        return NULL;
    }
    return &v.doc->tokens[v.at - 1];
}

clp_text clp_jval_name(clp_jval v)
{
    const clp_json_token *t = name_token(v);
    return t ? token_text(v.doc, t) : clp_text_escaped(clp_span_of(NULL, 0));
}

int clp_jval_named(clp_jval v, const char *name)
{
    const clp_json_token *t = name_token(v);
    return t && token_is(v.doc, t, name, strlen(name));
}

apr_uint32_t clp_jval_count(clp_jval v)
{
    apr_uint32_t n = 0;
    CLP_JVAL_EACH (child, v) {
        n++;
    }
    return n;
}

int clp_jval_str_is(clp_jval v, const char *s)
{
    return clp_jval_is_string(v) && token_is(v.doc, clp_jval_token(v), s, strlen(s));
}

int clp_jval_int(clp_jval v, apr_int64_t *out)
{
    clp_span s;
    apr_size_t i = 0;
    int negative;
    uint64_t n = 0;

    if (clp_jval_kind(v) != CLP_JSON_NUMBER) {
        return 0;
    }
    s = clp_jval_raw(v);
    negative = s.p[0] == '-';
    for (i = (apr_size_t)negative; i < s.n; i++) {
        unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, digit, &n)) {
            return 0;
        }
    }
    if (n > (uint64_t)INT64_MAX + (unsigned)negative) {
        return 0;
    }
    *out = negative ? (apr_int64_t)(0 - n) : (apr_int64_t)n;
    return 1;
}

apr_int64_t clp_jval_count_or(clp_jval v, apr_int64_t otherwise)
{
    apr_int64_t n;
    return clp_jval_int(v, &n) && n >= 0 ? n : otherwise;
}

int clp_jval_bool(clp_jval v, int *out)
{
    clp_json_kind kind = clp_jval_kind(v);
    if (kind != CLP_JSON_TRUE && kind != CLP_JSON_FALSE) {
        return 0;
    }
    *out = kind == CLP_JSON_TRUE;
    return 1;
}

const char *clp_jval_cstr(clp_jval v, apr_pool_t *pool)
{
    clp_text t = clp_jval_text(v);
    char *s;
    apr_size_t n;

    if (!t.s.p) {
        return NULL;
    }
    if (!(clp_jval_token(v)->flags & CLP_JSON_F_ESCAPE)) {
        return apr_pstrmemdup(pool, t.s.p, t.s.n);
    }
    s = apr_palloc(pool, t.s.n + 1);
    n = clp_text_decode(s, t.s);
    s[n] = '\0';
    return memchr(s, '\0', n) ? NULL : s;
}

static void path_name(clp_buffer *b, clp_text name)
{
    clp_span s = clp_utf8_cut(name.s, PATH_NAME_MAX);
    if (b->n) {
        clp_buffer_putc(b, '.');
    }
    /* as spelled: printable and valid whatever it holds */
    clp_buffer_span(b, s);
    if (s.n < name.s.n) {
        clp_buffer_lit(b, "...");
    }
}

static void path_index(clp_buffer *b, unsigned index, clp_json_path_style style)
{
    if (style == CLP_JSON_PATH_BRACKETS) {
        clp_buffer_printf(b, "[%u]", index);
        return;
    }
    clp_buffer_printf(b, b->n ? ".%u" : "%u", index);
}

const char *clp_jval_path(clp_jval v, clp_json_path_style style, apr_pool_t *pool)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    clp_jval at = v.doc ? clp_json_root(v.doc) : CLP_JVAL_NONE;
    const char *path;

    while (clp_jval_ok(at) && at.at != v.at) {
        unsigned index = 0;
        clp_jval child = clp_jval_first(at);
        while (clp_jval_ok(child) && clp_jval_token(child)->next <= v.at) {
            child = clp_jval_next(child);
            index++;
        }
        if (clp_jval_is_object(at)) {
            path_name(b, clp_jval_name(child));
        }
        else {
            path_index(b, index, style);
        }
        at = child;
    }
    path = clp_buffer_cstr(b, pool);
    clp_buffer_release(b);
    return path;
}
