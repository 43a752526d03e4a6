/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_SPAN_H
#define CLP_WIRE_SPAN_H

#include <string.h>

#include <apr.h>

/**
 * @file span.h
 * @brief A stretch of bytes that somebody else owns.
 *
 * Spans are passed by value and never freed. Who owns the bytes, and for how
 * long they stay, is said where a span is handed out. Bytes may hold NUL.
 */
typedef struct clp_span {
    const char *p; /**< first byte; NULL means "absent", which is not "empty" */
    apr_size_t n;  /**< length in bytes */
} clp_span;

/** A span over a string literal. */
#define CLP_SPAN_LIT(s) ((clp_span){("" s), sizeof(s) - 1})

static inline clp_span clp_span_of(const char *p, apr_size_t n)
{
    clp_span s;
    s.p = p;
    s.n = n;
    return s;
}

/** A span over a NUL-terminated string; NULL gives the absent span. */
static inline clp_span clp_span_str(const char *s)
{
    return clp_span_of(s, s ? strlen(s) : 0);
}

static inline int clp_span_eq(clp_span a, clp_span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/** Does the span hold exactly this NUL-terminated string? */
static inline int clp_span_is(clp_span a, const char *s)
{
    return clp_span_eq(a, clp_span_str(s));
}

/** Does the span begin with this NUL-terminated string? */
static inline int clp_span_starts(clp_span a, const char *s)
{
    apr_size_t n = strlen(s);
    return a.n >= n && memcmp(a.p, s, n) == 0;
}

/**
 * A text on its way from one JSON document to another.
 *
 * Most text is only passed on, so it stays as it was spelled: `escaped` says
 * that the bytes are the inside of a JSON string (escapes and all, validated,
 * without the quotes) and may be put between quotes again as they are.
 * Otherwise they are plain bytes (UTF-8, or WTF-8 after a lone surrogate).
 */
typedef struct clp_text {
    clp_span s;
    unsigned escaped : 1;
} clp_text;

static inline clp_text clp_text_escaped(clp_span s)
{
    clp_text t;
    t.s = s;
    t.escaped = 1;
    return t;
}

static inline clp_text clp_text_plain(clp_span s)
{
    clp_text t;
    t.s = s;
    t.escaped = 0;
    return t;
}

/** A plain text over a NUL-terminated string. */
static inline clp_text clp_text_str(const char *s)
{
    return clp_text_plain(clp_span_str(s));
}

#endif
