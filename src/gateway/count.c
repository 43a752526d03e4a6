/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/count.h"

#define BYTES_PER_TOKEN 4

typedef struct sums {
    apr_int64_t bytes;  /* of text */
    apr_int64_t tokens; /* of what has a flat figure */
} sums;

/* Bytes of UTF-8 that "\uXXXX" stands for, its hex digits at `hex`. A surrogate's half is half of
 * a character of four. */
static apr_int64_t escape_bytes(const char *hex)
{
    if (hex[0] != '0') {
        int surrogate = (hex[0] == 'd' || hex[0] == 'D') && (hex[1] > '7');
        return surrogate ? 2 : 3;
    }
    if (hex[1] > '7') {
        return 3;
    }
    return hex[1] != '0' || hex[2] > '7' ? 2 : 1;
}

static apr_int64_t text_bytes(clp_text t)
{
    const char *p = t.s.p;
    const char *end;
    apr_int64_t n = 0;

    if (!p || !t.escaped) {
        return (apr_int64_t)t.s.n;
    }
    end = p + t.s.n;
    while (p < end) {
        const char *escape = memchr(p, '\\', (apr_size_t)(end - p));
        if (!escape) {
            return n + (end - p);
        }
        n += escape - p;
        if (escape[1] == 'u') {
            n += escape_bytes(escape + 2);
            p = escape + 6;
        }
        else {
            n++;
            p = escape + 2;
        }
    }
    return n;
}

static void add_document(sums *s, const clp_media *m)
{
    apr_int64_t pages = 1;
    if (m->source == CLP_MEDIA_TEXT) {
        s->bytes += text_bytes(m->data);
        return;
    }
    if (m->source == CLP_MEDIA_BASE64) {
        pages += (apr_int64_t)m->data.s.n / 4 * 3 / CLP_COUNT_PAGE_BYTES;
    }
    s->tokens += pages * CLP_COUNT_PAGE;
}

static void add_block(sums *s, const clp_block *b)
{
    s->bytes += text_bytes(b->text) + text_bytes(b->name) + text_bytes(b->title) +
                text_bytes(b->context) + (apr_int64_t)b->input.object.n +
                text_bytes(b->input.arguments);
    if (b->kind == CLP_BLOCK_IMAGE || b->kind == CLP_BLOCK_AUDIO) {
        s->tokens += CLP_COUNT_IMAGE;
    }
    else if (b->kind == CLP_BLOCK_DOCUMENT && !b->children) {
        add_document(s, &b->media);
    }
}

/* Children hold no children of their own but in a tool result's documents, so two levels are all
 * there is. */
static void add_blocks(sums *s, const clp_block *blocks)
{
    for (const clp_block *b = blocks; b; b = b->next) {
        add_block(s, b);
        for (const clp_block *child = b->children; child; child = child->next) {
            add_block(s, child);
            for (const clp_block *part = child->children; part; part = part->next) {
                add_block(s, part);
            }
        }
    }
}

apr_int64_t clp_count_conversation(const clp_conversation *c)
{
    sums s = {0, 0};
    apr_int64_t tokens;

    add_blocks(&s, c->system);
    for (const clp_turn *t = c->turns; t; t = t->next) {
        add_blocks(&s, t->blocks);
    }
    for (int i = 0; i < c->tools->nelts; i++) {
        const clp_tool *tool = &APR_ARRAY_IDX(c->tools, i, clp_tool);
        s.bytes += text_bytes(tool->name) + text_bytes(tool->description) +
                   (apr_int64_t)tool->schema.n + (apr_int64_t)tool->format.n;
    }
    s.bytes += (apr_int64_t)c->format_schema.n;
    tokens = s.bytes / BYTES_PER_TOKEN + s.tokens;
    return tokens > 0 ? tokens : 1;
}
