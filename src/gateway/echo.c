/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "echo.h"

#include <string.h>

#include <apr_lib.h>

#include "wire/text.h"

/*
 * The text's words of 8 bytes, from every place of it, are put into a table; of the body only every
 * eighth place is looked up there. A run of CLP_ECHO_MIN bytes holds one such place.
 */
#define STEP    8
#define BUCKETS 1024 /* a power of 2 */
#define SAME    8    /* places of one word that are looked at */

_Static_assert(CLP_ECHO_MIN >= 2 * STEP - 1, "no run falls between the places");

typedef struct echo {
    clp_span text;
    clp_span body;
    const char *name;
    short first[BUCKETS];       /* place in the text, -1 = none */
    short next[CLP_ECHO_TEXT];  /* with the same hash */
    char quoted[CLP_ECHO_TEXT]; /* by byte */
} echo;

static apr_uint64_t word_at(const char *p)
{
    apr_uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

static unsigned bucket_of(apr_uint64_t word)
{
    return (unsigned)(word * APR_UINT64_C(0x9e3779b97f4a7c15) >> 54) & (BUCKETS - 1);
}

static void index_text(echo *e)
{
    for (int i = 0; i < BUCKETS; i++) {
        e->first[i] = -1;
    }
    for (apr_size_t i = e->text.n - STEP + 1; i-- > 0;) {
        unsigned bucket = bucket_of(word_at(e->text.p + i));
        e->next[i] = e->first[bucket];
        e->first[bucket] = (short)i;
    }
}

/* The name of a member, as far as it can be one: not what stands in somebody's text. */
static int is_member(const echo *e, apr_size_t at, apr_size_t n)
{
    clp_span b = e->body;

    if (!at || at + n + 1 >= b.n || b.p[at - 1] != '"' || b.p[at + n] != '"' ||
        b.p[at + n + 1] != ':') {
        return 0;
    }
    for (apr_size_t i = at; i < at + n; i++) {
        if (!apr_isalpha(b.p[i]) && b.p[i] != '_') {
            return 0;
        }
    }
    return 1;
}

static int is_name(const echo *e, clp_span run)
{
    if (*run.p == '"') {
        run = clp_span_of(run.p + 1, run.n - 1);
    }
    if (run.n && run.p[run.n - 1] == '"') {
        run.n--;
    }
    return e->name && clp_span_holds(clp_span_str(e->name), run);
}

/* Are these the same for long enough? Both places are of words that may be. */
static void compare(echo *e, apr_size_t in_text, apr_size_t in_body)
{
    clp_span t = e->text;
    clp_span b = e->body;
    apr_size_t from = 0;
    apr_size_t to = 0;

    while (from < in_text && from < in_body && t.p[in_text - from - 1] == b.p[in_body - from - 1]) {
        from++;
    }
    while (in_text + to < t.n && in_body + to < b.n && t.p[in_text + to] == b.p[in_body + to]) {
        to++;
    }
    if (from + to >= CLP_ECHO_MIN && !is_member(e, in_body - from, from + to) &&
        !is_name(e, clp_span_of(t.p + in_text - from, from + to))) {
        memset(e->quoted + in_text - from, 1, from + to);
    }
}

static void find_quotations(echo *e)
{
    for (apr_size_t at = 0; at + STEP <= e->body.n; at += STEP) {
        int place = e->first[bucket_of(word_at(e->body.p + at))];
        for (int n = 0; place >= 0 && n < SAME; place = e->next[place], n++) {
            if (!e->quoted[place]) {
                compare(e, (apr_size_t)place, at);
            }
        }
    }
}

/* Half a character is none. */
static void widen(echo *e)
{
    for (apr_size_t i = 1; i < e->text.n; i++) {
        if (((unsigned char)e->text.p[i] & 0xc0) == 0x80 && e->quoted[i - 1]) {
            e->quoted[i] = 1;
        }
    }
    for (apr_size_t i = e->text.n - 1; i > 0; i--) {
        if (((unsigned char)e->text.p[i] & 0xc0) == 0x80 && e->quoted[i]) {
            e->quoted[i - 1] = 1;
        }
    }
}

static const char *without_quotations(const echo *e, apr_pool_t *pool)
{
    clp_buffer *out = clp_buffer_make(pool, 0);

    for (apr_size_t i = 0; i < e->text.n; i++) {
        if (!e->quoted[i]) {
            clp_buffer_putc(out, e->text.p[i]);
        }
        else if (!i || !e->quoted[i - 1]) {
            clp_buffer_lit(out, "[...]");
        }
    }
    return clp_buffer_cstr(out, pool);
}

const char *clp_echo_hide(const char *text, clp_span body, const char *name, apr_pool_t *pool)
{
    clp_buffer plain;
    echo e;

    memset(&e, 0, sizeof(e));
    e.text = clp_utf8_cut(clp_span_str(text), CLP_ECHO_TEXT);
    e.name = name;
    if (e.text.n >= CLP_ECHO_MIN) {
        index_text(&e);
        e.body = body;
        find_quotations(&e);
        /* Upstreams quote what escapes mean. */
        if (body.n && memchr(body.p, '\\', body.n)) {
            clp_buffer_init(&plain, pool, 0);
            clp_text_unescape(&plain, body);
            e.body = clp_buffer_all(&plain);
            find_quotations(&e);
            clp_buffer_release(&plain);
        }
        widen(&e);
    }
    return without_quotations(&e, pool);
}
