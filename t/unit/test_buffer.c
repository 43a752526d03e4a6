/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tap.h"
#include "wire/buffer.h"

static void test_growth(apr_pool_t *pool)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    char big[5000];
    int same = 1;
    int grown = 0;

    IS_SPAN(clp_buffer_all(b), clp_span_of("", 0), "empty, not absent");
    IS_STR(clp_buffer_cstr(b, pool), "", "as a string");
    clp_buffer_append(b, NULL, 0);
    clp_buffer_puts(b, "ab");
    clp_buffer_putc(b, 'c');
    clp_buffer_lit(b, "d\0e");
    clp_buffer_span(b, clp_span_str("fg"));
    IS_SPAN(clp_buffer_all(b), CLP_SPAN_LIT("abcd\0efg"), "appends in order");
    clp_buffer_clear(b);
    for (int i = 0; i < 100000; i++) {
        apr_size_t room = b->room;
        clp_buffer_putc(b, (char)('a' + i % 26));
        grown += b->room != room;
    }
    for (int i = 0; i < 100000; i++) {
        same &= b->p[i] == (char)('a' + i % 26);
    }
    OK(same && b->n == 100000, "100000 single bytes");
    OK(grown < 20, "growth is by doubling (%d times)", grown);
    for (apr_size_t i = 0; i < sizeof(big); i++) {
        big[i] = (char)rand();
    }
    for (apr_size_t n = 2040; n < sizeof(big); n += n < 2060 ? 1 : 397) {
        clp_buffer_clear(b);
        clp_buffer_putc(b, 'x');
        clp_buffer_append(b, big, n);
        same &= b->n == n + 1 && memcmp(b->p + 1, big, n) == 0;
    }
    OK(same, "long runs are whole");
    clp_buffer_release(b);
    OK(!b->p && !b->room && !b->n, "released");
    clp_buffer_puts(b, "again");
    IS_SPAN(clp_buffer_all(b), CLP_SPAN_LIT("again"), "and usable");
}

static void test_cap(apr_pool_t *pool)
{
    clp_buffer *b = clp_buffer_make(pool, 1000);
    char big[3000];
    char *p;

    memset(big, 'x', sizeof(big));
    for (int i = 0; i < 999; i++) {
        clp_buffer_putc(b, 'y');
    }
    OK(b->room <= 1000, "never more room than the cap");
    clp_buffer_puts(b, "zz");
    OK(b->overflow && b->n == 999, "an append over the cap is dropped whole");
    clp_buffer_puts(b, "z");
    IS_INT(b->n, 999, "then every other, so that the content is a true beginning");
    OK(!clp_buffer_reserve(b, 1), "no room either");
    clp_buffer_clear(b);
    OK(!b->overflow, "cleared");
    clp_buffer_append(b, big, 1000);
    OK(b->n == 1000 && !b->overflow, "exactly the cap");
    clp_buffer_append(b, big, 0);
    OK(!b->overflow, "nothing fits always");
    clp_buffer_clear(b);
    clp_buffer_append(b, big, sizeof(big));
    OK(b->n == 0 && b->overflow, "a long run over the cap");
    clp_buffer_clear(b);
    p = clp_buffer_reserve(b, 1000);
    OK(p == b->p && b->room == 1000, "reserve up to the cap");
    OK(!clp_buffer_reserve(b, (apr_size_t)-1), "reserve far beyond");
}

static void test_consume(apr_pool_t *pool)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    clp_buffer_consume(b, 0);
    clp_buffer_puts(b, "0123456789");
    clp_buffer_consume(b, 4);
    IS_SPAN(clp_buffer_all(b), CLP_SPAN_LIT("456789"), "the front is gone");
    clp_buffer_consume(b, 6);
    IS_SPAN(clp_buffer_all(b), clp_span_of("", 0), "all is gone");
}

static void test_printf(apr_pool_t *pool)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    char big[2000];

    memset(big, 'q', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    clp_buffer_printf(b, "%s-%d", "n", 42);
    IS_SPAN(clp_buffer_all(b), CLP_SPAN_LIT("n-42"), "short");
    clp_buffer_clear(b);
    clp_buffer_printf(b, "<%s>", big);
    OK(b->n == sizeof(big) + 1 && b->p[b->n - 1] == '>', "longer than any line");
}

static void test_member(apr_pool_t *parent)
{
    struct {
        int before;
        clp_buffer b;
    } * s;
    apr_pool_t *pool;

    apr_pool_create(&pool, parent);
    s = apr_palloc(pool, sizeof(*s));
    clp_buffer_init(&s->b, pool, 0);
    clp_buffer_puts(&s->b, "freed with its pool, or the leak check fails");
    OK(s->b.n > 40, "a buffer within a struct");
    apr_pool_destroy(pool);
}

/* Private memory of this process in KB. */
static long held(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[200];
    long kb = 0;

    while (f && fgets(line, sizeof(line), f)) {
        sscanf(line, "Private_Dirty: %ld", &kb);
    }
    if (f) {
        fclose(f);
    }
    return kb;
}

#define BIG ((apr_size_t)24 * 1024 * 1024)

/* From small to big and back, over the size from which blocks are mapped. */
static void test_big(apr_pool_t *parent)
{
    long before = held();
    int same = 1;

    for (int round = 0; round < 4; round++) {
        apr_pool_t *pool;
        clp_buffer *b;

        apr_pool_create(&pool, parent);
        b = clp_buffer_make(pool, 0);
        for (apr_size_t i = 0; i < BIG / 8; i++) {
            clp_buffer_append(b, (const char *)&i, sizeof(i));
        }
        for (apr_size_t i = 0; i < BIG / 8; i++) {
            same &= !memcmp(b->p + i * 8, &i, sizeof(i));
        }
        clp_buffer_release(b);
        clp_buffer_puts(b, "small again");
        same &= clp_span_is(clp_buffer_all(b), "small again");
        clp_buffer_reserve(b, BIG);
        same &= clp_span_is(clp_buffer_all(b), "small again") && b->room >= BIG;
        apr_pool_destroy(pool);
    }
    OK(same, "big buffers keep what is in them");
#ifndef __SANITIZE_ADDRESS__
    OK(held() - before < 4 * 1024, "and leave nothing behind: %ld KB", held() - before);
#else
    (void)before;
#endif
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_growth(pool);
    test_big(pool);
    test_cap(pool);
    test_consume(pool);
    test_printf(pool);
    test_member(pool);
    return tap_end();
}
