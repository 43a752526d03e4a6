/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_state.h"

#include "carrier.h"
#include "gemini.h"
#include "wire/text.h"

static clp_jval google_of(clp_jval holder)
{
    return clp_jval_get(clp_jval_get(holder, "extra_content"), "google");
}

static clp_text signature_of(clp_jval google)
{
    clp_text signature = clp_jval_text(clp_jval_get(google, "thought_signature"));
    return clp_text_is(signature, CLP_GEMINI_SKIP_MARK) ? clp_text_str(NULL) : signature;
}

clp_text clp_chat_state_of(clp_jval holder)
{
    return signature_of(google_of(holder));
}

void clp_chat_state_write(clp_jw *jw, clp_text signature)
{
    clp_jw_key(jw, "extra_content");
    clp_jw_object(jw);
    clp_jw_key(jw, "google");
    clp_jw_object(jw);
    clp_jw_ktext(jw, "thought_signature", signature);
    clp_jw_end_object(jw);
    clp_jw_end_object(jw);
}

/* Requests are not recorded so deep: few calls have a state, and all would pay for it. */
static clp_text scanned(clp_jval google, apr_pool_t *pool)
{
    static const clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
    clp_json *j = clp_json_make(pool);

    return clp_json_scan(j, clp_jval_raw(google), &limits, NULL) == CLP_JSON_OK
               ? signature_of(clp_json_root(j))
               : clp_text_str(NULL);
}

void clp_chat_state_read(clp_reading *r, clp_turn *turn, clp_jval holder, clp_state_kind kind)
{
    clp_jval google = google_of(holder);
    clp_text signature;
    clp_state state;

    if (!clp_jval_is_object(google)) {
        return;
    }
    signature = scanned(google, r->pool);
    clp_state_read(&state, signature, CLP_PROVIDER_GEMINI, kind, r->envelope_key, r->pool);
    if (state.provider == CLP_PROVIDER_GEMINI) {
        clp_turn_block(turn, r->pool, CLP_BLOCK_REASONING, holder)->state = state;
    }
    else if (state.provider != CLP_PROVIDER_NONE) {
        clp_carrier_open(r, turn, signature, r->envelope_key, holder);
    }
}

/* --- what is not for the provider that a body passes to ------------------------------- */

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

int clp_chat_state_drop(clp_buffer *out, clp_span body, clp_jval messages)
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
