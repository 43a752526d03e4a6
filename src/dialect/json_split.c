/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "json_split.h"

#include <string.h>

typedef enum place {
    BEFORE,  /* the array */
    BETWEEN, /* elements */
    WITHIN,  /* an element */
    STRING,  /* a string in it */
    ESCAPE,  /* behind a backslash there */
    BEHIND   /* the array */
} place;

struct clp_json_split {
    clp_json_split_fn fn;
    void *ctx;
    clp_buffer element;
    place at;
    apr_size_t depth; /* of the element */
    clp_json_split_status status;
};

clp_json_split *clp_json_split_make(apr_pool_t *pool, apr_size_t max_element, clp_json_split_fn fn,
                                    void *ctx)
{
    clp_json_split *s = apr_pcalloc(pool, sizeof(*s));

    s->fn = fn;
    s->ctx = ctx;
    clp_buffer_init(&s->element, pool, max_element);
    return s;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void deliver(clp_json_split *s)
{
    if (s->fn(s->ctx, clp_buffer_all(&s->element))) {
        s->status = CLP_JSON_SPLIT_STOPPED;
    }
    clp_buffer_clear(&s->element);
    s->at = BETWEEN;
}

/* One byte outside of elements. */
static void outside(clp_json_split *s, char c)
{
    if (is_blank(c)) {
        return;
    }
    if (s->at == BEFORE && c == '[') {
        s->at = BETWEEN;
    }
    else if (s->at == BETWEEN && c == '{') {
        clp_buffer_putc(&s->element, c);
        s->depth = 1;
        s->at = WITHIN;
    }
    else if (s->at == BETWEEN && c == ']') {
        s->at = BEHIND;
    }
    else if (s->at != BETWEEN || c != ',') {
        s->status = CLP_JSON_SPLIT_BROKEN;
    }
}

/* How many of the bytes belong to the element, and in what place that leaves us. */
static apr_size_t inside(clp_json_split *s, const char *p, apr_size_t n)
{
    for (apr_size_t i = 0; i < n; i++) {
        char c = p[i];
        if (s->at == ESCAPE) {
            s->at = STRING;
        }
        else if (s->at == STRING) {
            s->at = c == '\\' ? ESCAPE : c == '"' ? WITHIN : STRING;
        }
        else if (c == '"') {
            s->at = STRING;
        }
        else if (c == '{' || c == '[') {
            s->depth++;
        }
        else if ((c == '}' || c == ']') && --s->depth == 0) {
            return i + 1;
        }
    }
    return n;
}

clp_json_split_status clp_json_split_feed(clp_json_split *s, const char *p, apr_size_t n)
{
    const char *end = p + n;

    while (p < end && s->status == CLP_JSON_SPLIT_OK) {
        apr_size_t used;
        if (s->at == BEFORE || s->at == BETWEEN || s->at == BEHIND) {
            outside(s, *p++);
            continue;
        }
        used = inside(s, p, (apr_size_t)(end - p));
        clp_buffer_append(&s->element, p, used);
        p += used;
        if (s->element.overflow) {
            s->status = CLP_JSON_SPLIT_TOO_LARGE;
        }
        else if (s->depth == 0) {
            deliver(s);
        }
    }
    return s->status;
}

int clp_json_split_ended(const clp_json_split *s)
{
    return s->at == BEHIND;
}
