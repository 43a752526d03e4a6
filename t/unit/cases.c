/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>

#include <apr_file_io.h>

static int hex(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static clp_span unhex(apr_pool_t *pool, clp_span s)
{
    char *to = apr_palloc(pool, s.n + 1);
    apr_size_t n = 0;
    for (apr_size_t i = 0; i < s.n; i++) {
        if (i + 3 < s.n && s.p[i] == '\\' && s.p[i + 1] == 'x' && hex(s.p[i + 2]) >= 0 &&
            hex(s.p[i + 3]) >= 0) {
            to[n++] = (char)(hex(s.p[i + 2]) << 4 | hex(s.p[i + 3]));
            i += 3;
        }
        else {
            to[n++] = s.p[i];
        }
    }
    to[n] = '\0';
    return clp_span_of(to, n);
}

clp_span cases_slurp(apr_pool_t *pool, const char *path)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t n;
    char *p;

    if (apr_file_open(&file, path, APR_READ | APR_BINARY, 0, pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        printf("Bail out! cannot read %s\n", path);
        exit(1);
    }
    n = (apr_size_t)info.size;
    p = apr_palloc(pool, n + 1);
    if (n && apr_file_read_full(file, p, n, &n) != APR_SUCCESS) {
        printf("Bail out! cannot read %s\n", path);
        exit(1);
    }
    p[n] = '\0';
    apr_file_close(file);
    return clp_span_of(p, n);
}

int cases_each(apr_pool_t *pool, const char *path, void (*fn)(void *ctx, const cases_row *row),
               void *ctx)
{
    clp_span text = cases_slurp(pool, path);
    const char *p = text.p;
    const char *end = p + text.n;
    int line = 0;
    int rows = 0;

    while (p < end) {
        const char *eol = memchr(p, '\n', (apr_size_t)(end - p));
        cases_row row;
        memset(&row, 0, sizeof(row));
        row.line = ++line;
        if (!eol) {
            eol = end;
        }
        if (eol > p && *p != '#') {
            const char *from = p;
            while (row.n < CASES_FIELDS) {
                const char *tab = memchr(from, '\t', (apr_size_t)(eol - from));
                const char *to = tab ? tab : eol;
                row.field[row.n++] = unhex(pool, clp_span_of(from, (apr_size_t)(to - from)));
                if (!tab) {
                    break;
                }
                from = tab + 1;
            }
            fn(ctx, &row);
            rows++;
        }
        p = eol + 1;
    }
    return rows;
}
