/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_BYTES_H
#define CLP_WIRE_BYTES_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/**
 * @file bytes.h
 * @brief The byte loops that decide the speed of the room: 16 bytes at a time
 * with SSE2, 8 with plain words elsewhere. Both ways always give the same
 * result; the wordwise one is compiled everywhere so that tests can compare.
 */

#define CLP_WORD(c) (0x0101010101010101ULL * (unsigned char)(c))

/* Nonzero iff some byte of x is 0. */
static inline uint64_t clp_word_has_zero(uint64_t x)
{
    return (x - CLP_WORD(1)) & ~x & CLP_WORD(0x80);
}

/* Within a JSON string: neither quote, backslash, control character nor part of a wide one. */
static inline int clp_byte_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/** First byte in [p, end) that is not plain (see above), or `end`. */
static inline const unsigned char *clp_bytes_plain_words(const unsigned char *p,
                                                         const unsigned char *end)
{
    while (end - p >= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        /* x - 0x20 borrows into the top bit of a byte below 0x20 whose own top bit is clear */
        if (((x - CLP_WORD(0x20)) & ~x & CLP_WORD(0x80)) || (x & CLP_WORD(0x80)) ||
            clp_word_has_zero(x ^ CLP_WORD('"')) || clp_word_has_zero(x ^ CLP_WORD('\\'))) {
            break;
        }
        p += 8;
    }
    while (p < end && clp_byte_is_plain(*p)) {
        p++;
    }
    return p;
}

/** First byte in [p, end) that is no decimal digit, or `end`. */
static inline const unsigned char *clp_bytes_digits(const unsigned char *p,
                                                    const unsigned char *end)
{
#ifdef __SSE2__
    /* one jump instead of one per digit, which processors guess wrong */
    while (end - p >= 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)p);
        __m128i below = _mm_cmplt_epi8(x, _mm_set1_epi8('0'));
        __m128i above = _mm_cmpgt_epi8(x, _mm_set1_epi8('9'));
        int mask = _mm_movemask_epi8(_mm_or_si128(below, above));
        if (mask) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (p < end && (unsigned)(*p - '0') < 10) {
        p++;
    }
    return p;
}

/** First byte in [p, end) that is >= 0x80, or `end`. */
static inline const unsigned char *clp_bytes_ascii(const unsigned char *p, const unsigned char *end)
{
    while (end - p >= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        if (x & CLP_WORD(0x80)) {
            break;
        }
        p += 8;
    }
    while (p < end && *p < 0x80) {
        p++;
    }
    return p;
}

#ifdef __SSE2__
/* One compare finds control characters and bytes >= 0x80, which are negative as signed ones. */
static inline int clp_mask_not_plain(__m128i x)
{
    __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20));
    __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
    return _mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash)));
}

static inline const unsigned char *clp_bytes_plain(const unsigned char *p, const unsigned char *end)
{
    while (end - p >= 16) {
        int mask = clp_mask_not_plain(_mm_loadu_si128((const __m128i *)p));
        if (mask) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
    return clp_bytes_plain_words(p, end);
}
#else
static inline const unsigned char *clp_bytes_plain(const unsigned char *p, const unsigned char *end)
{
    return clp_bytes_plain_words(p, end);
}
#endif

/**
 * Length of the UTF-8 character at `p`, 1 to 4; 0 if there is no valid one
 * (or it is cut by `end`). p < end.
 */
static inline int clp_utf8_step(const unsigned char *p, const unsigned char *end)
{
    unsigned char c = *p;
    if (c < 0x80) {
        return 1;
    }
    if (c < 0xe0) {
        return c >= 0xc2 && end - p >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    }
    if (c < 0xf0) {
        if (end - p < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80) {
            return 0;
        }
        /* overlong below E0 A0, surrogates above ED 9F */
        return (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ? 0 : 3;
    }
    if (c > 0xf4 || end - p < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 ||
        (p[3] & 0xc0) != 0x80) {
        return 0;
    }
    return (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}

/** Where clp_utf8_step() gave 0: how many bytes one U+FFFD stands for ("maximal subpart"). */
static inline int clp_utf8_bad_run(const unsigned char *p, const unsigned char *end)
{
    unsigned char c = *p;
    int want = c < 0xc2 || c > 0xf4 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    int n = 1;
    while (n < want && p + n < end && (p[n] & 0xc0) == 0x80) {
        if (n == 1 && ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ||
                       (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))) {
            break;
        }
        n++;
    }
    return n;
}

/** Would more bytes make the character at `p`, cut off by `end`, a valid one? */
static inline int clp_utf8_cut_off(const unsigned char *p, const unsigned char *end)
{
    unsigned char c = *p;
    int want = c < 0xc2 || c > 0xf4 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return end - p < want && clp_utf8_bad_run(p, end) == end - p;
}

static inline int clp_hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** The four hex digits at `p` as a number, or -1. */
static inline int clp_hex4(const unsigned char *p)
{
    int a = clp_hex_digit(p[0]), b = clp_hex_digit(p[1]);
    int c = clp_hex_digit(p[2]), d = clp_hex_digit(p[3]);
    return (a | b | c | d) < 0 ? -1 : a << 12 | b << 8 | c << 4 | d;
}

#endif
