/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_schema.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "gemini_names.h"
#include "wire/text.h"

/* Schemas inside each other; a writer has two levels of JSON for each. */
#define DEPTH_MAX 28

static const char *const types[] = {"STRING", "NUMBER", "INTEGER", "BOOLEAN",
                                    "ARRAY",  "OBJECT", "NULL",    NULL};

/* Only Google spells types so, or knows these words. */
static int looks_googles(clp_span schema)
{
    static const char *const words[] = {
        "nullable\"", "\"propertyOrdering\"", "\"property_ordering\"",
        "\"any_of\"", "\"example\"",          "\"TYPE_UNSPECIFIED\"",
        NULL};
    for (const char *const *w = words; *w; w++) {
        if (memmem(schema.p, schema.n, *w, strlen(*w))) {
            return 1;
        }
    }
    for (const char *const *t = types; *t; t++) {
        if (memmem(schema.p, schema.n, *t, strlen(*t))) {
            return 1;
        }
    }
    /* 64-bit numbers are strings in the JSON of protocol buffers */
    return memmem(schema.p, schema.n, "Items\":\"", 8) ||
           memmem(schema.p, schema.n, "Length\":\"", 9) ||
           memmem(schema.p, schema.n, "Properties\":\"", 13);
}

static const char *type_word(clp_jval v, apr_pool_t *pool)
{
    const char *word = clp_jval_cstr(v, pool);

    for (const char *const *t = types; word && *t; t++) {
        if (strcmp(word, *t) == 0) {
            char *lower = apr_pstrdup(pool, word);
            for (char *p = lower; *p; p++) {
                *p = (char)apr_tolower(*p);
            }
            return lower;
        }
    }
    return word;
}

static void open_type(clp_jw *w, clp_jval type, int nullable, apr_pool_t *pool)
{
    const char *word = type_word(type, pool);

    if (clp_jval_is_array(type)) {
        clp_jw_key(w, "type");
        clp_jw_array(w);
        CLP_JVAL_EACH (v, type) {
            clp_jw_str(w, clp_jval_is_string(v) ? type_word(v, pool) : "string");
        }
        clp_jw_end_array(w);
    }
    else if (word && strcmp(word, "TYPE_UNSPECIFIED") != 0) {
        clp_jw_key(w, "type");
        if (nullable) {
            clp_jw_array(w);
            clp_jw_str(w, word);
            clp_jw_str(w, "null");
            clp_jw_end_array(w);
        }
        else {
            clp_jw_str(w, word);
        }
    }
}

static const char *bound_name(clp_jval member)
{
    static const char *const names[] = {"minItems",      "maxItems",      "minLength", "maxLength",
                                        "minProperties", "maxProperties", NULL};
    for (const char *const *n = names; *n; n++) {
        if (clp_gemini_named(member, *n)) {
            return *n;
        }
    }
    return NULL;
}

/* A 64-bit number as protocol buffers spell it. */
static int is_digits(clp_jval v)
{
    clp_span s = clp_jval_text(v).s;

    for (apr_size_t i = 0; i < s.n; i++) {
        if (!apr_isdigit(s.p[i])) {
            return 0;
        }
    }
    return s.n > 0 && s.n < 19 && (s.n == 1 || s.p[0] != '0');
}

static void open_schema(clp_jw *w, clp_jval v, int depth, apr_pool_t *pool);

static void open_named(clp_jw *w, const char *key, clp_jval schemas, int depth, apr_pool_t *pool)
{
    clp_jw_key(w, key);
    clp_jw_object(w);
    CLP_JVAL_EACH (v, schemas) {
        clp_jw_key_text(w, clp_jval_name(v));
        open_schema(w, v, depth + 1, pool);
    }
    clp_jw_end_object(w);
}

static void open_list(clp_jw *w, const char *key, clp_jval schemas, int depth, apr_pool_t *pool)
{
    clp_jw_key(w, key);
    clp_jw_array(w);
    CLP_JVAL_EACH (v, schemas) {
        open_schema(w, v, depth + 1, pool);
    }
    clp_jw_end_array(w);
}

/* Keywords whose value is, or holds, schemas. */
static const struct {
    const char *name;
    char form; /* s: a schema, n: by names, l: a list */
} nested[] = {
    {"properties", 'n'},
    {"items", 's'},
    {"anyOf", 'l'},
    {"oneOf", 'l'},
    {"allOf", 'l'},
    {"$defs", 'n'},
    {"definitions", 'n'},
    {"prefixItems", 'l'},
    {"additionalProperties", 's'},
    {"not", 's'},
    {"patternProperties", 'n'},
};

static int open_nested(clp_jw *w, clp_jval v, int depth, apr_pool_t *pool)
{
    for (apr_size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
        if (!clp_gemini_named(v, nested[i].name)) {
            continue;
        }
        if (nested[i].form == 'n' && clp_jval_is_object(v)) {
            open_named(w, nested[i].name, v, depth, pool);
        }
        else if (nested[i].form == 'l' && clp_jval_is_array(v)) {
            open_list(w, nested[i].name, v, depth, pool);
        }
        else if (nested[i].form == 's' && clp_jval_is_object(v)) {
            clp_jw_key(w, nested[i].name);
            open_schema(w, v, depth + 1, pool);
        }
        else {
            return 0;
        }
        return 1;
    }
    return 0;
}

static void open_member(clp_jw *w, clp_jval v, int depth, apr_pool_t *pool)
{
    if (open_nested(w, v, depth, pool)) {
        return;
    }
    if (clp_gemini_named(v, "example")) {
        clp_jw_key(w, "examples");
        clp_jw_array(w);
        clp_jw_raw(w, clp_jval_raw(v));
        clp_jw_end_array(w);
        return;
    }
    if (bound_name(v)) {
        clp_jw_key(w, bound_name(v));
        clp_jw_raw(w, is_digits(v) ? clp_jval_text(v).s : clp_jval_raw(v));
        return;
    }
    clp_jw_key_text(w, clp_jval_name(v));
    clp_jw_raw(w, clp_jval_raw(v));
}

static void open_schema(clp_jw *w, clp_jval v, int depth, apr_pool_t *pool)
{
    int nullable = clp_jval_kind(clp_jval_get(v, "nullable")) == CLP_JSON_TRUE;

    if (!clp_jval_is_object(v) || depth > DEPTH_MAX) {
        clp_jw_raw(w, clp_jval_raw(v));
        return;
    }
    clp_jw_object(w);
    CLP_JVAL_EACH (member, v) {
        if (clp_jval_named(member, "type")) {
            open_type(w, member, nullable, pool);
        }
        else if (!clp_jval_named(member, "nullable") &&
                 !clp_gemini_named(member, "propertyOrdering")) {
            open_member(w, member, depth, pool);
        }
    }
    clp_jw_end_object(w);
}

clp_span clp_gemini_schema_open(clp_span schema, apr_pool_t *pool)
{
    clp_json *j;
    clp_buffer *out;
    clp_jw w;

    if (!looks_googles(schema)) {
        return schema;
    }
    j = clp_json_make(pool);
    if (clp_json_scan(j, schema, NULL, NULL) != CLP_JSON_OK) {
        return schema;
    }
    out = clp_buffer_make(pool, 0);
    clp_jw_init(&w, out);
    open_schema(&w, clp_json_root(j), 0, pool);
    return clp_buffer_all(out);
}
