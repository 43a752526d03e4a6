/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/tools.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "dialect/dialect.h"
#include "wire/text.h"

#define WRAP_KEY "_invalid_arguments"

struct clp_tool_names {
    apr_pool_t *pool;
    apr_size_t max;
    apr_hash_t *fitted;        /* client's name -> fitted */
    apr_hash_t *original;      /* fitted -> client's name */
    apr_hash_t *restored;      /* fitted -> what the table of changed names says of it */
    apr_array_header_t *order; /* of const char *: the keys of `restored` as they came */
};

static void restore(clp_tool_names *names, const char *fitted, const char *value)
{
    if (!apr_hash_get(names->restored, fitted, APR_HASH_KEY_STRING)) {
        APR_ARRAY_PUSH(names->order, const char *) = fitted;
    }
    apr_hash_set(names->restored, fitted, APR_HASH_KEY_STRING, value);
}

/* The fitted name, or NULL if another tool already has it. */
static const char *name_add(clp_tool_names *names, clp_text name, const char **other)
{
    const char *plain = clp_text_cstr(name, names->pool);
    const char *fitted = apr_hash_get(names->fitted, plain, APR_HASH_KEY_STRING);

    if (fitted) {
        return fitted;
    }
    fitted = clp_text_fit(plain, CLP_CHARSET_TOOL, names->max, names->pool);
    *other = apr_hash_get(names->original, fitted, APR_HASH_KEY_STRING);
    if (*other) {
        return NULL;
    }
    apr_hash_set(names->fitted, plain, APR_HASH_KEY_STRING, fitted);
    apr_hash_set(names->original, fitted, APR_HASH_KEY_STRING, plain);
    if (strcmp(plain, fitted) != 0) {
        restore(names, fitted, plain);
    }
    return fitted;
}

static clp_problem *refuse(const clp_conversation *c, clp_jval origin, apr_pool_t *pool,
                           const char *what, const char *name)
{
    const char *path = origin.doc ? clp_jval_path(origin, c->dialect->path_style, pool) : "tools";
    return clp_problem_at(pool, CLP_BAD_REQUEST, path, what, name);
}

static clp_problem *add(clp_tool_names *names, const clp_conversation *c, clp_text name,
                        clp_jval origin)
{
    const char *other = NULL;

    if (name_add(names, name, &other)) {
        return NULL;
    }
    return refuse(c, origin, names->pool,
                  "the upstream cannot tell this tool's name from that of the tool \"%s\"", other);
}

static clp_problem *add_definitions(clp_tool_names *names, const clp_conversation *c)
{
    apr_hash_t *seen = apr_hash_make(names->pool);

    for (int i = 0; i < c->tools->nelts; i++) {
        const clp_tool *t = &APR_ARRAY_IDX(c->tools, i, clp_tool);
        clp_problem *p;
        const char *plain;
        if (t->kind == CLP_TOOL_SERVER) {
            continue;
        }
        plain = clp_text_cstr(t->name, names->pool);
        if (apr_hash_get(seen, plain, APR_HASH_KEY_STRING)) {
            return refuse(c, t->origin, names->pool, "the tool \"%s\" is defined twice", plain);
        }
        apr_hash_set(seen, plain, APR_HASH_KEY_STRING, plain);
        p = add(names, c, t->name, t->origin);
        if (p) {
            return p;
        }
    }
    return NULL;
}

clp_problem *clp_tool_names_make(clp_tool_names **out, const clp_conversation *c, apr_size_t max,
                                 apr_pool_t *pool)
{
    clp_tool_names *names = apr_pcalloc(pool, sizeof(*names));
    clp_problem *p;

    names->pool = pool;
    names->max = max;
    names->fitted = apr_hash_make(pool);
    names->original = apr_hash_make(pool);
    names->restored = apr_hash_make(pool);
    names->order = apr_array_make(pool, 4, sizeof(const char *));

    p = add_definitions(names, c);
    for (int i = 0; !p && i < c->choice_names->nelts; i++) {
        p = add(names, c, APR_ARRAY_IDX(c->choice_names, i, clp_text), CLP_JVAL_NONE);
    }
    for (const clp_turn *t = c->turns; t && !p; t = t->next) {
        for (const clp_block *b = t->blocks; b && !p; b = b->next) {
            if (b->kind == CLP_BLOCK_TOOL_CALL) {
                p = add(names, c, b->name, b->origin);
            }
        }
    }
    *out = names;
    return p;
}

const char *clp_tool_names_fit(clp_tool_names *names, clp_text name)
{
    const char *plain = clp_text_cstr(name, names->pool);
    const char *fitted = apr_hash_get(names->fitted, plain, APR_HASH_KEY_STRING);

    return fitted ? fitted : clp_text_fit(plain, CLP_CHARSET_TOOL, names->max, names->pool);
}

void clp_tool_names_bridge(clp_tool_names *names, clp_text name)
{
    static const char mark[] = {CLP_TOOL_CUSTOM_MARK, '\0'};
    const char *fitted = clp_tool_names_fit(names, name);

    restore(names, fitted, apr_pstrcat(names->pool, mark, clp_text_cstr(name, names->pool), NULL));
}

/* Not by apr_table_set(), for which Read and read are the same key. */
apr_table_t *clp_tool_names_changed(const clp_tool_names *names)
{
    apr_table_t *table;

    if (!names->order->nelts) {
        return NULL;
    }
    table = apr_table_make(names->pool, names->order->nelts);
    for (int i = 0; i < names->order->nelts; i++) {
        const char *fitted = APR_ARRAY_IDX(names->order, i, const char *);
        apr_table_addn(table, fitted, apr_hash_get(names->restored, fitted, APR_HASH_KEY_STRING));
    }
    return table;
}

const char *clp_tool_names_lookup(const apr_table_t *table, const char *name, int *custom)
{
    const apr_array_header_t *rows = table ? apr_table_elts(table) : NULL;

    *custom = 0;
    for (int i = 0; rows && i < rows->nelts; i++) {
        const apr_table_entry_t *row = &APR_ARRAY_IDX(rows, i, apr_table_entry_t);
        if (strcmp(row->key, name) == 0) {
            *custom = row->val[0] == CLP_TOOL_CUSTOM_MARK;
            return row->val + *custom;
        }
    }
    return name;
}

const char *clp_tool_id_fit(clp_text id, apr_size_t max, apr_pool_t *pool)
{
    return clp_text_fit(clp_text_cstr(id, pool), CLP_CHARSET_TOOL, max, pool);
}

static int scan_object(clp_json *j, clp_span text, apr_uint32_t record_depth)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, record_depth, 0};

    return clp_json_scan(j, text, &limits, NULL) == CLP_JSON_OK &&
           clp_jval_is_object(clp_json_root(j));
}

static int hex4(const char *p, unsigned *out)
{
    unsigned v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];
        unsigned d = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
        v = v * 16 + d;
    }
    *out = v;
    return v >= 0xd800 && v <= 0xdfff;
}

/*
 * Escapes of lone surrogates in a JSON text become \ufffd, which is as long:
 * Anthropic refuses the whole request for one. Backslashes stand in strings
 * only, and the text is valid.
 */
static void repair_surrogates(char *p, apr_size_t n)
{
    char *end = p + n;

    while ((p = memchr(p, '\\', (apr_size_t)(end - p))) != NULL) {
        unsigned unit;
        unsigned low;
        if (p[1] != 'u') {
            p += 2;
            continue;
        }
        if (hex4(p + 2, &unit)) {
            if (unit < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u' &&
                hex4(p + 8, &low) && low >= 0xdc00) {
                p += 12;
                continue;
            }
            memcpy(p + 2, "fffd", 4);
        }
        p += 6;
    }
}

/* Lone surrogates that the decoded text holds as WTF-8 become U+FFFD, which is as long too. */
static void repair_wtf8(char *p, apr_size_t n)
{
    char *end = p + n;

    while ((p = memchr(p, '\xed', (apr_size_t)(end - p))) != NULL && end - p >= 3) {
        if ((p[1] & 0xe0) == 0xa0) {
            memcpy(p, "\xef\xbf\xbd", 3);
        }
        p += 3;
    }
}

static void write_arguments(clp_jw *w, clp_text arguments, apr_pool_t *pool)
{
    clp_buffer *plain = clp_buffer_make(pool, 0);
    clp_json *j = clp_json_make(pool);
    clp_span text;

    clp_text_append_plain(plain, arguments);
    repair_wtf8(plain->p, plain->n);
    text = clp_buffer_all(plain);
    if (scan_object(j, text, 0)) {
        repair_surrogates(plain->p, plain->n);
        clp_jw_raw(w, text);
    }
    else if (clp_jval_kind(clp_json_root(j)) == CLP_JSON_NULL) {
        clp_jw_raw(w, CLP_SPAN_LIT("{}"));
    }
    else {
        clp_jw_object(w);
        clp_jw_ktext(w, WRAP_KEY, arguments);
        clp_jw_end_object(w);
    }
    clp_buffer_release(plain);
}

void clp_tool_input_object(clp_jw *w, const clp_tool_input *input, apr_pool_t *pool)
{
    if (input->object.p) {
        clp_jw_raw(w, input->object);
    }
    else if (!input->arguments.s.p || clp_text_blank(input->arguments)) {
        clp_jw_raw(w, CLP_SPAN_LIT("{}"));
    }
    else {
        write_arguments(w, input->arguments, pool);
    }
}

/* The text in {"_invalid_arguments":"<text>"}; absent for any other object. */
static clp_text unwrap(clp_span object, apr_pool_t *pool)
{
    clp_text none = {{NULL, 0}, 0};
    clp_span head = clp_span_of(object.p, object.n < 64 ? object.n : 64);
    clp_json *j;
    clp_jval only;

    /* Looking closer is only worth it for what we may have written ourselves. */
    if (!head.n || !memmem(head.p, head.n, WRAP_KEY, sizeof(WRAP_KEY) - 1)) {
        return none;
    }
    j = clp_json_make(pool);
    if (!scan_object(j, object, 1) || clp_jval_count(clp_json_root(j)) != 1) {
        return none;
    }
    only = clp_jval_first(clp_json_root(j));
    return clp_jval_named(only, WRAP_KEY) ? clp_jval_text(only) : none;
}

void clp_tool_input_text(clp_jw *w, const clp_tool_input *input, apr_pool_t *pool)
{
    clp_text wrapped;

    if (!input->object.p) {
        int blank = !input->arguments.s.p || clp_text_blank(input->arguments);
        clp_jw_text(w, blank ? clp_text_str("{}") : input->arguments);
        return;
    }
    wrapped = unwrap(input->object, pool);
    clp_jw_text(w, wrapped.s.p ? wrapped : clp_text_plain(input->object));
}
