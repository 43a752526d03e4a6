/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_BUFFER_H
#define CLP_WIRE_BUFFER_H

#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file buffer.h
 * @brief A growing run of bytes, reused for the life of a request.
 *
 * The bytes live on the heap (so that they can grow without leaving copies in
 * a pool) and are freed with the pool that made the buffer. Growth is by
 * doubling. A buffer with a cap refuses to pass it: the append is dropped and
 * `overflow` stays set until clp_buffer_clear(); meanwhile every append is
 * dropped, so that the content stays a true beginning of what was meant.
 * Running out of memory aborts the process, as APR pools do under httpd.
 * Bytes to append must not lie in the buffer itself. One thread at a time.
 */
typedef struct clp_buffer {
    char *p;          /**< the bytes; NULL while nothing was ever appended */
    apr_size_t n;     /**< bytes in use */
    apr_size_t room;  /**< bytes allocated, never more than `cap` */
    apr_size_t cap;   /**< most bytes it may hold; 0 = no bound */
    int overflow;     /**< an append was refused because of `cap` */
    apr_pool_t *pool; /**< whose clean-up frees `p`, registered while there is a `p` */
} clp_buffer;

/** Make an empty buffer, freed with `pool`. `cap` in bytes, 0 = unbounded. */
clp_buffer *clp_buffer_make(apr_pool_t *pool, apr_size_t cap);

/**
 * As clp_buffer_make() for a buffer that is a member of a larger struct, or
 * stands on the stack: that one must be released before its function returns.
 */
void clp_buffer_init(clp_buffer *b, apr_pool_t *pool, apr_size_t cap);

/**
 * Make room for `n` more bytes and return where they go, or NULL over the cap.
 * The caller writes up to `n` bytes there and adds what it wrote to `b->n`.
 */
static inline char *clp_buffer_reserve(clp_buffer *b, apr_size_t n);

/** Append `n` bytes; `p` may be NULL when n is 0. */
static inline void clp_buffer_append(clp_buffer *b, const char *p, apr_size_t n);
void clp_buffer_puts(clp_buffer *b, const char *s);
void clp_buffer_printf(clp_buffer *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The rare half of clp_buffer_reserve(): grow, or refuse. */
char *clp_buffer_grow(clp_buffer *b, apr_size_t n);

/** The rare half of clp_buffer_append(): more than CLP_BUFFER_PIECE bytes. */
void clp_buffer_append_long(clp_buffer *b, const char *p, apr_size_t n);

#define CLP_BUFFER_PIECE 2048

static inline char *clp_buffer_reserve(clp_buffer *b, apr_size_t n)
{
    if (__builtin_expect(n < b->room - b->n && !b->overflow, 1)) {
        return b->p + b->n;
    }
    return clp_buffer_grow(b, n);
}

static inline void clp_buffer_append(clp_buffer *b, const char *p, apr_size_t n)
{
    char *to;
    if (n > CLP_BUFFER_PIECE) {
        clp_buffer_append_long(b, p, n);
        return;
    }
    to = clp_buffer_reserve(b, n);
    if (to && n) {
        memcpy(to, p, n);
        b->n += n;
    }
}

static inline void clp_buffer_span(clp_buffer *b, clp_span s)
{
    clp_buffer_append(b, s.p, s.n);
}

static inline void clp_buffer_putc(clp_buffer *b, char c)
{
    char *to = clp_buffer_reserve(b, 1);
    if (to) {
        *to = c;
        b->n++;
    }
}

/** Append a string literal. */
#define clp_buffer_lit(b, s) clp_buffer_append((b), "" s, sizeof(s) - 1)

/** Forget the content and the overflow mark; keep the memory. */
void clp_buffer_clear(clp_buffer *b);

/** Drop the first `n` bytes (n <= b->n) and move the rest to the front. */
void clp_buffer_consume(clp_buffer *b, apr_size_t n);

/**
 * Give the memory back now, before the pool goes. The pool forgets the buffer,
 * which stays usable.
 */
void clp_buffer_release(clp_buffer *b);

static inline clp_span clp_buffer_all(const clp_buffer *b)
{
    return clp_span_of(b->n ? b->p : "", b->n);
}

/** A copy of the content in `pool`, with a NUL behind it. */
char *clp_buffer_cstr(const clp_buffer *b, apr_pool_t *pool);

#endif
