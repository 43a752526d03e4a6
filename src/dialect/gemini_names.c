/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_names.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define NAME_MAX_BYTES 64

/* Is it spelled in two ways at all? */
static int to_snake(char snake[NAME_MAX_BYTES], const char *camel)
{
    apr_size_t n = 0;
    int differs = 0;

    for (; *camel && n + 2 < NAME_MAX_BYTES; camel++) {
        if (apr_isupper(*camel)) {
            snake[n++] = '_';
            differs = 1;
        }
        snake[n++] = (char)apr_tolower(*camel);
    }
    snake[n] = '\0';
    return differs;
}

clp_jval clp_gemini_get(clp_jval parent, const char *camel)
{
    char snake[NAME_MAX_BYTES];
    clp_jval v = clp_jval_get(parent, camel);

    return clp_jval_ok(v) || !to_snake(snake, camel) ? v : clp_jval_get(parent, snake);
}

const char *clp_gemini_name(clp_jval parent, const char *camel, apr_pool_t *pool)
{
    char snake[NAME_MAX_BYTES];

    if (!clp_jval_ok(clp_jval_get(parent, camel)) && to_snake(snake, camel) &&
        clp_jval_ok(clp_jval_get(parent, snake))) {
        return apr_pstrdup(pool, snake);
    }
    return camel;
}

int clp_gemini_named(clp_jval member, const char *camel)
{
    char snake[NAME_MAX_BYTES];

    return clp_jval_named(member, camel) ||
           (to_snake(snake, camel) && clp_jval_named(member, snake));
}
