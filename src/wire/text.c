/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/text.h"

#include <apr_strings.h>

#include "bytes.h"
#include "text_decode.h"

typedef const unsigned char *bytes;

#define REPLACEMENT "\xef\xbf\xbd"

/* --- escape ------------------------------------------------------------- */

/* 0: needs \u00XX */
static const char short_escapes[128] = {
    ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',  ['\r'] = 'r',
    ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\',
};

static void escape_ascii(clp_buffer *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char *to = clp_buffer_reserve(out, 6);
    if (!to) {
        return;
    }
    to[0] = '\\';
    if (short_escapes[c]) {
        to[1] = short_escapes[c];
        out->n += 2;
        return;
    }
    memcpy(to + 1, "u00", 3);
    to[4] = hex[c >> 4];
    to[5] = hex[c & 15];
    out->n += 6;
}

/* A WTF-8 surrogate at `p`: its code unit, else 0. */
static unsigned wtf8_half(bytes p, bytes end)
{
    if (end - p < 3 || p[0] != 0xed || (p[1] & 0xe0) != 0xa0 || (p[2] & 0xc0) != 0x80) {
        return 0;
    }
    return 0xd000u | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

static unsigned pair_value(unsigned high, unsigned low)
{
    return 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
}

/* Any code point, surrogates too (WTF-8); gives the length. */
static apr_size_t encode(char *to, unsigned c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* What is no valid UTF-8 at `p`; gives the bytes used up. */
static apr_size_t escape_invalid(clp_buffer *out, bytes p, bytes end)
{
    unsigned half = wtf8_half(p, end);
    if (half) {
        unsigned low = half < 0xdc00 ? wtf8_half(p + 3, end) : 0;
        if (low >= 0xdc00) {
            char c[4];
            clp_buffer_append(out, c, encode(c, pair_value(half, low)));
            return 6;
        }
        clp_buffer_lit(out, REPLACEMENT);
        return 3;
    }
    clp_buffer_lit(out, REPLACEMENT);
    return (apr_size_t)clp_utf8_bad_run(p, end);
}

static inline int is_line_separator(bytes p)
{
    return p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8;
}

void clp_text_escape(clp_buffer *out, clp_span plain, int ascii_lines)
{
    bytes p = (bytes)(plain.n ? plain.p : "");
    bytes end = p + plain.n;
    bytes from = p; /* not yet appended */

    while ((p = clp_bytes_plain(p, end)) < end) {
        int n = 0;
        while (p < end && *p >= 0x80 && (n = clp_utf8_step(p, end)) &&
               !(ascii_lines && n == 3 && is_line_separator(p))) {
            p += n;
            n = 0;
        }
        if (p == end || clp_byte_is_plain(*p)) {
            continue;
        }
        clp_buffer_append(out, (const char *)from, (apr_size_t)(p - from));
        if (*p < 0x80) {
            escape_ascii(out, *p);
            p++;
        }
        else if (n) {
            clp_buffer_append(out, p[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
            p += n;
        }
        else {
            p += escape_invalid(out, p, end);
        }
        from = p;
    }
    clp_buffer_append(out, (const char *)from, (apr_size_t)(end - from));
}

/* --- unescape ----------------------------------------------------------- */

/* The \uXXXX at `p` as a code unit, or -1. */
static int unit_at(bytes p, bytes end)
{
    return end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? clp_hex4(p + 2) : -1;
}

/* The escape at `p` as a code point; gives the bytes used up. Spans come from
 * a strict scan; should one not, a broken escape stands for its own bytes. */
static inline apr_size_t decode_escape(bytes p, bytes end, unsigned *out)
{
    int unit;
    int low;
    if (end - p < 2) {
        *out = *p;
        return 1;
    }
    switch (p[1]) {
    case 'n': *out = '\n'; return 2;
    case '"': *out = '"'; return 2;
    case '\\': *out = '\\'; return 2;
    case 't': *out = '\t'; return 2;
    case 'r': *out = '\r'; return 2;
    case '/': *out = '/'; return 2;
    case 'b': *out = '\b'; return 2;
    case 'f': *out = '\f'; return 2;
    default: break;
    }
    unit = unit_at(p, end);
    if (unit < 0) {
        *out = '\\';
        return 1;
    }
    *out = (unsigned)unit;
    if ((unit & 0xfc00) == 0xd800) {
        low = unit_at(p + 6, end);
        if (low >= 0 && (low & 0xfc00) == 0xdc00) {
            *out = pair_value((unsigned)unit, (unsigned)low);
            return 12;
        }
    }
    return 6;
}

apr_size_t clp_text_decode(char *to, clp_span escaped)
{
    bytes p = (bytes)(escaped.n ? escaped.p : "");
    bytes end = p + escaped.n;
    char *at = to;

    while (p < end) {
        unsigned c;
#ifdef __SSE2__
        /* whole blocks may be stored ahead: `at` never stands further than `p` */
        while (end - p >= 16) {
            __m128i x = _mm_loadu_si128((const __m128i *)p);
            int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
            int run = mask ? __builtin_ctz((unsigned)mask) : 16;
            _mm_storeu_si128((__m128i *)at, x);
            p += run;
            at += run;
            if (mask) {
                break;
            }
        }
#endif
        while (p < end && *p != '\\') {
            *at++ = (char)*p++;
        }
        while (p < end && *p == '\\') {
            p += decode_escape(p, end, &c);
            at += encode(at, c);
        }
    }
    return (apr_size_t)(at - to);
}

void clp_text_unescape(clp_buffer *out, clp_span escaped)
{
    char *to = clp_buffer_reserve(out, escaped.n);
    if (to) {
        out->n += clp_text_decode(to, escaped);
    }
}

/* --- either spelling ---------------------------------------------------- */

void clp_text_append_plain(clp_buffer *out, clp_text t)
{
    if (t.escaped) {
        clp_text_unescape(out, t.s);
    }
    else {
        clp_buffer_span(out, t.s);
    }
}

void clp_text_append_escaped(clp_buffer *out, clp_text t)
{
    if (t.escaped) {
        clp_buffer_span(out, t.s);
    }
    else {
        clp_text_escape(out, t.s, 0);
    }
}

const char *clp_text_cstr(clp_text t, apr_pool_t *pool)
{
    char *s = apr_palloc(pool, t.s.n + 1);
    apr_size_t n = t.s.n;
    if (t.escaped) {
        n = clp_text_decode(s, t.s);
    }
    else if (n) {
        memcpy(s, t.s.p, n);
    }
    s[n] = '\0';
    return s;
}

int clp_text_is(clp_text t, const char *plain)
{
    bytes p = (bytes)(t.s.n ? t.s.p : "");
    bytes end = p + t.s.n;
    apr_size_t left = strlen(plain);

    if (!t.escaped) {
        return clp_span_is(t.s, plain);
    }
    while (p < end) {
        bytes slash = memchr(p, '\\', (apr_size_t)(end - p));
        apr_size_t run = (apr_size_t)((slash ? slash : end) - p);
        char c[4];
        unsigned code;
        if (run > left || memcmp(p, plain, run) != 0) {
            return 0;
        }
        p += run;
        plain += run;
        left -= run;
        if (p < end) {
            p += decode_escape(p, end, &code);
            run = encode(c, code);
            if (run > left || memcmp(c, plain, run) != 0) {
                return 0;
            }
            plain += run;
            left -= run;
        }
    }
    return left == 0;
}

/* Unicode's White_Space. */
static int is_space(unsigned c)
{
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

int clp_span_holds(clp_span s, clp_span word)
{
    const char *end = s.p + s.n;
    const char *p = s.n ? s.p : end;
    while ((apr_size_t)(end - p) >= word.n &&
           (p = memchr(p, *word.p, (apr_size_t)(end - p) - word.n + 1))) {
        if (memcmp(p, word.p, word.n) == 0) {
            return 1;
        }
        p++;
    }
    return 0;
}

int clp_text_blank(clp_text t)
{
    bytes p = (bytes)(t.s.n ? t.s.p : "");
    bytes end = p + t.s.n;

    while (p < end) {
        unsigned c = *p;
        int n = 1;
        if (c == '\\' && t.escaped) {
            p += decode_escape(p, end, &c);
        }
        else {
            n = clp_utf8_step(p, end);
            if (n == 2) {
                c = (c & 0x1f) << 6 | (p[1] & 0x3fu);
            }
            else if (n == 3) {
                c = (c & 0x0f) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
            }
            else if (n != 1) {
                return 0;
            }
            p += n;
        }
        if (!is_space(c)) {
            return 0;
        }
    }
    return 1;
}
