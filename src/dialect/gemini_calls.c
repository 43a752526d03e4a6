/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_calls.h"

#include <apr_strings.h>

#include "gemini_media.h"
#include "gemini_names.h"
#include "wire/text.h"

/* A call of the model's that may still get its response. */
typedef struct asked {
    const clp_block *call;
    int answered;
} asked;

/* The same request gives the same ids. */
static clp_text make_id(clp_gemini_calls *c, clp_text name)
{
    char hex[65];
    const char *from =
        apr_psprintf(c->r->pool, "%d.%d.%s", c->content, c->part, clp_text_cstr(name, c->r->pool));

    clp_sha256_hex(clp_span_str(from), hex);
    return clp_text_str(apr_psprintf(c->r->pool, "call_%.24s", hex));
}

void clp_gemini_read_call(clp_gemini_calls *c, clp_jval v, clp_block *b)
{
    clp_reading *r = c->r;
    asked *a;

    b->name = clp_read_name_needed(r, v, "name");
    b->input.object = clp_read_object_raw(r, v, "args");
    if (!b->input.object.p) {
        b->input.object = CLP_SPAN_LIT("{}");
    }
    b->id = clp_read_text(r, v, "id");
    if (!b->id.s.n && !r->problem) {
        b->id = make_id(c, b->name);
    }
    a = &APR_ARRAY_PUSH(c->calls, asked);
    a->call = b;
    a->answered = 0;
}

static asked *unanswered(clp_gemini_calls *c, clp_text id, clp_text name)
{
    const char *wanted_id = id.s.n ? clp_text_cstr(id, c->r->pool) : NULL;
    const char *wanted_name = name.s.n ? clp_text_cstr(name, c->r->pool) : NULL;

    for (int i = 0; i < c->calls->nelts; i++) {
        asked *a = &APR_ARRAY_IDX(c->calls, i, asked);
        if (!a->answered && (!wanted_id || clp_text_is(a->call->id, wanted_id)) &&
            (!wanted_name || clp_text_is(a->call->name, wanted_name))) {
            return a;
        }
    }
    return NULL;
}

/* By id, then the first call of that name, then the first call. */
static clp_text answered_id(clp_gemini_calls *c, clp_text id, clp_text name)
{
    const clp_text any = {{NULL, 0}, 0};
    asked *a = id.s.n ? unanswered(c, id, any) : NULL;

    a = a ? a : unanswered(c, any, name);
    a = a ? a : unanswered(c, any, any);
    if (a) {
        a->answered = 1;
        return a->call->id;
    }
    return id.s.n ? id : make_id(c, name);
}

/* {"output":"…"} and its kind are a text; any other object is told as it is. */
static void read_response(clp_reading *r, clp_jval response, clp_block *b)
{
    clp_jval only = clp_jval_count(response) == 1 ? clp_jval_first(response) : CLP_JVAL_NONE;
    clp_block *text;

    if (!clp_jval_ok(response) || clp_jval_count(response) == 0) {
        return;
    }
    text = clp_block_append(&b->children, r->pool, CLP_BLOCK_TEXT, response);
    if (clp_jval_is_string(only) && clp_jval_named(only, "error")) {
        b->is_error = 1;
        text->text = clp_jval_text(only);
    }
    else if (clp_jval_is_string(only) &&
             (clp_jval_named(only, "output") || clp_jval_named(only, "result"))) {
        text->text = clp_jval_text(only);
    }
    else {
        text->text = clp_text_plain(clp_jval_raw(response));
    }
}

void clp_gemini_read_result(clp_gemini_calls *c, clp_jval v, clp_block *b)
{
    clp_reading *r = c->r;

    b->name = clp_read_name_needed(r, v, "name");
    b->id = clp_read_text(r, v, "id");
    if (!r->problem) {
        b->id = answered_id(c, b->id, b->name);
    }
    read_response(r, clp_read_object(r, v, "response"), b);
    CLP_JVAL_EACH (part, clp_read_array(r, v, "parts")) {
        clp_jval in = clp_gemini_get(part, "inlineData");
        clp_jval file = clp_gemini_get(part, "fileData");
        clp_block *child;
        if (!clp_jval_is_object(in) && !clp_jval_is_object(file)) {
            clp_reject(r, part, "this kind of part is not known");
            return;
        }
        child = clp_block_append(&b->children, r->pool, CLP_BLOCK_IMAGE, part);
        clp_gemini_read_media(r, clp_jval_is_object(in) ? in : file, child, !clp_jval_is_object(in),
                              0);
    }
}

void clp_gemini_calls_init(clp_gemini_calls *c, clp_reading *r)
{
    memset(c, 0, sizeof(*c));
    c->r = r;
    c->calls = apr_array_make(r->pool, 4, sizeof(asked));
}

void clp_gemini_calls_forget(clp_gemini_calls *c)
{
    apr_array_clear(c->calls);
}
