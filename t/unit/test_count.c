/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/count.h"
#include "tap.h"

static apr_pool_t *pool;

/* A conversation of one user turn with one text block. */
static clp_conversation *with_text(clp_text text)
{
    clp_conversation *c = clp_conversation_make(pool, NULL);
    clp_turn *t = clp_conversation_turn(c, CLP_ROLE_USER, CLP_JVAL_NONE);
    clp_turn_block(t, pool, CLP_BLOCK_TEXT, CLP_JVAL_NONE)->text = text;
    return c;
}

static clp_conversation *with_media(clp_block_kind kind, clp_media_source source, apr_size_t n)
{
    clp_conversation *c = clp_conversation_make(pool, NULL);
    clp_turn *t = clp_conversation_turn(c, CLP_ROLE_USER, CLP_JVAL_NONE);
    clp_block *b = clp_turn_block(t, pool, kind, CLP_JVAL_NONE);
    char *data = apr_palloc(pool, n + 1);
    memset(data, 'A', n);
    b->media.source = source;
    b->media.data = clp_text_plain(clp_span_of(data, n));
    return c;
}

#define ESCAPED(s) clp_text_escaped(CLP_SPAN_LIT(s))

static void texts(void)
{
    char *long_text = apr_palloc(pool, 4000);
    memset(long_text, 'x', 4000);
    IS_INT(clp_count_conversation(clp_conversation_make(pool, NULL)), 1, "nothing is one token");
    IS_INT(clp_count_conversation(with_text(clp_text_str("hi"))), 1, "two bytes are one token");
    IS_INT(clp_count_conversation(with_text(clp_text_plain(clp_span_of(long_text, 4000)))), 1000,
           "a quarter of the bytes");
    IS_INT(clp_count_conversation(with_text(ESCAPED("\\n\\n\\n\\n\\n\\n\\n\\n"))), 2,
           "an escape is the byte it stands for");
    IS_INT(clp_count_conversation(with_text(ESCAPED("\\u00e9\\u00e9\\u00e9\\u00e9"))), 2,
           "two bytes by escape");
    IS_INT(clp_count_conversation(with_text(ESCAPED("\\u4e2d\\u6587\\u4e2d\\u6587"))), 3,
           "three bytes by escape");
    IS_INT(clp_count_conversation(with_text(ESCAPED("\\u0905\\u0905\\u0905\\u0905"))), 3,
           "three bytes by escape, low plane");
    IS_INT(clp_count_conversation(with_text(ESCAPED("\\u0041\\u0042\\u0043\\u0044"))), 1,
           "ASCII by escape");
    IS_INT(clp_count_conversation(with_text(ESCAPED("\\ud83d\\ude00\\ud83d\\ude00"))), 2,
           "a pair is a character of four bytes");
    IS_INT(clp_count_conversation(with_text(ESCAPED("\\ud7ff\\ud7ff\\ud7ff\\ud7ff"))), 3,
           "the last before the surrogates");
}

static void media(void)
{
    IS_INT(clp_count_conversation(with_media(CLP_BLOCK_IMAGE, CLP_MEDIA_BASE64, 1000000)),
           CLP_COUNT_IMAGE, "an image has its figure, whatever its size");
    IS_INT(clp_count_conversation(with_media(CLP_BLOCK_IMAGE, CLP_MEDIA_URL, 30)), CLP_COUNT_IMAGE,
           "an image by URL");
    IS_INT(clp_count_conversation(with_media(CLP_BLOCK_DOCUMENT, CLP_MEDIA_BASE64, 100)),
           CLP_COUNT_PAGE, "a small PDF is a page");
    IS_INT(clp_count_conversation(
               with_media(CLP_BLOCK_DOCUMENT, CLP_MEDIA_BASE64, 4 * CLP_COUNT_PAGE_BYTES)),
           4 * CLP_COUNT_PAGE, "a larger one several");
    IS_INT(clp_count_conversation(with_media(CLP_BLOCK_DOCUMENT, CLP_MEDIA_TEXT, 4000)), 1000,
           "a document of plain text counts as text");
}

static void everything_else(void)
{
    clp_conversation *c = clp_conversation_make(pool, NULL);
    clp_turn *t = clp_conversation_turn(c, CLP_ROLE_ASSISTANT, CLP_JVAL_NONE);
    clp_tool *tool = apr_array_push(c->tools);
    clp_block *b;

    memset(tool, 0, sizeof(*tool));
    tool->name = clp_text_str("12345678");
    tool->description = clp_text_str("1234");
    tool->schema = CLP_SPAN_LIT("{\"type\":\"object\"} "); /* 18 */
    clp_block_append(&c->system, pool, CLP_BLOCK_TEXT, CLP_JVAL_NONE)->text =
        clp_text_str("12345678901234567890"); /* 20 */
    b = clp_turn_block(t, pool, CLP_BLOCK_TOOL_CALL, CLP_JVAL_NONE);
    b->name = clp_text_str("12345678");
    b->input.object = CLP_SPAN_LIT("{\"a\":12}"); /* 8 */
    t = clp_conversation_turn(c, CLP_ROLE_USER, CLP_JVAL_NONE);
    b = clp_turn_block(t, pool, CLP_BLOCK_TOOL_RESULT, CLP_JVAL_NONE);
    clp_block_append(&b->children, pool, CLP_BLOCK_TEXT, CLP_JVAL_NONE)->text =
        clp_text_str("12345678901234"); /* 14 */
    IS_INT(clp_count_conversation(c), (8 + 4 + 18 + 20 + 8 + 8 + 14) / 4,
           "system, tools, calls and results count");
    clp_block_append(&b->children, pool, CLP_BLOCK_IMAGE, CLP_JVAL_NONE);
    IS_INT(clp_count_conversation(c), 20 + CLP_COUNT_IMAGE, "an image in a tool's result");
}

int main(void)
{
    pool = tap_begin();
    texts();
    media();
    everything_else();
    return tap_end();
}
