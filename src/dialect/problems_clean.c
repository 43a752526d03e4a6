/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "wire/text.h"

/* Words shorter than this are no keys (but for those that begin like one). */
#define KEY_LENGTH 20
/* A part between '-' and '_' of a key is longer than any of a model's name or a UUID. */
#define KEY_PART 16
/* How far in front of a word "key" or "token" may stand to make it suspect. */
#define KEY_NEAR 32

static int is_word(char c)
{
    return apr_isalnum(c) || c == '-' || c == '_' || c == '*';
}

static int begins(clp_span s, const char *const *words)
{
    for (; *words; words++) {
        if (clp_span_starts(s, *words)) {
            return 1;
        }
    }
    return 0;
}

static int has_both(const char *p, apr_size_t n)
{
    int digit = 0, letter = 0;
    for (apr_size_t i = 0; i < n; i++) {
        digit |= apr_isdigit(p[i]) != 0;
        letter |= apr_isalpha(p[i]) != 0;
    }
    return digit && letter;
}

/* Random enough to be a key: one long part with letters and digits. */
static int has_long_part(clp_span w)
{
    apr_size_t from = 0;
    for (apr_size_t i = 0; i <= w.n; i++) {
        if (i == w.n || w.p[i] == '-' || w.p[i] == '_') {
            if (i - from >= KEY_PART && has_both(w.p + from, i - from)) {
                return 1;
            }
            from = i + 1;
        }
    }
    return 0;
}

static int near_key_word(const char *start, const char *at)
{
    const char *from = at - start > KEY_NEAR ? at - KEY_NEAR : start;
    for (const char *p = from; at - p >= 3; p++) {
        if (strncasecmp(p, "key", 3) == 0 || (at - p >= 5 && strncasecmp(p, "token", 5) == 0)) {
            return 1;
        }
    }
    return 0;
}

static int is_secret(const char *start, clp_span w)
{
    static const char *const keys[] = {"sk-", "sk_", "AIza", "gsk_", "xai-", "ak-", NULL};
    static const char *const ids[] = {"req_",  "msg_",   "chatcmpl-", "resp_",
                                      "call_", "toolu_", "request-",  NULL};
    if (w.n >= 7 && begins(w, keys)) {
        return 1;
    }
    if (w.n < KEY_LENGTH || !has_both(w.p, w.n) || begins(w, ids)) {
        return 0;
    }
    return has_long_part(w) || near_key_word(start, w.p);
}

static apr_size_t word_length(const char *p, const char *end)
{
    const char *q = p;
    while (q < end && is_word(*q)) {
        q++;
    }
    return (apr_size_t)(q - p);
}

/* http://..., up to what cannot belong to a URL */
static apr_size_t url_length(const char *p, const char *end)
{
    clp_span s = clp_span_of(p, (apr_size_t)(end - p));
    if (!clp_span_starts(s, "http://") && !clp_span_starts(s, "https://")) {
        return 0;
    }
    apr_size_t n = 0;
    while (n < s.n && (unsigned char)s.p[n] > ' ' && (unsigned char)s.p[n] < 0x80 &&
           !strchr("\"'<>`()[]{}|\\,", s.p[n])) {
        n++;
    }
    while (s.p[n - 1] == '.') {
        n--;
    }
    return n;
}

/* 10.0.0.1:8080 */
static apr_size_t address_length(const char *p, const char *end)
{
    const char *q = p;
    for (int part = 0; part < 4; part++) {
        const char *digits = q;
        while (q < end && apr_isdigit(*q)) {
            q++;
        }
        if (q == digits || q - digits > 3 || (part < 3 && (q == end || *q++ != '.'))) {
            return 0;
        }
    }
    if (q < end && *q == ':') {
        q++;
        while (q < end && apr_isdigit(*q)) {
            q++;
        }
    }
    return (apr_size_t)(q - p);
}

const char *clp_problems_clean(clp_span plain, apr_size_t max, apr_pool_t *pool)
{
    clp_buffer *whole = clp_buffer_make(pool, 0), *out = clp_buffer_make(pool, 0);
    clp_utf8_repair(whole, plain);
    const char *start = whole->p, *p = start, *end = p + whole->n;
    while (p < end && out->n <= max) {
        apr_size_t n;
        if ((unsigned char)*p <= ' ' || *p == 0x7f) {
            if (out->n && out->p[out->n - 1] != ' ') {
                clp_buffer_putc(out, ' ');
            }
            p++;
        }
        else if ((n = url_length(p, end)) > 0) {
            clp_buffer_lit(out, "[link]");
            p += n;
        }
        else if ((n = address_length(p, end)) > 0) {
            clp_buffer_lit(out, "[address]");
            p += n;
        }
        else if ((n = word_length(p, end)) > 0) {
            clp_span word = clp_span_of(p, n);
            if (is_secret(start, word)) {
                clp_buffer_lit(out, "***");
            }
            else {
                clp_buffer_span(out, word);
            }
            p += n;
        }
        else {
            clp_buffer_putc(out, *p++);
        }
    }
    clp_span cut = clp_utf8_cut(clp_buffer_all(out), max);
    while (cut.n && cut.p[cut.n - 1] == ' ') {
        cut.n--;
    }
    const char *text = apr_pstrmemdup(pool, cut.p, cut.n);
    clp_buffer_release(whole);
    clp_buffer_release(out);
    return text;
}
