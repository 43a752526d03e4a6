/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "schema.h"

#include <apr_hash.h>
#include <apr_tables.h>

#include "wire/json_scan.h"
#include "wire/text.h"

/* Values looked at before a schema counts as too large to be strict. */
#define STRICT_VALUES_MAX 50000

#define NO_MEMBERS "{\"type\":\"object\",\"properties\":{}}"

typedef enum keyword_kind {
    KEYWORD_PLAIN,  /* nothing below it is a schema */
    KEYWORD_SCHEMA, /* holds one schema */
    KEYWORD_LIST,   /* holds an array of schemas */
    KEYWORD_MAP     /* holds an object whose values are schemas */
} keyword_kind;

/* What strict mode takes; anything else makes a schema not strict. */
static const struct {
    const char *name;
    keyword_kind kind;
} keywords[] = {
    {"type", KEYWORD_PLAIN},
    {"description", KEYWORD_PLAIN},
    {"properties", KEYWORD_MAP},
    {"required", KEYWORD_PLAIN},
    {"additionalProperties", KEYWORD_PLAIN},
    {"items", KEYWORD_SCHEMA},
    {"enum", KEYWORD_PLAIN},
    {"const", KEYWORD_PLAIN},
    {"anyOf", KEYWORD_LIST},
    {"$ref", KEYWORD_PLAIN},
    {"$defs", KEYWORD_MAP},
    {"definitions", KEYWORD_MAP},
    {"title", KEYWORD_PLAIN},
    {"pattern", KEYWORD_PLAIN},
    {"format", KEYWORD_PLAIN},
    {"minimum", KEYWORD_PLAIN},
    {"maximum", KEYWORD_PLAIN},
    {"exclusiveMinimum", KEYWORD_PLAIN},
    {"exclusiveMaximum", KEYWORD_PLAIN},
    {"multipleOf", KEYWORD_PLAIN},
    {"minItems", KEYWORD_PLAIN},
    {"maxItems", KEYWORD_PLAIN},
};

static int type_is_object(clp_jval type)
{
    if (clp_jval_str_is(type, "object")) {
        return 1;
    }
    if (clp_jval_is_array(type)) {
        CLP_JVAL_EACH (t, type) {
            if (clp_jval_str_is(t, "object")) {
                return 1;
            }
        }
    }
    return 0;
}

/* Is the object schema closed, with all properties required? */
static int object_is_strict(clp_jval schema, apr_pool_t *pool)
{
    clp_jval properties = clp_jval_get(schema, "properties");
    apr_hash_t *required = apr_hash_make(pool);

    if (clp_jval_kind(clp_jval_get(schema, "additionalProperties")) != CLP_JSON_FALSE) {
        return 0;
    }
    CLP_JVAL_EACH (name, clp_jval_get(schema, "required")) {
        const char *s = clp_jval_cstr(name, pool);
        if (!s) {
            return 0;
        }
        apr_hash_set(required, s, APR_HASH_KEY_STRING, s);
    }
    CLP_JVAL_EACH (p, properties) {
        const char *s = clp_text_cstr(clp_jval_name(p), pool);
        if (!apr_hash_get(required, s, APR_HASH_KEY_STRING)) {
            return 0;
        }
    }
    return 1;
}

static int keyword_of(clp_jval member, keyword_kind *kind)
{
    for (apr_size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (clp_jval_named(member, keywords[i].name)) {
            *kind = keywords[i].kind;
            return 1;
        }
    }
    return 0;
}

/* Checks one schema and puts those it holds on the stack. */
static int schema_is_strict(clp_jval schema, apr_array_header_t *stack, apr_pool_t *pool)
{
    if (!clp_jval_is_object(schema)) {
        return 0;
    }
    CLP_JVAL_EACH (member, schema) {
        keyword_kind kind;
        if (!keyword_of(member, &kind)) {
            return 0;
        }
        if (kind == KEYWORD_SCHEMA) {
            APR_ARRAY_PUSH(stack, clp_jval) = member;
        }
        else if (kind != KEYWORD_PLAIN) {
            CLP_JVAL_EACH (inner, member) {
                APR_ARRAY_PUSH(stack, clp_jval) = inner;
            }
        }
    }
    if (type_is_object(clp_jval_get(schema, "type")) ||
        clp_jval_ok(clp_jval_get(schema, "properties"))) {
        return object_is_strict(schema, pool);
    }
    return 1;
}

int clp_schema_is_strict(clp_span schema, apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, CLP_JSON_RECORD_ALL, STRICT_VALUES_MAX};
    apr_array_header_t *stack;
    apr_pool_t *scratch;
    clp_json *j;
    int strict;

    if (apr_pool_create(&scratch, pool) != APR_SUCCESS) {
        return 0;
    }
    j = clp_json_make(scratch);
    stack = apr_array_make(scratch, 16, sizeof(clp_jval));
    strict = clp_json_scan(j, schema, &limits, NULL) == CLP_JSON_OK &&
             type_is_object(clp_jval_get(clp_json_root(j), "type"));
    if (strict) {
        APR_ARRAY_PUSH(stack, clp_jval) = clp_json_root(j);
    }
    while (strict && stack->nelts) {
        strict = schema_is_strict(*(clp_jval *)apr_array_pop(stack), stack, scratch);
    }
    apr_pool_destroy(scratch);
    return strict;
}

static int is_empty(clp_span schema)
{
    if (!schema.p) {
        return 1;
    }
    for (apr_size_t i = 1; i + 1 < schema.n; i++) {
        if (!strchr(" \t\r\n", schema.p[i])) {
            return 0;
        }
    }
    return 1;
}

void clp_schema_write(clp_jw *w, clp_span schema)
{
    clp_jw_raw(w, is_empty(schema) ? CLP_SPAN_LIT(NO_MEMBERS) : schema);
}

void clp_schema_write_object(clp_jw *w, clp_span schema, apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
    clp_json *j;

    /* The usual spelling needs no second look. */
    if (is_empty(schema) || clp_span_starts(schema, "{\"type\":\"object\"")) {
        clp_schema_write(w, schema);
        return;
    }
    j = clp_json_make(pool);
    if (clp_json_scan(j, schema, &limits, NULL) == CLP_JSON_OK &&
        !clp_jval_str_is(clp_jval_get(clp_json_root(j), "type"), "object")) {
        clp_jw_object(w);
        clp_jw_kstr(w, "type", "object");
        CLP_JVAL_EACH (member, clp_json_root(j)) {
            if (!clp_jval_named(member, "type")) {
                clp_jw_key_text(w, clp_jval_name(member));
                clp_jw_raw(w, clp_jval_raw(member));
            }
        }
        clp_jw_end_object(w);
        return;
    }
    clp_jw_raw(w, schema);
}
