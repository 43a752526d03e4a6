/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "texts.h"

#include <strings.h>

/* Length of the escape that ends the text, 0 if it ends in a plain byte. */
static apr_size_t escape_at_end(clp_span s)
{
    static const apr_size_t lengths[] = {2, 6};

    for (apr_size_t i = 0; i < 2; i++) {
        apr_size_t n = lengths[i];
        apr_size_t slashes = 0;
        if (s.n < n || s.p[s.n - n] != '\\' || (n == 6 && s.p[s.n - 5] != 'u')) {
            continue;
        }
        while (slashes < s.n - n + 1 && s.p[s.n - n - slashes] == '\\') {
            slashes++;
        }
        if (slashes % 2) {
            return n;
        }
    }
    return 0;
}

static int is_blank_escape(const char *p, apr_size_t n)
{
    static const char *const units[] = {"0009", "000a", "000b", "000c", "000d",
                                        "0020", "0085", "00a0", "3000"};

    if (n == 2) {
        return strchr("ntrf", p[1]) != NULL;
    }
    for (apr_size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strncasecmp(p + 2, units[i], 4) == 0) {
            return 1;
        }
    }
    return 0;
}

clp_text clp_text_trim_end(clp_text t)
{
    static const char *const wide[] = {"\xc2\x85", "\xc2\xa0", "\xe3\x80\x80"};

    for (;;) {
        apr_size_t cut = 0;
        apr_size_t n = t.escaped ? escape_at_end(t.s) : 0;
        if (n) {
            cut = is_blank_escape(t.s.p + t.s.n - n, n) ? n : 0;
        }
        else if (t.s.n && t.s.p[t.s.n - 1] && strchr(" \t\r\n\v\f", t.s.p[t.s.n - 1])) {
            cut = 1;
        }
        for (apr_size_t i = 0; !cut && i < sizeof(wide) / sizeof(wide[0]); i++) {
            apr_size_t w = strlen(wide[i]);
            if (t.s.n >= w && memcmp(t.s.p + t.s.n - w, wide[i], w) == 0) {
                cut = w;
            }
        }
        if (!cut) {
            return t;
        }
        t.s.n -= cut;
    }
}

clp_text clp_text_after_line(clp_text t)
{
    const char *p = t.s.p;
    const char *end = t.s.p + t.s.n;
    char sign = t.escaped ? '\\' : '\n';

    while (p && p < end && (p = memchr(p, sign, (apr_size_t)(end - p))) != NULL) {
        if (!t.escaped) {
            return clp_text_skip(t, (apr_size_t)(p + 1 - t.s.p));
        }
        if (p[1] == 'n') {
            return clp_text_skip(t, (apr_size_t)(p + 2 - t.s.p));
        }
        if (end - p >= 6 && strncasecmp(p, "\\u000a", 6) == 0) {
            return clp_text_skip(t, (apr_size_t)(p + 6 - t.s.p));
        }
        p += 2;
    }
    return clp_text_skip(t, t.s.n);
}

int clp_text_starts(clp_text t, const char *prefix)
{
    return clp_span_starts(t.s, prefix);
}

clp_text clp_text_skip(clp_text t, apr_size_t n)
{
    t.s.p += n;
    t.s.n -= n;
    return t;
}
