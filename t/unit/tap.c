/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <apr_general.h>

static int run;
static int failed;
static apr_pool_t *root;

apr_pool_t *tap_begin(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&root, NULL) != APR_SUCCESS) {
        printf("Bail out! no APR\n");
        exit(1);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    return root;
}

int tap_end(void)
{
    printf("1..%d\n", run);
    apr_pool_destroy(root);
    apr_terminate();
    return failed || !run;
}

int tap_ok(int pass, const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    printf("%sok %d - ", pass ? "" : "not ", ++run);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    if (!pass) {
        failed++;
        printf("#   at %s line %d\n", file, line);
    }
    return pass;
}

static void show(const char *label, clp_span s)
{
    printf("#   %s: ", label);
    if (!s.p) {
        printf("(absent)");
    }
    for (apr_size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f) {
            printf("\\x%02x", c);
        }
        else {
            putchar(c);
        }
    }
    putchar('\n');
}

int tap_is_span(clp_span got, clp_span want, const char *file, int line, const char *name)
{
    int pass = tap_ok(!got.p == !want.p && clp_span_eq(got, want), file, line, "%s", name);
    if (!pass) {
        show("got     ", got);
        show("expected", want);
    }
    return pass;
}

int tap_is_int(long long got, long long want, const char *file, int line, const char *name)
{
    int pass = tap_ok(got == want, file, line, "%s", name);
    if (!pass) {
        printf("#   got      : %lld\n#   expected : %lld\n", got, want);
    }
    return pass;
}

void tap_diag(const char *fmt, ...)
{
    va_list ap;
    printf("# ");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}
