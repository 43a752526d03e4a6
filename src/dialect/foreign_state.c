/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#include "chat_state.h"
#include "gemini.h"
#include "gemini_names.h"
#include "wire/text.h"

/* messages[0].tool_calls[0].extra_content.google.thought_signature */
#define RECORD_DEPTH 7

/* Where requests of a dialect hold reasoning state, if it is in elements of arrays. */
typedef struct place {
    const clp_dialect *dialect;
    clp_jval (*list)(clp_jval root);
    const char *nested;            /* array in each of the list's elements; NULL: the list itself */
    int (*is_foreign)(clp_jval v); /* is it, or does it hold, an envelope? */
    /* Append what stays of one that is foreign; 0 if nothing does. NULL: nothing ever does. */
    int (*write_rest)(clp_buffer *out, clp_jval v);
} place;

static void write_element(clp_buffer *out, int *n, clp_span raw)
{
    if ((*n)++) {
        clp_buffer_putc(out, ',');
    }
    clp_buffer_span(out, raw);
}

static void write_member(clp_buffer *out, int *n, clp_jval v, clp_span value)
{
    write_element(out, n, CLP_SPAN_LIT("\""));
    clp_buffer_span(out, clp_jval_name(v).s);
    clp_buffer_lit(out, "\":");
    clp_buffer_span(out, value);
}

/* --- Messages and Responses: state is a block, or an item ----------------------------- */

static int holds_envelope(clp_jval v, const char *type, const char *member)
{
    return clp_jval_str_is(clp_jval_get(v, "type"), type) &&
           clp_envelope_like(clp_jval_text(clp_jval_get(v, member)));
}

static int is_foreign_block(clp_jval v)
{
    return holds_envelope(v, "thinking", "signature") ||
           holds_envelope(v, "redacted_thinking", "data");
}

static int is_foreign_item(clp_jval v)
{
    return holds_envelope(v, "reasoning", "encrypted_content");
}

static clp_jval list_of_messages(clp_jval root)
{
    return clp_jval_get(root, "messages");
}

static clp_jval list_of_items(clp_jval root)
{
    return clp_jval_get(root, "input");
}

/* --- Gemini: state stands on parts -------------------------------------------------- */

static int is_foreign_signature(clp_jval member)
{
    return clp_gemini_named(member, "thoughtSignature") && clp_envelope_like(clp_jval_text(member));
}

static int is_foreign_part(clp_jval part)
{
    CLP_JVAL_EACH (v, part) {
        if (is_foreign_signature(v)) {
            return 1;
        }
    }
    return 0;
}

static int is_empty_text(clp_jval member)
{
    return clp_jval_named(member, "text") && !clp_jval_text(member).s.n;
}

/* A call needs a signature; a text that was there for the sake of its own does not stay. */
static int write_part(clp_buffer *out, clp_jval part)
{
    int call = clp_jval_ok(clp_gemini_get(part, "functionCall"));
    int n = 0, says = 0;

    CLP_JVAL_EACH (v, part) {
        says |= !is_foreign_signature(v) && !is_empty_text(v);
    }
    if (!says) {
        return 0;
    }
    clp_buffer_putc(out, '{');
    CLP_JVAL_EACH (v, part) {
        if (!is_foreign_signature(v)) {
            write_member(out, &n, v, clp_jval_raw(v));
        }
        else if (call) {
            write_member(out, &n, v, CLP_SPAN_LIT("\"" CLP_GEMINI_SKIP_MARK "\""));
        }
    }
    clp_buffer_putc(out, '}');
    return 1;
}

/* A request that is to be counted may stand inside another object. */
static clp_jval list_of_contents(clp_jval root)
{
    clp_jval counted = clp_gemini_get(root, "generateContentRequest");
    return clp_jval_get(clp_jval_is_object(counted) ? counted : root, "contents");
}

/* --- elements of arrays
 * ---------------------------------------------------------------------------- */

static const place places[] = {
    {&clp_dialect_messages, list_of_messages, "content", is_foreign_block, NULL},
    {&clp_dialect_responses, list_of_items, NULL, is_foreign_item, NULL},
    {&clp_dialect_gemini, list_of_contents, "parts", is_foreign_part, write_part},
};

static int holds_foreign(const place *p, clp_jval array)
{
    if (clp_jval_is_array(array)) {
        CLP_JVAL_EACH (v, array) {
            if (p->is_foreign(v)) {
                return 1;
            }
        }
    }
    return 0;
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

/* An array with what stays of its elements. Gives how many that are. */
static int write_array(clp_buffer *out, const place *p, clp_jval array)
{
    int n = 0;
    clp_buffer_putc(out, '[');
    CLP_JVAL_EACH (v, array) {
        apr_size_t before = out->n;
        int foreign = p->is_foreign(v);
        write_element(out, &n, foreign ? CLP_SPAN_LIT("") : clp_jval_raw(v));
        if (foreign && !(p->write_rest && p->write_rest(out, v))) {
            out->n = before;
            n--;
        }
    }
    clp_buffer_putc(out, ']');
    return n;
}

/* An element of the list; one that nothing stays of is left out. */
static void write_nested(clp_buffer *out, int *n, const place *p, clp_jval element)
{
    clp_jval array = clp_jval_get(element, p->nested);
    apr_size_t before = out->n;

    if (!holds_foreign(p, array)) {
        write_element(out, n, clp_jval_raw(element));
        return;
    }
    write_element(out, n, CLP_SPAN_LIT(""));
    write_before(out, clp_jval_raw(element), clp_jval_raw(array));
    if (write_array(out, p, array)) {
        write_behind(out, clp_jval_raw(element), clp_jval_raw(array));
    }
    else {
        out->n = before;
        (*n)--;
    }
}

static int nested_foreign(const place *p, clp_jval list)
{
    CLP_JVAL_EACH (element, list) {
        if (holds_foreign(p, clp_jval_get(element, p->nested))) {
            return 1;
        }
    }
    return 0;
}

static void write_list(clp_buffer *out, const place *p, clp_jval list)
{
    int n = 0;
    if (!p->nested) {
        write_array(out, p, list);
        return;
    }
    clp_buffer_putc(out, '[');
    CLP_JVAL_EACH (element, list) {
        write_nested(out, &n, p, element);
    }
    clp_buffer_putc(out, ']');
}

/* --- all ---------------------------------------------------------------------------- */

static const place *place_of(const clp_dialect *dialect)
{
    for (apr_size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (places[i].dialect == dialect) {
            return &places[i];
        }
    }
    return NULL;
}

static int drop_elements(clp_buffer *out, clp_span body, const place *p, clp_jval list)
{
    if (!(p->nested ? nested_foreign(p, list) : holds_foreign(p, list))) {
        return 0;
    }
    write_before(out, body, clp_jval_raw(list));
    write_list(out, p, list);
    write_behind(out, body, clp_jval_raw(list));
    return 1;
}

int clp_dialect_drop_foreign(clp_buffer *out, clp_span body, const clp_dialect *dialect,
                             apr_pool_t *pool)
{
    const clp_json_limits limits = {0xffff, RECORD_DEPTH, 0};
    const place *p = place_of(dialect);
    clp_json *j;
    clp_jval list;

    if (!(p || dialect == &clp_dialect_chat) ||
        !clp_span_holds(body, CLP_SPAN_LIT(CLP_ENVELOPE_MARK))) {
        return 0;
    }
    j = clp_json_make(pool);
    if (clp_json_scan(j, body, &limits, NULL) != CLP_JSON_OK) {
        return 0;
    }
    list = p ? p->list(clp_json_root(j)) : list_of_messages(clp_json_root(j));
    if (!clp_jval_is_array(list)) {
        return 0;
    }
    return p ? drop_elements(out, body, p, list) : clp_chat_state_drop(out, body, list);
}
