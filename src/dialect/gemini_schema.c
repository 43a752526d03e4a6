/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_schema.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "wire/json_scan.h"
#include "wire/text.h"

/* Schemas inside each other; the writer has two levels of JSON for each, and stands in five. */
#define DEPTH_MAX 24

/* Schemas in all: references could multiply without end. */
#define SCHEMAS_MAX 4096

/* Schemas that are merged into one. */
#define SOURCES_MAX 32

/* References that are being put in, one in the other. */
#define OPEN_MAX 64

#define ANY_OBJECT "{\"type\":\"object\"}"

typedef struct closing {
    clp_jw *w;
    apr_pool_t *pool;
    clp_jval root;
    apr_uint32_t open[OPEN_MAX]; /* where the references point that are being put in */
    int opened;
    int schemas;
} closing;

/* What one schema of the target's is made of. */
typedef struct sources {
    clp_jval from[SOURCES_MAX];
    int n;
    int nullable;
    int recursive; /* a reference leads back to where we are */
} sources;

/* --- references -------------------------------------------------------------------- */

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
static clp_jval resolve(const closing *c, clp_jval ref)
{
    const char *p = clp_jval_cstr(ref, c->pool);
    clp_jval at = c->root;

    if (!p || *p++ != '#') {
        return CLP_JVAL_NONE;
    }
    while (*p == '/' && clp_jval_ok(at)) {
        apr_size_t n = strcspn(++p, "/");
        at = clp_jval_get(at, pointer_segment(p, n, c->pool));
        p += n;
    }
    return *p ? CLP_JVAL_NONE : at;
}

static int is_null_type(clp_jval v)
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
        if (is_null_type(v)) {
            continue;
        }
        if (clp_jval_ok(sole)) {
            return CLP_JVAL_NONE;
        }
        sole = v;
    }
    return sole;
}

static void collect(closing *c, sources *s, clp_jval v);

static void collect_reference(closing *c, sources *s, clp_jval ref)
{
    clp_jval to = resolve(c, ref);

    if (!clp_jval_ok(to)) {
        return;
    }
    for (int i = 0; i < c->opened; i++) {
        if (c->open[i] == to.at) {
            s->recursive = 1;
            return;
        }
    }
    if (c->opened == OPEN_MAX) {
        s->recursive = 1;
        return;
    }
    c->open[c->opened++] = to.at;
    collect(c, s, to);
}

/* The schema itself, what it refers to, what allOf adds, and a sole alternative. Ends, for each
 * step is another place of the document, and there are bounds on their number. */
static void collect(closing *c, sources *s, clp_jval v)
{
    clp_jval list = alternatives(v);
    clp_jval ref = clp_jval_get(v, "$ref");

    if (!clp_jval_is_object(v) || s->n == SOURCES_MAX) {
        return;
    }
    s->from[s->n++] = v;
    if (clp_jval_kind(clp_jval_get(v, "nullable")) == CLP_JSON_TRUE) {
        s->nullable = 1;
    }
    if (clp_jval_is_string(ref)) {
        collect_reference(c, s, ref);
    }
    CLP_JVAL_EACH (part, clp_jval_is_array(clp_jval_get(v, "allOf")) ? clp_jval_get(v, "allOf")
                                                                     : CLP_JVAL_NONE) {
        collect(c, s, part);
    }
    CLP_JVAL_EACH (a, clp_jval_is_array(list) ? list : CLP_JVAL_NONE) {
        if (is_null_type(a)) {
            s->nullable = 1;
        }
    }
    if (clp_jval_is_array(list) && clp_jval_ok(sole_alternative(list))) {
        collect(c, s, sole_alternative(list));
    }
}

/* --- keywords ------------------------------------------------------------------------- */

/* The first source that has it. */
static clp_jval keyword(const sources *s, const char *name)
{
    for (int i = 0; i < s->n; i++) {
        clp_jval v = clp_jval_get(s->from[i], name);
        if (clp_jval_ok(v)) {
            return v;
        }
    }
    return CLP_JVAL_NONE;
}

static void copy(closing *c, const sources *s, const char *name)
{
    clp_jval v = keyword(s, name);

    if (!clp_jval_nil(v)) {
        clp_jw_kraw(c->w, name, clp_jval_raw(v));
    }
}

#define TYPES_MAX 7

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
static int add_type(const char *types[TYPES_MAX], int n, clp_jval type, apr_pool_t *pool)
{
    const char *word = lower(type, pool);

    if (word && n < TYPES_MAX) {
        types[n++] = word;
    }
    return n;
}

/* The types a schema may have, null apart; what is said nowhere follows from the keywords. */
static int types_of(closing *c, sources *s, const char *types[TYPES_MAX])
{
    clp_jval type = keyword(s, "type");
    int n = 0;

    n = add_type(types, n, type, c->pool);
    CLP_JVAL_EACH (v, clp_jval_is_array(type) ? type : CLP_JVAL_NONE) {
        if (clp_jval_str_is(v, "null")) {
            s->nullable = 1;
        }
        else {
            n = add_type(types, n, v, c->pool);
        }
    }
    if (!n && clp_jval_ok(keyword(s, "properties"))) {
        types[n++] = "object";
    }
    if (!n && clp_jval_ok(keyword(s, "items"))) {
        types[n++] = "array";
    }
    CLP_JVAL_EACH (v, clp_jval_is_array(keyword(s, "enum")) ? keyword(s, "enum") : CLP_JVAL_NONE) {
        s->nullable |= clp_jval_kind(v) == CLP_JSON_NULL;
    }
    if (clp_jval_ok(keyword(s, "enum")) || clp_jval_ok(keyword(s, "const"))) {
        types[0] = "string";
        n = 1;
    }
    return n;
}

static void write_schema(closing *c, clp_jval v, int depth);

/* --- objects ------------------------------------------------------------------------------ */

/* A property is defined by the first source that has it. */
static int is_defined_before(const sources *s, int source, clp_jval property, apr_pool_t *pool)
{
    const char *name = clp_text_cstr(clp_jval_name(property), pool);

    for (int i = 0; i < source; i++) {
        if (clp_jval_ok(clp_jval_get(clp_jval_get(s->from[i], "properties"), name))) {
            return 1;
        }
    }
    return 0;
}

static int is_property(const sources *s, clp_jval name, apr_pool_t *pool)
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

static int any_property(const sources *s)
{
    for (int i = 0; i < s->n; i++) {
        if (clp_jval_count(clp_jval_get(s->from[i], "properties")) > 0) {
            return 1;
        }
    }
    return 0;
}

static void write_required(closing *c, const sources *s)
{
    int written = 0;

    for (int i = 0; i < s->n; i++) {
        clp_jval list = clp_jval_get(s->from[i], "required");
        CLP_JVAL_EACH (v, clp_jval_is_array(list) ? list : CLP_JVAL_NONE) {
            if (!is_property(s, v, c->pool)) {
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

static void write_object(closing *c, const sources *s, int depth)
{
    if (any_property(s)) {
        clp_jw_key(c->w, "properties");
        clp_jw_object(c->w);
        for (int i = 0; i < s->n; i++) {
            clp_jval list = clp_jval_get(s->from[i], "properties");
            CLP_JVAL_EACH (v, clp_jval_is_object(list) ? list : CLP_JVAL_NONE) {
                if (clp_jval_kind(v) != CLP_JSON_FALSE && !is_defined_before(s, i, v, c->pool)) {
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
static void write_array(closing *c, const sources *s, int depth)
{
    clp_jval items = keyword(s, "items");

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

static void write_string(closing *c, const sources *s)
{
    clp_jval format = keyword(s, "format");
    clp_jval choices = keyword(s, "enum");
    clp_jval only = keyword(s, "const");

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
static void write_bound(closing *c, const sources *s, const char *name, const char *exclusive,
                        int integer, int step)
{
    clp_jval edge = keyword(s, exclusive);
    apr_int64_t n;

    if (clp_jval_kind(keyword(s, name)) == CLP_JSON_NUMBER) {
        copy(c, s, name);
    }
    else if (integer && clp_jval_int(edge, &n) && n > APR_INT64_MIN && n < APR_INT64_MAX) {
        clp_jw_kint(c->w, name, n + step);
    }
    else if (clp_jval_kind(edge) == CLP_JSON_NUMBER) {
        clp_jw_kraw(c->w, name, clp_jval_raw(edge));
    }
}

static void write_number(closing *c, const sources *s, int integer)
{
    static const char *const known[] = {"int32", "int64", "float", "double", NULL};
    clp_jval format = keyword(s, "format");

    for (const char *const *f = known; *f; f++) {
        if (clp_jval_str_is(format, *f)) {
            copy(c, s, "format");
        }
    }
    write_bound(c, s, "minimum", "exclusiveMinimum", integer, 1);
    write_bound(c, s, "maximum", "exclusiveMaximum", integer, -1);
}

/* --- a schema ------------------------------------------------------------------------------- */

static void write_typed(closing *c, const sources *s, const char *type, int depth)
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

/* The alternatives to write: of a source that has several. */
static clp_jval open_alternatives(const sources *s)
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

static void write_alternatives(closing *c, clp_jval list, int depth)
{
    clp_jw_key(c->w, "anyOf");
    clp_jw_array(c->w);
    CLP_JVAL_EACH (v, list) {
        if (!is_null_type(v)) {
            write_schema(c, v, depth + 1);
        }
    }
    clp_jw_end_array(c->w);
}

static void write_types(closing *c, const sources *s, const char *const *types, int n, int depth)
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

static void write_example(closing *c, const sources *s)
{
    clp_jval examples = keyword(s, "examples");

    if (clp_jval_ok(keyword(s, "example"))) {
        copy(c, s, "example");
    }
    else if (clp_jval_is_array(examples) && clp_jval_count(examples)) {
        clp_jw_kraw(c->w, "example", clp_jval_raw(clp_jval_first(examples)));
    }
}

static void write_collected(closing *c, sources *s, int depth)
{
    const char *types[TYPES_MAX];
    int n = types_of(c, s, types);
    clp_jval list = open_alternatives(s);

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
    sources s;
    int opened = c->opened;

    if (depth > DEPTH_MAX || c->schemas++ >= SCHEMAS_MAX) {
        clp_jw_raw(c->w, CLP_SPAN_LIT(ANY_OBJECT));
        return;
    }
    memset(&s, 0, sizeof(s));
    collect(c, &s, v);
    write_collected(c, &s, depth);
    c->opened = opened;
}

int clp_gemini_schema_write(clp_jw *w, clp_span schema, apr_pool_t *pool)
{
    closing c;
    sources s;
    clp_json *j = clp_json_make(pool);

    if (!schema.p || clp_json_scan(j, schema, NULL, NULL) != CLP_JSON_OK) {
        return 0;
    }
    memset(&c, 0, sizeof(c));
    c.w = w;
    c.pool = pool;
    c.root = clp_json_root(j);
    c.open[c.opened++] = c.root.at;
    memset(&s, 0, sizeof(s));
    collect(&c, &s, c.root);
    if (!any_property(&s) && !clp_jval_ok(open_alternatives(&s)) &&
        (!clp_jval_ok(keyword(&s, "type")) || clp_jval_str_is(keyword(&s, "type"), "object"))) {
        return 0;
    }
    write_collected(&c, &s, 0);
    return 1;
}

/* --- names of properties ---------------------------------------------------------------------- */

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
