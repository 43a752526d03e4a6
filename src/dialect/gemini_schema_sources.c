/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_schema_sources.h"

#include <apr_lib.h>
#include <apr_strings.h>

static char *pointer_segment(const char *from, apr_size_t n, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, n + 1);
    apr_size_t to = 0;

    for (apr_size_t i = 0; i < n; i++) {
        char c = from[i];
        if (c == '~' && i + 1 < n && (from[i + 1] == '0' || from[i + 1] == '1')) {
            c = from[++i] == '0' ? '~' : '/';
        }
        out[to++] = c;
    }
    out[to] = '\0';
    return out;
}

/* "#/$defs/node" (RFC 6901); NONE for what lies elsewhere. */
static clp_jval resolve(const clp_schema_references *r, clp_jval ref)
{
    const char *p = clp_jval_cstr(ref, r->pool);
    clp_jval at = r->root;

    if (!p || *p++ != '#') {
        return CLP_JVAL_NONE;
    }
    while (*p == '/' && clp_jval_ok(at)) {
        apr_size_t n = strcspn(++p, "/");
        at = clp_jval_get(at, pointer_segment(p, n, r->pool));
        p += n;
    }
    return *p ? CLP_JVAL_NONE : at;
}

int clp_schema_is_null(clp_jval v)
{
    return clp_jval_str_is(clp_jval_get(v, "type"), "null") ||
           (clp_jval_ok(clp_jval_get(v, "const")) &&
            clp_jval_kind(clp_jval_get(v, "const")) == CLP_JSON_NULL);
}

/* The alternatives of a schema; anyOf goes first, for the target has one list. */
static clp_jval alternatives(clp_jval v)
{
    clp_jval any = clp_jval_get(v, "anyOf");
    return clp_jval_is_array(any) ? any : clp_jval_get(v, "oneOf");
}

/* The one alternative that is not null; NONE if there are several, or none. */
static clp_jval sole_alternative(clp_jval list)
{
    clp_jval sole = CLP_JVAL_NONE;

    CLP_JVAL_EACH (v, list) {
        if (clp_schema_is_null(v)) {
            continue;
        }
        if (clp_jval_ok(sole)) {
            return CLP_JVAL_NONE;
        }
        sole = v;
    }
    return sole;
}

static void collect(clp_schema_references *r, clp_schema_sources *s, clp_jval v);

static void collect_reference(clp_schema_references *r, clp_schema_sources *s, clp_jval ref)
{
    clp_jval to = resolve(r, ref);

    if (!clp_jval_ok(to)) {
        return;
    }
    for (int i = 0; i < r->opened; i++) {
        if (r->open[i] == to.at) {
            s->recursive = 1;
            return;
        }
    }
    if (r->opened == CLP_SCHEMA_OPEN_MAX) {
        s->recursive = 1;
        return;
    }
    r->open[r->opened++] = to.at;
    collect(r, s, to);
}

/* The schema itself, what it refers to, what allOf adds, and a sole alternative. Ends, for each
 * step is another place of the document, and there are bounds on their number. */
static void collect(clp_schema_references *r, clp_schema_sources *s, clp_jval v)
{
    clp_jval list = alternatives(v);
    clp_jval ref = clp_jval_get(v, "$ref");
    clp_jval all = clp_jval_get(v, "allOf");

    if (!clp_jval_is_object(v) || s->n == CLP_SCHEMA_SOURCES_MAX) {
        return;
    }
    s->from[s->n++] = v;
    if (clp_jval_kind(clp_jval_get(v, "nullable")) == CLP_JSON_TRUE) {
        s->nullable = 1;
    }
    if (clp_jval_is_string(ref)) {
        collect_reference(r, s, ref);
    }
    CLP_JVAL_EACH (part, clp_jval_is_array(all) ? all : CLP_JVAL_NONE) {
        collect(r, s, part);
    }
    CLP_JVAL_EACH (a, clp_jval_is_array(list) ? list : CLP_JVAL_NONE) {
        if (clp_schema_is_null(a)) {
            s->nullable = 1;
        }
    }
    if (clp_jval_is_array(list) && clp_jval_ok(sole_alternative(list))) {
        collect(r, s, sole_alternative(list));
    }
}

void clp_schema_sources_of(clp_schema_references *r, clp_schema_sources *s, clp_jval v)
{
    memset(s, 0, sizeof(*s));
    collect(r, s, v);
}

clp_jval clp_schema_keyword(const clp_schema_sources *s, const char *name)
{
    for (int i = 0; i < s->n; i++) {
        clp_jval v = clp_jval_get(s->from[i], name);
        if (clp_jval_ok(v)) {
            return v;
        }
    }
    return CLP_JVAL_NONE;
}

static const char *lower(clp_jval type, apr_pool_t *pool)
{
    const char *word = clp_jval_cstr(type, pool);
    char *out = word ? apr_pstrdup(pool, word) : NULL;

    for (char *p = out; p && *p; p++) {
        *p = (char)apr_tolower(*p);
    }
    return out;
}

/* Types in all; what is no string, or one with U+0000 in it, names none. */
static int add_type(const char *types[CLP_SCHEMA_TYPES_MAX], int n, clp_jval type, apr_pool_t *pool)
{
    const char *word = lower(type, pool);

    if (word && n < CLP_SCHEMA_TYPES_MAX) {
        types[n++] = word;
    }
    return n;
}

int clp_schema_types(clp_schema_sources *s, const char *types[CLP_SCHEMA_TYPES_MAX],
                     apr_pool_t *pool)
{
    clp_jval type = clp_schema_keyword(s, "type");
    clp_jval choices = clp_schema_keyword(s, "enum");
    int n = add_type(types, 0, type, pool);

    CLP_JVAL_EACH (v, clp_jval_is_array(type) ? type : CLP_JVAL_NONE) {
        if (clp_jval_str_is(v, "null")) {
            s->nullable = 1;
        }
        else {
            n = add_type(types, n, v, pool);
        }
    }
    if (!n && clp_jval_ok(clp_schema_keyword(s, "properties"))) {
        types[n++] = "object";
    }
    if (!n && clp_jval_ok(clp_schema_keyword(s, "items"))) {
        types[n++] = "array";
    }
    CLP_JVAL_EACH (v, clp_jval_is_array(choices) ? choices : CLP_JVAL_NONE) {
        s->nullable |= clp_jval_kind(v) == CLP_JSON_NULL;
    }
    if (clp_jval_ok(choices) || clp_jval_ok(clp_schema_keyword(s, "const"))) {
        types[0] = "string";
        n = 1;
    }
    return n;
}

clp_jval clp_schema_alternatives(const clp_schema_sources *s)
{
    for (int i = 0; i < s->n; i++) {
        clp_jval list = alternatives(s->from[i]);
        if (clp_jval_is_array(list) && clp_jval_count(list) &&
            !clp_jval_ok(sole_alternative(list))) {
            return list;
        }
    }
    return CLP_JVAL_NONE;
}
