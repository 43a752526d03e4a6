/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

/* messages[0].tool_calls[0].extra_content.google.thought_signature */
#define RECORD_DEPTH 7

static int holds_envelope(clp_jval v, const char *type, const char *member)
{
    return clp_jval_str_is(clp_jval_get(v, "type"), type) &&
           clp_envelope_like(clp_jval_text(clp_jval_get(v, member)));
}

static int is_foreign(clp_jval v)
{
    return holds_envelope(v, "thinking", "signature") ||
           holds_envelope(v, "redacted_thinking", "data") ||
           holds_envelope(v, "reasoning", "encrypted_content");
}

static apr_uint32_t count_foreign(clp_jval array)
{
    apr_uint32_t n = 0;
    if (clp_jval_is_array(array)) {
        CLP_JVAL_EACH (v, array) {
            n += is_foreign(v) ? 1 : 0;
        }
    }
    return n;
}

static apr_uint32_t count_nested(clp_jval messages)
{
    apr_uint32_t n = 0;
    CLP_JVAL_EACH (message, messages) {
        n += count_foreign(clp_jval_get(message, "content"));
    }
    return n;
}

/* The bytes of `whole` before and behind the part. */
static void write_before(clp_buffer *out, clp_span whole, clp_span part)
{
    clp_buffer_append(out, whole.p, (apr_size_t)(part.p - whole.p));
}

static void write_behind(clp_buffer *out, clp_span whole, clp_span part)
{
    const char *behind = part.p + part.n;
    clp_buffer_append(out, behind, (apr_size_t)(whole.p + whole.n - behind));
}

static void write_element(clp_buffer *out, int *n, clp_span raw)
{
    if ((*n)++) {
        clp_buffer_putc(out, ',');
    }
    clp_buffer_span(out, raw);
}

static void write_rest(clp_buffer *out, clp_jval array)
{
    int n = 0;
    clp_buffer_putc(out, '[');
    CLP_JVAL_EACH (v, array) {
        if (!is_foreign(v)) {
            write_element(out, &n, clp_jval_raw(v));
        }
    }
    clp_buffer_putc(out, ']');
}

/* A message without the blocks that are foreign; one of nothing else is left out. */
static void write_message(clp_buffer *out, int *n, clp_jval message)
{
    clp_jval content = clp_jval_get(message, "content");
    apr_uint32_t foreign = count_foreign(content);
    if (!foreign) {
        write_element(out, n, clp_jval_raw(message));
    }
    else if (foreign < clp_jval_count(content)) {
        write_element(out, n, clp_span_of("", 0));
        write_before(out, clp_jval_raw(message), clp_jval_raw(content));
        write_rest(out, content);
        write_behind(out, clp_jval_raw(message), clp_jval_raw(content));
    }
}

/* --- Chat: state stands on calls ---------------------------------------------------- */

static int is_foreign_call(clp_jval call)
{
    clp_jval google = clp_jval_get(clp_jval_get(call, "extra_content"), "google");
    return clp_envelope_like(clp_jval_text(clp_jval_get(google, "thought_signature")));
}

static int has_foreign_call(clp_jval messages)
{
    CLP_JVAL_EACH (message, messages) {
        CLP_JVAL_EACH (call, clp_jval_get(message, "tool_calls")) {
            if (is_foreign_call(call)) {
                return 1;
            }
        }
    }
    return 0;
}

static void write_call(clp_buffer *out, clp_jval call)
{
    int n = 0;
    clp_buffer_putc(out, '{');
    CLP_JVAL_EACH (v, call) {
        if (!clp_jval_named(v, "extra_content")) {
            write_element(out, &n, CLP_SPAN_LIT("\""));
            clp_buffer_span(out, clp_jval_name(v).s);
            clp_buffer_lit(out, "\":");
            clp_buffer_span(out, clp_jval_raw(v));
        }
    }
    clp_buffer_putc(out, '}');
}

/* The messages as they are, but for what is foreign in their calls. Gives where the rest begins. */
static const char *write_messages(clp_buffer *out, clp_jval messages, const char *from)
{
    CLP_JVAL_EACH (message, messages) {
        CLP_JVAL_EACH (call, clp_jval_get(message, "tool_calls")) {
            if (is_foreign_call(call)) {
                clp_span raw = clp_jval_raw(call);
                clp_buffer_append(out, from, (apr_size_t)(raw.p - from));
                write_call(out, call);
                from = raw.p + raw.n;
            }
        }
    }
    return from;
}

static int drop_from_calls(clp_buffer *out, clp_span body, clp_jval messages)
{
    const char *rest;
    if (!has_foreign_call(messages)) {
        return 0;
    }
    rest = write_messages(out, messages, body.p);
    clp_buffer_append(out, rest, (apr_size_t)(body.p + body.n - rest));
    return 1;
}

/* --- Messages and Responses: state is a block, or an item ----------------------------- */

static int drop_from_list(clp_buffer *out, clp_span body, clp_jval list, int nested)
{
    int n = 0;
    if (!(nested ? count_nested(list) : count_foreign(list))) {
        return 0;
    }
    write_before(out, body, clp_jval_raw(list));
    if (!nested) {
        write_rest(out, list);
    }
    else {
        clp_buffer_putc(out, '[');
        CLP_JVAL_EACH (message, list) {
            write_message(out, &n, message);
        }
        clp_buffer_putc(out, ']');
    }
    write_behind(out, body, clp_jval_raw(list));
    return 1;
}

int clp_dialect_drop_foreign(clp_buffer *out, clp_span body, const clp_dialect *dialect,
                             apr_pool_t *pool)
{
    const clp_json_limits limits = {0xffff, RECORD_DEPTH, 0};
    int nested = dialect == &clp_dialect_messages, calls = dialect == &clp_dialect_chat;
    clp_json *j;
    clp_jval list;

    if (!memmem(body.p, body.n, CLP_ENVELOPE_MARK, sizeof(CLP_ENVELOPE_MARK) - 1)) {
        return 0;
    }
    j = clp_json_make(pool);
    if (clp_json_scan(j, body, &limits, NULL) != CLP_JSON_OK) {
        return 0;
    }
    list = clp_jval_get(clp_json_root(j), nested || calls ? "messages" : "input");
    if (!clp_jval_is_array(list)) {
        return 0;
    }
    return calls ? drop_from_calls(out, body, list) : drop_from_list(out, body, list, nested);
}
