/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#include "chat_state.h"

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

/* --- Chat: a member of messages and of their calls ------------------------------------ */

/* Bytes that are copied, up to what is left out. */
typedef struct cutting {
    clp_buffer *out;
    clp_span rest; /* of the body: not copied yet */
    int cuts;
} cutting;

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A member that does not stand alone goes with one comma: the one behind it, or else before it. */
static void cut_member(cutting *c, clp_jval member)
{
    const char *from = clp_jval_name(member).s.p - 1; /* the quote */
    const char *to = clp_jval_raw(member).p + clp_jval_raw(member).n;
    const char *before = from, *behind = to;

    while (is_blank(*behind)) {
        behind++;
    }
    while (is_blank(before[-1])) {
        before--;
    }
    if (*behind == ',') {
        to = behind + 1;
    }
    else if (before[-1] == ',') {
        from = before - 1;
    }
    clp_buffer_append(c->out, c->rest.p, (apr_size_t)(from - c->rest.p));
    c->rest = clp_span_of(to, (apr_size_t)(c->rest.p + c->rest.n - to));
    c->cuts++;
}

/* In the order of the bytes: a message's own may stand before its calls or behind them. One that
 * stands twice is nothing that we gave. */
static void cut_holder(cutting *c, clp_jval holder)
{
    int foreign = clp_envelope_like(clp_chat_state_of(holder)) &&
                  !clp_jval_has_duplicate(holder, "extra_content");

    CLP_JVAL_EACH (member, holder) {
        if (clp_jval_named(member, "extra_content")) {
            if (foreign) {
                cut_member(c, member);
            }
        }
        else if (clp_jval_named(member, "tool_calls") && clp_jval_is_array(member)) {
            CLP_JVAL_EACH (call, member) {
                if (clp_jval_is_object(call)) {
                    cut_holder(c, call);
                }
            }
        }
    }
}

static int drop_members(clp_buffer *out, clp_span body, clp_jval messages)
{
    cutting c = {out, body, 0};

    CLP_JVAL_EACH (message, messages) {
        if (clp_jval_is_object(message)) {
            cut_holder(&c, message);
        }
    }
    if (c.cuts) {
        clp_buffer_span(out, c.rest);
    }
    return c.cuts > 0;
}

int clp_dialect_drop_foreign(clp_buffer *out, clp_span body, const clp_dialect *dialect,
                             apr_pool_t *pool)
{
    const clp_json_limits limits = {0xffff, RECORD_DEPTH, 0};
    int nested = dialect != &clp_dialect_responses, n = 0;
    clp_json *j;
    clp_jval list;

    if (!memmem(body.p, body.n, CLP_ENVELOPE_MARK, sizeof(CLP_ENVELOPE_MARK) - 1)) {
        return 0;
    }
    j = clp_json_make(pool);
    if (clp_json_scan(j, body, &limits, NULL) != CLP_JSON_OK) {
        return 0;
    }
    list = clp_jval_get(clp_json_root(j), nested ? "messages" : "input");
    if (clp_jval_is_array(list) && dialect == &clp_dialect_chat) {
        return drop_members(out, body, list);
    }
    if (!clp_jval_is_array(list) || !(nested ? count_nested(list) : count_foreign(list))) {
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
