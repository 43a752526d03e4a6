/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_schema.h"

#include "gemini_schema_sources.h"
#include "wire/json_scan.h"
#include "wire/text.h"

/* Schemas inside each other; the writer has two levels of JSON for each, and stands in five. */
#define DEPTH_MAX 24

/* Schemas in all: references could multiply without end. */
#define SCHEMAS_MAX 4096

#define ANY_OBJECT "{\"type\":\"object\"}"

typedef struct closing {
    clp_jw *w;
    clp_schema_references refs;
    int schemas; /* written so far */
} closing;

static void copy(closing *c, const clp_schema_sources *s, const char *name)
{
    clp_jval v = clp_schema_keyword(s, name);

    if (!clp_jval_nil(v)) {
        clp_jw_kraw(c->w, name, clp_jval_raw(v));
    }
}

static void write_schema(closing *c, clp_jval v, int depth);

/* --- objects ------------------------------------------------------------------------------ */

/* A property is defined by the first source that has it. */
static int is_defined_before(const clp_schema_sources *s, int source, clp_jval property,
                             apr_pool_t *pool)
{
    const char *name = clp_text_cstr(clp_jval_name(property), pool);

    for (int i = 0; i < source; i++) {
        if (clp_jval_ok(clp_jval_get(clp_jval_get(s->from[i], "properties"), name))) {
            return 1;
        }
    }
    return 0;
}

static int is_property(const clp_schema_sources *s, clp_jval name, apr_pool_t *pool)
{
    const char *plain = clp_jval_cstr(name, pool);

    for (int i = 0; plain && i < s->n; i++) {
        clp_jval v = clp_jval_get(clp_jval_get(s->from[i], "properties"), plain);
        if (clp_jval_ok(v) && clp_jval_kind(v) != CLP_JSON_FALSE) {
            return 1;
        }
    }
    return 0;
}

static int any_property(const clp_schema_sources *s)
{
    for (int i = 0; i < s->n; i++) {
        if (clp_jval_count(clp_jval_get(s->from[i], "properties")) > 0) {
            return 1;
        }
    }
    return 0;
}

static void write_required(closing *c, const clp_schema_sources *s)
{
    int written = 0;

    for (int i = 0; i < s->n; i++) {
        clp_jval list = clp_jval_get(s->from[i], "required");
        CLP_JVAL_EACH (v, clp_jval_is_array(list) ? list : CLP_JVAL_NONE) {
            if (!is_property(s, v, c->refs.pool)) {
                continue;
            }
            if (!written++) {
                clp_jw_key(c->w, "required");
                clp_jw_array(c->w);
            }
            clp_jw_raw(c->w, clp_jval_raw(v));
        }
    }
    if (written) {
        clp_jw_end_array(c->w);
    }
}

static void write_object(closing *c, const clp_schema_sources *s, int depth)
{
    if (any_property(s)) {
        clp_jw_key(c->w, "properties");
        clp_jw_object(c->w);
        for (int i = 0; i < s->n; i++) {
            clp_jval list = clp_jval_get(s->from[i], "properties");
            CLP_JVAL_EACH (v, clp_jval_is_object(list) ? list : CLP_JVAL_NONE) {
                if (clp_jval_kind(v) != CLP_JSON_FALSE &&
                    !is_defined_before(s, i, v, c->refs.pool)) {
                    clp_jw_key_text(c->w, clp_jval_name(v));
                    write_schema(c, v, depth + 1);
                }
            }
        }
        clp_jw_end_object(c->w);
        write_required(c, s);
        copy(c, s, "propertyOrdering");
    }
    copy(c, s, "minProperties");
    copy(c, s, "maxProperties");
}

/* --- arrays, strings, numbers -------------------------------------------------------------- */

/* An array without items is refused; strings are what most of such hold. */
static void write_array(closing *c, const clp_schema_sources *s, int depth)
{
    clp_jval items = clp_schema_keyword(s, "items");

    clp_jw_key(c->w, "items");
    if (clp_jval_is_object(items) && clp_jval_count(items)) {
        write_schema(c, items, depth + 1);
    }
    else {
        clp_jw_raw(c->w, CLP_SPAN_LIT("{\"type\":\"string\"}"));
    }
    copy(c, s, "minItems");
    copy(c, s, "maxItems");
}

static void write_choice(closing *c, clp_jval v)
{
    if (clp_jval_is_string(v)) {
        clp_jw_text(c->w, clp_jval_text(v));
    }
    else if (clp_jval_kind(v) == CLP_JSON_NUMBER || clp_jval_kind(v) == CLP_JSON_TRUE ||
             clp_jval_kind(v) == CLP_JSON_FALSE) {
        clp_jw_text(c->w, clp_text_plain(clp_jval_raw(v)));
    }
}

static void write_string(closing *c, const clp_schema_sources *s)
{
    clp_jval format = clp_schema_keyword(s, "format");
    clp_jval choices = clp_schema_keyword(s, "enum");
    clp_jval only = clp_schema_keyword(s, "const");

    if (clp_jval_str_is(format, "enum") || clp_jval_str_is(format, "date-time")) {
        copy(c, s, "format");
    }
    if (clp_jval_is_array(choices) || clp_jval_ok(only)) {
        clp_jw_key(c->w, "enum");
        clp_jw_array(c->w);
        if (clp_jval_ok(only)) {
            write_choice(c, only);
        }
        else {
            CLP_JVAL_EACH (v, choices) {
                write_choice(c, v);
            }
        }
        clp_jw_end_array(c->w);
    }
    copy(c, s, "minLength");
    copy(c, s, "maxLength");
    copy(c, s, "pattern");
}

/* The bound, or the exclusive one as the next integer. */
static void write_bound(closing *c, const clp_schema_sources *s, const char *name,
                        const char *exclusive, int integer, int step)
{
    clp_jval edge = clp_schema_keyword(s, exclusive);
    apr_int64_t n;

    if (clp_jval_kind(clp_schema_keyword(s, name)) == CLP_JSON_NUMBER) {
        copy(c, s, name);
    }
    else if (integer && clp_jval_int(edge, &n) && n > APR_INT64_MIN && n < APR_INT64_MAX) {
        clp_jw_kint(c->w, name, n + step);
    }
    else if (clp_jval_kind(edge) == CLP_JSON_NUMBER) {
        clp_jw_kraw(c->w, name, clp_jval_raw(edge));
    }
}

static void write_number(closing *c, const clp_schema_sources *s, int integer)
{
    static const char *const known[] = {"int32", "int64", "float", "double", NULL};
    clp_jval format = clp_schema_keyword(s, "format");

    for (const char *const *f = known; *f; f++) {
        if (clp_jval_str_is(format, *f)) {
            copy(c, s, "format");
        }
    }
    write_bound(c, s, "minimum", "exclusiveMinimum", integer, 1);
    write_bound(c, s, "maximum", "exclusiveMaximum", integer, -1);
}

/* --- a schema ------------------------------------------------------------------------------- */

static void write_typed(closing *c, const clp_schema_sources *s, const char *type, int depth)
{
    clp_jw_kstr(c->w, "type", type);
    if (strcmp(type, "object") == 0) {
        write_object(c, s, depth);
    }
    else if (strcmp(type, "array") == 0) {
        write_array(c, s, depth);
    }
    else if (strcmp(type, "string") == 0) {
        write_string(c, s);
    }
    else if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0) {
        write_number(c, s, *type == 'i');
    }
}

static void write_alternatives(closing *c, clp_jval list, int depth)
{
    clp_jw_key(c->w, "anyOf");
    clp_jw_array(c->w);
    CLP_JVAL_EACH (v, list) {
        if (!clp_schema_is_null(v)) {
            write_schema(c, v, depth + 1);
        }
    }
    clp_jw_end_array(c->w);
}

static void write_types(closing *c, const clp_schema_sources *s, const char *const *types, int n,
                        int depth)
{
    clp_jw_key(c->w, "anyOf");
    clp_jw_array(c->w);
    for (int i = 0; i < n; i++) {
        clp_jw_object(c->w);
        write_typed(c, s, types[i], depth + 1);
        clp_jw_end_object(c->w);
    }
    clp_jw_end_array(c->w);
}

static void write_example(closing *c, const clp_schema_sources *s)
{
    clp_jval examples = clp_schema_keyword(s, "examples");

    if (clp_jval_ok(clp_schema_keyword(s, "example"))) {
        copy(c, s, "example");
    }
    else if (clp_jval_is_array(examples) && clp_jval_count(examples)) {
        clp_jw_kraw(c->w, "example", clp_jval_raw(clp_jval_first(examples)));
    }
}

static void write_collected(closing *c, clp_schema_sources *s, int depth)
{
    const char *types[CLP_SCHEMA_TYPES_MAX];
    int n = clp_schema_types(s, types, c->refs.pool);
    clp_jval list = clp_schema_alternatives(s);

    clp_jw_object(c->w);
    copy(c, s, "title");
    copy(c, s, "description");
    if (s->recursive && s->n == 1) {
        clp_jw_kstr(c->w, "type", "object");
    }
    else if (n == 1) {
        write_typed(c, s, types[0], depth);
    }
    else if (n > 1 && !clp_jval_ok(list)) {
        write_types(c, s, types, n, depth);
    }
    if (clp_jval_ok(list)) {
        write_alternatives(c, list, depth);
    }
    if (s->nullable) {
        clp_jw_kbool(c->w, "nullable", 1);
    }
    copy(c, s, "default");
    write_example(c, s);
    clp_jw_end_object(c->w);
}

static void write_schema(closing *c, clp_jval v, int depth)
{
    clp_schema_sources s;
    int opened = c->refs.opened;

    if (depth > DEPTH_MAX || c->schemas++ >= SCHEMAS_MAX) {
        clp_jw_raw(c->w, CLP_SPAN_LIT(ANY_OBJECT));
        return;
    }
    clp_schema_sources_of(&c->refs, &s, v);
    write_collected(c, &s, depth);
    c->refs.opened = opened;
}

int clp_gemini_schema_write(clp_jw *w, clp_span schema, apr_pool_t *pool)
{
    closing c;
    clp_schema_sources s;
    clp_json *j = clp_json_make(pool);

    if (!schema.p || clp_json_scan(j, schema, NULL, NULL) != CLP_JSON_OK) {
        return 0;
    }
    memset(&c, 0, sizeof(c));
    c.w = w;
    c.refs.pool = pool;
    c.refs.root = clp_json_root(j);
    c.refs.open[c.refs.opened++] = c.refs.root.at;
    clp_schema_sources_of(&c.refs, &s, c.refs.root);
    if (!any_property(&s) && !clp_jval_ok(clp_schema_alternatives(&s)) &&
        (!clp_jval_ok(clp_schema_keyword(&s, "type")) ||
         clp_jval_str_is(clp_schema_keyword(&s, "type"), "object"))) {
        return 0;
    }
    write_collected(&c, &s, 0);
    return 1;
}
