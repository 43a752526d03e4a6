/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_schema.h"

#include <apr_lib.h>
#include <apr_tables.h>

#include "wire/json_scan.h"

static int name_fits(clp_text name)
{
    const char *p = name.s.p;

    if (!name.s.n || name.s.n > 64 || !(apr_isalpha(*p) || *p == '_')) {
        return 0;
    }
    for (apr_size_t i = 0; i < name.s.n; i++) {
        if (!apr_isalnum(p[i]) && p[i] != '_') {
            return 0;
        }
    }
    return 1;
}

/* Keywords whose members are schemas by name, so that these names are no keywords. */
static int holds_named(clp_jval v)
{
    return clp_jval_named(v, "properties") || clp_jval_named(v, "$defs") ||
           clp_jval_named(v, "definitions");
}

/* Keywords with data in them, not schemas. */
static int holds_data(clp_jval v)
{
    return clp_jval_named(v, "default") || clp_jval_named(v, "enum") ||
           clp_jval_named(v, "const") || clp_jval_named(v, "example") ||
           clp_jval_named(v, "examples") || clp_jval_named(v, "required") ||
           clp_jval_named(v, "patternProperties");
}

int clp_gemini_schema_fits(clp_span schema, apr_pool_t *pool)
{
    clp_json *j = clp_json_make(pool);
    apr_array_header_t *stack = apr_array_make(pool, 16, sizeof(clp_jval));
    int fits = 1;

    if (!schema.p || clp_json_scan(j, schema, NULL, NULL) != CLP_JSON_OK) {
        return 1;
    }
    APR_ARRAY_PUSH(stack, clp_jval) = clp_json_root(j);
    while (fits && stack->nelts) {
        clp_jval at = *(clp_jval *)apr_array_pop(stack);
        CLP_JVAL_EACH (v, at) {
            int by_name = clp_jval_is_object(at) && holds_named(v) && clp_jval_is_object(v);
            if (by_name) {
                CLP_JVAL_EACH (property, v) {
                    fits = fits &&
                           (!clp_jval_named(v, "properties") || name_fits(clp_jval_name(property)));
                    APR_ARRAY_PUSH(stack, clp_jval) = property;
                }
            }
            else if (clp_jval_is_array(v) || clp_jval_is_object(v)) {
                if (!clp_jval_is_object(at) || !holds_data(v)) {
                    APR_ARRAY_PUSH(stack, clp_jval) = v;
                }
            }
        }
    }
    return fits;
}
