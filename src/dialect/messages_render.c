/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "messages_content.h"

#include "wire/text.h"

/* Readable members, and what stands before them. Everything else is opaque or layout. */
static const struct {
    const char *member;
    const char *before;
} readable[] = {
    {"title", ""},   {"url", ""},       {"source", ""},        {"text", ""},
    {"stdout", ""},  {"stderr", ""},    {"query", ""},         {"error_code", "error: "},
    {"data", ""},    {"tool_name", ""}, {"file_id", "file: "}, {"content", ""},
    {"summary", ""},
};

static void line(clp_buffer *b, const char *before, clp_text text)
{
    if (text.s.n) {
        clp_buffer_lit(b, "\\n");
        clp_buffer_puts(b, before);
        clp_text_append_escaped(b, text);
    }
}

/* Is the token the data of something that is not text, such as a PDF? */
static int is_binary(clp_jval value, clp_jval parent)
{
    return clp_jval_named(value, "data") && clp_jval_str_is(clp_jval_get(parent, "type"), "base64");
}

/* The readable strings of a block, in the order they stand in it. */
static void render_readable(clp_buffer *b, clp_jval block)
{
    apr_uint32_t end = clp_jval_token(block)->next;
    clp_jval parent = block;

    for (apr_uint32_t i = block.at + 1; i < end; i++) {
        clp_jval v = {block.doc, i};
        if (clp_jval_is_object(v)) {
            parent = v;
        }
        if (!(clp_jval_token(v)->flags & CLP_JSON_F_KEY)) {
            continue;
        }
        v.at = ++i;
        if (clp_jval_is_object(v)) {
            parent = v;
        }
        for (apr_size_t k = 0; k < sizeof(readable) / sizeof(readable[0]); k++) {
            if (clp_jval_is_string(v) && clp_jval_named(v, readable[k].member) &&
                !is_binary(v, parent)) {
                line(b, readable[k].before, clp_jval_text(v));
            }
        }
    }
}

clp_text clp_messages_render_search(clp_reading *r, clp_jval block)
{
    clp_buffer *b = r->scratch;

    clp_buffer_clear(b);
    clp_text_append_escaped(b, clp_jval_text(clp_jval_get(block, "title")));
    line(b, "", clp_jval_text(clp_jval_get(block, "source")));
    CLP_JVAL_EACH (part, clp_jval_get(block, "content")) {
        if (!clp_jval_str_is(clp_jval_get(part, "type"), "text")) {
            clp_reject_member(r, part, "type", "expected \"text\"");
        }
        line(b, "", clp_jval_text(clp_jval_get(part, "text")));
    }
    return clp_reading_take(r);
}

clp_text clp_messages_render(clp_reading *r, clp_jval block)
{
    clp_jval type = clp_jval_get(block, "type");
    clp_jval name = clp_jval_get(block, "name");
    clp_jval input = clp_jval_get(block, "input");
    clp_buffer *b = r->scratch;

    clp_buffer_clear(b);
    clp_buffer_putc(b, '[');
    clp_text_append_escaped(b, clp_jval_text(type));
    if (clp_jval_is_string(name)) {
        clp_buffer_putc(b, ' ');
        clp_text_append_escaped(b, clp_jval_text(name));
    }
    if (clp_jval_ok(input)) {
        clp_buffer_lit(b, ": ");
        clp_text_append_escaped(b, clp_text_plain(clp_jval_raw(input)));
    }
    else {
        render_readable(b, block);
    }
    clp_buffer_putc(b, ']');
    return clp_reading_take(r);
}
