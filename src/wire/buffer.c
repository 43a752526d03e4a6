/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <apr_strings.h>

#define ROOM_FIRST 256

/*
 * Big blocks are mapped by themselves. malloc() would have them from its heaps once one was freed
 * (glibc's threshold for mapping moves), and a heap keeps what it ever had: a process with some
 * threads would hold hundreds of MB that nobody uses. The sanitizer looks after what malloc()
 * gives.
 */
#if defined(MREMAP_MAYMOVE) && !defined(__SANITIZE_ADDRESS__)
#define MAPPED_FROM ((apr_size_t)1024 * 1024)

static void *remap(void *p, apr_size_t had, apr_size_t room)
{
    return mremap(p, had, room, MREMAP_MAYMOVE);
}
#else
#define MAPPED_FROM SIZE_MAX

static void *remap(void *p, apr_size_t had, apr_size_t room)
{
    (void)p;
    (void)had;
    (void)room;
    return MAP_FAILED;
}
#endif

static int is_mapped(apr_size_t room)
{
    return room >= MAPPED_FROM;
}

static void block_free(char *p, apr_size_t room)
{
    if (is_mapped(room)) {
        munmap(p, room);
    }
    else {
        free(p);
    }
}

/* The block with its first `n` bytes in more room; ends the process if there is none. */
static char *block_grow(char *p, apr_size_t had, apr_size_t n, apr_size_t room)
{
    void *grown;

    if (!is_mapped(room)) {
        grown = realloc(p, room);
        if (!grown) {
            abort();
        }
        return grown;
    }
    grown = is_mapped(had)
                ? remap(p, had, room)
                : mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (grown == MAP_FAILED) {
        abort();
    }
    if (!is_mapped(had)) {
        memcpy(grown, p ? p : "", n);
        free(p);
    }
    return grown;
}

static apr_status_t buffer_free(void *data)
{
    clp_buffer *b = data;
    block_free(b->p, b->room);
    b->p = NULL;
    b->room = b->n = 0;
    return APR_SUCCESS;
}

void clp_buffer_init(clp_buffer *b, apr_pool_t *pool, apr_size_t cap)
{
    memset(b, 0, sizeof(*b));
    b->cap = cap;
    b->pool = pool;
}

clp_buffer *clp_buffer_make(apr_pool_t *pool, apr_size_t cap)
{
    clp_buffer *b = apr_palloc(pool, sizeof(*b));
    clp_buffer_init(b, pool, cap);
    return b;
}

char *clp_buffer_grow(clp_buffer *b, apr_size_t n)
{
    apr_size_t most = b->cap ? b->cap : SIZE_MAX;
    apr_size_t room;
    char *p;

    if (b->overflow) {
        return NULL;
    }
    if (n > most - b->n) {
        if (!b->cap) {
            abort();
        }
        b->overflow = 1;
        return NULL;
    }
    if (b->p && n <= b->room - b->n) {
        return b->p + b->n;
    }
    room = b->room < ROOM_FIRST / 2 ? ROOM_FIRST : b->room > most / 2 ? most : b->room * 2;
    if (room < b->n + n) {
        room = b->n + n;
    }
    if (room > most) {
        room = most;
    }
    p = block_grow(b->p, b->room, b->n, room);
    if (!b->p) {
        apr_pool_cleanup_register(b->pool, b, buffer_free, apr_pool_cleanup_null);
    }
    b->p = p;
    b->room = room;
    return b->p + b->n;
}

/*
 * In pieces, because glibc copies long runs by "rep movsb", and AMD processors
 * do that at a tenth of the speed when the target stands up to 63 bytes
 * further in its page than the source in its own: just what comes of putting
 * a quote or a key in front while copying from one big block to another.
 */
void clp_buffer_append_long(clp_buffer *b, const char *p, apr_size_t n)
{
    char *to = clp_buffer_reserve(b, n);
    if (!to) {
        return;
    }
    b->n += n;
    for (; n > CLP_BUFFER_PIECE; n -= CLP_BUFFER_PIECE) {
        memcpy(to, p, CLP_BUFFER_PIECE);
        to += CLP_BUFFER_PIECE;
        p += CLP_BUFFER_PIECE;
    }
    memcpy(to, p, n);
}

void clp_buffer_puts(clp_buffer *b, const char *s)
{
    clp_buffer_append(b, s, strlen(s));
}

void clp_buffer_printf(clp_buffer *b, const char *fmt, ...)
{
    char small[512];
    char *big;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    if (n < 0) {
        return;
    }
    if ((apr_size_t)n < sizeof(small)) {
        clp_buffer_append(b, small, (apr_size_t)n);
        return;
    }
    big = malloc((apr_size_t)n + 1);
    if (!big) {
        abort();
    }
    va_start(ap, fmt);
    vsnprintf(big, (apr_size_t)n + 1, fmt, ap);
    va_end(ap);
    clp_buffer_append(b, big, (apr_size_t)n);
    free(big);
}

void clp_buffer_clear(clp_buffer *b)
{
    b->n = 0;
    b->overflow = 0;
}

void clp_buffer_consume(clp_buffer *b, apr_size_t n)
{
    if (n) {
        b->n -= n;
        memmove(b->p, b->p + n, b->n);
    }
}

void clp_buffer_release(clp_buffer *b)
{
    if (b->p) {
        apr_pool_cleanup_run(b->pool, b, buffer_free);
    }
    clp_buffer_clear(b);
}

char *clp_buffer_cstr(const clp_buffer *b, apr_pool_t *pool)
{
    clp_span s = clp_buffer_all(b);
    return apr_pstrmemdup(pool, s.p, s.n);
}
