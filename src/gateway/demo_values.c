/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "demo_values.h"

#include "wire/json_scan.h"
#include "wire/json_write.h"

/* Objects inside each other; deeper ones stay empty. */
#define MAX_DEPTH 8

static void write_value(clp_jw *w, clp_jval schema, int depth, apr_pool_t *pool);

/* The first type that is not null, of "type": "x" or ["x", …]. */
static clp_jval type_of(clp_jval schema)
{
    clp_jval type = clp_jval_get(schema, "type");
    if (clp_jval_is_array(type)) {
        CLP_JVAL_EACH (v, type) {
            if (!clp_jval_str_is(v, "null")) {
                return v;
            }
        }
    }
    return type;
}

static clp_jval given_value(clp_jval schema)
{
    clp_jval v = clp_jval_get(schema, "const");
    if (!clp_jval_ok(v)) {
        v = clp_jval_first(clp_jval_get(schema, "enum"));
    }
    return clp_jval_ok(v) ? v : clp_jval_get(schema, "default");
}

static clp_jval property_of(clp_jval schema, clp_jval name, apr_pool_t *pool)
{
    const char *plain = clp_jval_cstr(name, pool);
    return plain ? clp_jval_get(clp_jval_get(schema, "properties"), plain) : CLP_JVAL_NONE;
}

static void write_object(clp_jw *w, clp_jval schema, int depth, apr_pool_t *pool)
{
    clp_jval required = clp_jval_get(schema, "required");
    clp_jw_object(w);
    if (clp_jval_is_array(required) && depth < MAX_DEPTH) {
        CLP_JVAL_EACH (name, required) {
            if (clp_jval_is_string(name)) {
                clp_jw_key_text(w, clp_jval_text(name));
                write_value(w, property_of(schema, name, pool), depth + 1, pool);
            }
        }
    }
    clp_jw_end_object(w);
}

static void write_array(clp_jw *w, clp_jval schema, int depth, apr_pool_t *pool)
{
    clp_jw_array(w);
    if (clp_jval_count_or(clp_jval_get(schema, "minItems"), 0) > 0) {
        write_value(w, clp_jval_get(schema, "items"), depth + 1, pool);
    }
    clp_jw_end_array(w);
}

static void write_value(clp_jw *w, clp_jval schema, int depth, apr_pool_t *pool)
{
    clp_jval given = given_value(schema);
    clp_jval type = type_of(schema);
    apr_int64_t least = 1;

    if (clp_jval_ok(given)) {
        clp_jw_raw(w, clp_jval_raw(given));
    }
    else if (clp_jval_str_is(type, "object")) {
        write_object(w, schema, depth, pool);
    }
    else if (clp_jval_str_is(type, "array")) {
        if (depth < MAX_DEPTH) {
            write_array(w, schema, depth, pool);
        }
        else {
            clp_jw_raw(w, CLP_SPAN_LIT("[]"));
        }
    }
    else if (clp_jval_str_is(type, "integer") || clp_jval_str_is(type, "number")) {
        clp_jval_int(clp_jval_get(schema, "minimum"), &least);
        clp_jw_int(w, least > 1 ? least : 1);
    }
    else if (clp_jval_str_is(type, "boolean")) {
        clp_jw_bool(w, 1);
    }
    else if (clp_jval_str_is(type, "null")) {
        clp_jw_null(w);
    }
    else {
        clp_jw_str(w, "demo");
    }
}

void clp_demo_object(clp_buffer *out, clp_span schema, apr_pool_t *pool)
{
    clp_json *doc = clp_json_make(pool);
    clp_jw w;

    clp_jw_init(&w, out);
    if (!schema.p || clp_json_scan(doc, schema, NULL, NULL) != CLP_JSON_OK) {
        clp_jw_raw(&w, CLP_SPAN_LIT("{}"));
        return;
    }
    write_object(&w, clp_json_root(doc), 0, pool);
}
