/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "problems_excerpt.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "problems.h"
#include "wire/buffer.h"

#define EXCERPT_MAX 500

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Request Entity Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Entity"},
        {429, "Too Many Requests"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {524, "A Timeout Occurred"},
        {529, "Overloaded"},
    };
    for (apr_size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "error";
}

static int is_tag(clp_span s, const char *name)
{
    apr_size_t n = strlen(name);
    return s.n > n + 1 && strncasecmp(s.p + 1, name, n) == 0 && !apr_isalnum(s.p[n + 1]);
}

/* HTML without its tags, style sheets and scripts. */
static void drop_tags(clp_buffer *out, clp_span s)
{
    const char *skip = NULL; /* the element whose content is no text */
    while (s.n) {
        if (*s.p == '<' && s.n > 1 && (apr_isalpha(s.p[1]) || strchr("/!?", s.p[1]))) {
            const char *end = memchr(s.p, '>', s.n);
            apr_size_t n = end ? (apr_size_t)(end - s.p) + 1 : s.n;
            if (is_tag(s, "style") || is_tag(s, "script")) {
                skip = is_tag(s, "style") ? "/style" : "/script";
            }
            else if (skip && is_tag(s, skip)) {
                skip = NULL;
            }
            clp_buffer_putc(out, ' ');
            s = clp_span_of(s.p + n, s.n - n);
        }
        else {
            if (!skip) {
                clp_buffer_putc(out, *s.p);
            }
            s = clp_span_of(s.p + 1, s.n - 1);
        }
    }
}

const char *clp_problems_excerpt(int status, clp_span body, apr_pool_t *pool)
{
    clp_buffer *text = clp_buffer_make(pool, 0);
    /* what lies behind this would not be shown: markup is rarely nine tenths */
    drop_tags(text, clp_span_of(body.p ? body.p : "", body.n < 16384 ? body.n : 16384));
    const char *clean = clp_problems_clean(clp_buffer_all(text), EXCERPT_MAX, pool);
    clp_buffer_release(text);
    if (status < 300) {
        return *clean ? clean : "The upstream reported an error without a message.";
    }
    const char *head =
        apr_psprintf(pool, "The upstream answered %d %s", status, status_text(status));
    return *clean ? apr_pstrcat(pool, head, ": ", clean, NULL) : apr_pstrcat(pool, head, ".", NULL);
}
