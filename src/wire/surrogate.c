/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/text.h"

#include "bytes.h"
#include "text_decode.h"

typedef const unsigned char *bytes;

#define HALF_N 6 /* bytes of \udXXX */

/* Is there something that may be a surrogate escape at or behind `p`? Its
 * place, or `end`. Says yes too often (an escaped backslash before the u). */
static bytes candidate(bytes p, bytes end)
{
#ifdef __SSE2__
    while (end - p >= 18) {
        __m128i a = _mm_loadu_si128((const __m128i *)p);
        __m128i b = _mm_loadu_si128((const __m128i *)(p + 1));
        __m128i c = _mm_loadu_si128((const __m128i *)(p + 2));
        __m128i hit = _mm_and_si128(_mm_cmpeq_epi8(a, _mm_set1_epi8('\\')),
                                    _mm_cmpeq_epi8(b, _mm_set1_epi8('u')));
        __m128i d = _mm_cmpeq_epi8(_mm_or_si128(c, _mm_set1_epi8(0x20)), _mm_set1_epi8('d'));
        int mask = _mm_movemask_epi8(_mm_and_si128(hit, d));
        if (mask) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (end - p >= HALF_N) {
        p = memchr(p, '\\', (apr_size_t)(end - p));
        if (!p || end - p < HALF_N) {
            break;
        }
        if (p[1] == 'u' && (p[2] | 0x20) == 'd') {
            return p;
        }
        p++;
    }
    return end;
}

/* The surrogate escape at `p`: 'h'igh, 'l'ow, or 0 for anything else. */
static int half_at(bytes p, bytes end)
{
    int unit;
    if (end - p < HALF_N || p[0] != '\\' || p[1] != 'u' || (p[2] | 0x20) != 'd') {
        return 0;
    }
    unit = clp_hex4(p + 2);
    return unit < 0xd800 ? 0 : unit < 0xdc00 ? 'h' : 'l';
}

apr_size_t clp_text_lone_half(clp_span escaped, apr_size_t from)
{
    bytes begin = (bytes)(escaped.n ? escaped.p : "");
    bytes end = begin + escaped.n;
    bytes p = begin + from;

    if (candidate(p, end) == end) {
        return escaped.n;
    }
    /* whether a backslash is an escape or escaped shows only from the front */
    while (p < end) {
        p = memchr(p, '\\', (apr_size_t)(end - p));
        if (!p) {
            break;
        }
        switch (half_at(p, end)) {
        case 'h':
            if (half_at(p + HALF_N, end) != 'l') {
                return (apr_size_t)(p - begin);
            }
            p += 2 * HALF_N;
            break;
        case 'l': return (apr_size_t)(p - begin);
        default: p += end - p < 2 ? 1 : 2; break;
        }
    }
    return escaped.n;
}

clp_span clp_surrogate_pass(clp_surrogate_hold *h, clp_span escaped, clp_buffer *scratch)
{
    apr_size_t at = 0; /* dealt with so far */
    int copied = 0;

    if (!escaped.n) {
        return clp_span_of("", 0);
    }
    if (h->held) {
        clp_buffer_clear(scratch);
        copied = 1;
        h->held = 0;
        if (half_at((bytes)escaped.p, (bytes)escaped.p + escaped.n) == 'l') {
            clp_buffer_append(scratch, h->half, HALF_N);
            clp_buffer_append(scratch, escaped.p, HALF_N);
            at = HALF_N;
        }
        else {
            clp_buffer_lit(scratch, "\\ufffd");
        }
    }
    for (;;) {
        apr_size_t lone = clp_text_lone_half(escaped, at);
        bytes p = (bytes)escaped.p + lone;
        if (lone + HALF_N == escaped.n && half_at(p, p + HALF_N) == 'h') {
            memcpy(h->half, p, HALF_N);
            h->held = 1;
            escaped.n = lone;
        }
        if (lone == escaped.n && !copied) {
            return escaped;
        }
        if (!copied) {
            clp_buffer_clear(scratch);
            copied = 1;
        }
        clp_buffer_append(scratch, escaped.p + at, lone - at);
        if (lone == escaped.n) {
            return clp_buffer_all(scratch);
        }
        clp_buffer_lit(scratch, "\\ufffd");
        at = lone + HALF_N;
    }
}

clp_span clp_surrogate_end(clp_surrogate_hold *h)
{
    if (!h->held) {
        return clp_span_of("", 0);
    }
    h->held = 0;
    return CLP_SPAN_LIT("\\ufffd");
}
