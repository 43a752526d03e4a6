/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "think_tags.h"

enum place {
    AT_START,     /* white space, or a part of the opening tag */
    BEHIND_OPEN,  /* line ends behind the opening tag */
    INSIDE,       /* reasoning */
    BEHIND_CLOSE, /* white space behind the closing tag */
    IN_TEXT       /* all that follows */
};

static const char open_tag[] = "<think>";
static const char close_tag[] = "</think>";

void clp_think_tags_init(clp_think_tags *t, apr_pool_t *pool)
{
    memset(t, 0, sizeof(*t));
    clp_buffer_init(&t->plain, pool, 0);
    clp_buffer_init(&t->out, pool, 0);
    clp_buffer_init(&t->joined, pool, 0);
}

/* Send the first `n` bytes of what is held. */
static void release(clp_think_tags *t, clp_part_kind part, apr_size_t n, clp_think_tags_fn put,
                    void *ctx)
{
    if (n) {
        clp_buffer_clear(&t->out);
        clp_text_escape(&t->out, clp_span_of(t->plain.p, n), 0);
        clp_buffer_consume(&t->plain, n);
        put(ctx, part, clp_buffer_all(&t->out));
    }
}

/* Drop bytes of `set` from the front; is anything left? */
static int skip(clp_think_tags *t, const char *set)
{
    apr_size_t n = 0;
    while (n < t->plain.n && t->plain.p[n] && strchr(set, t->plain.p[n])) {
        n++;
    }
    clp_buffer_consume(&t->plain, n);
    return t->plain.n > 0;
}

static int at_start(clp_think_tags *t)
{
    apr_size_t n = 0, tag = sizeof(open_tag) - 1;
    while (n < t->plain.n && t->plain.p[n] && strchr(" \t\r\n", t->plain.p[n])) {
        n++;
    }
    apr_size_t seen = t->plain.n - n < tag ? t->plain.n - n : tag;
    if (seen && memcmp(t->plain.p + n, open_tag, seen) != 0) {
        t->place = IN_TEXT;
        return 1;
    }
    if (seen < tag) {
        return 0;
    }
    clp_buffer_consume(&t->plain, n + tag);
    t->place = BEHIND_OPEN;
    return 1;
}

/* Send reasoning up to the closing tag, or to where one may begin. */
static int inside(clp_think_tags *t, clp_think_tags_fn put, void *ctx)
{
    apr_size_t tag = sizeof(close_tag) - 1;
    for (apr_size_t i = 0; i < t->plain.n; i++) {
        apr_size_t left = t->plain.n - i;
        if (t->plain.p[i] == '<' &&
            memcmp(t->plain.p + i, close_tag, left < tag ? left : tag) == 0) {
            release(t, CLP_PART_REASONING, i, put, ctx);
            if (left < tag) {
                return 0;
            }
            clp_buffer_consume(&t->plain, tag);
            t->place = BEHIND_CLOSE;
            return 1;
        }
    }
    release(t, CLP_PART_REASONING, t->plain.n, put, ctx);
    return 0;
}

void clp_think_tags_pass(clp_think_tags *t, clp_span escaped, clp_think_tags_fn put, void *ctx)
{
    if (t->place == IN_TEXT && !t->hold.held) {
        put(ctx, CLP_PART_TEXT, escaped);
        return;
    }
    clp_text_unescape(&t->plain, clp_surrogate_pass(&t->hold, escaped, &t->joined));
    int more = 1;
    while (more) {
        switch (t->place) {
        case AT_START: more = at_start(t); break;
        case BEHIND_OPEN:
            more = skip(t, "\r\n");
            t->place = more ? INSIDE : BEHIND_OPEN;
            break;
        case INSIDE: more = inside(t, put, ctx); break;
        case BEHIND_CLOSE:
            more = skip(t, " \t\r\n");
            t->place = more ? IN_TEXT : BEHIND_CLOSE;
            break;
        default:
            release(t, CLP_PART_TEXT, t->plain.n, put, ctx);
            more = 0;
            break;
        }
    }
}

void clp_think_tags_end(clp_think_tags *t, clp_think_tags_fn put, void *ctx)
{
    clp_text_unescape(&t->plain, clp_surrogate_end(&t->hold));
    release(t, t->place == INSIDE ? CLP_PART_REASONING : CLP_PART_TEXT, t->plain.n, put, ctx);
}
