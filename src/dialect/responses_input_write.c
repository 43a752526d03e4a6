/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_write.h"

#include "media.h"
#include "wire/text.h"

static int is_media(const clp_block *b)
{
    return b->kind == CLP_BLOCK_IMAGE || b->kind == CLP_BLOCK_AUDIO ||
           (b->kind == CLP_BLOCK_DOCUMENT && b->media.source != CLP_MEDIA_TEXT);
}

/* --- parts ------------------------------------------------------------------------ */

static void write_text(clp_writing *w, clp_text text)
{
    if (text.s.n) {
        clp_jw_object(&w->jw);
        clp_jw_kstr(&w->jw, "type", "input_text");
        clp_jw_ktext(&w->jw, "text", text);
        clp_jw_end_object(&w->jw);
    }
}

static void write_text_block(clp_writing *w, const clp_block *b)
{
    if (b->text.s.n) {
        clp_jw_object(&w->jw);
        clp_jw_kstr(&w->jw, "type", "input_text");
        clp_jw_ktext(&w->jw, "text", b->text);
        clp_writing_cache_breakpoint(w, b);
        clp_jw_end_object(&w->jw);
    }
}

static int is_foreign(clp_writing *w, const clp_block *b)
{
    if (b->media.source == CLP_MEDIA_FILE) {
        clp_writing_refuse(w, b->origin, "a file id is not known to this model's provider");
        return 1;
    }
    return 0;
}

static void write_image(clp_writing *w, const clp_block *b)
{
    clp_jw *jw = &w->jw;

    if (is_foreign(w, b)) {
        return;
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "input_image");
    clp_jw_key(jw, "image_url");
    if (b->media.source == CLP_MEDIA_BASE64) {
        clp_media_write_data_url(jw, &b->media);
    }
    else {
        clp_jw_text(jw, b->media.data);
    }
    clp_jw_ktext(jw, "detail", b->media.detail.s.n ? b->media.detail : clp_text_str("auto"));
    clp_writing_cache_breakpoint(w, b);
    clp_jw_end_object(jw);
}

static void write_file(clp_writing *w, const clp_block *b)
{
    clp_jw *jw = &w->jw;

    if (is_foreign(w, b)) {
        return;
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "input_file");
    if (b->media.source == CLP_MEDIA_URL) {
        clp_jw_ktext(jw, "file_url", b->media.data);
    }
    else {
        clp_jw_key(jw, "filename");
        clp_media_write_filename(jw, b);
        clp_jw_key(jw, "file_data");
        clp_media_write_data_url(jw, &b->media);
    }
    clp_writing_cache_breakpoint(w, b);
    clp_jw_end_object(jw);
}

static void write_part(clp_writing *w, const clp_block *b);

static void write_title(clp_writing *w, const clp_block *b)
{
    clp_text title = b->title.s.n ? b->title : b->media.filename;
    clp_jw *jw = &w->jw;

    if (title.s.n) {
        clp_jw_object(jw);
        clp_jw_kstr(jw, "type", "input_text");
        clp_jw_key(jw, "text");
        clp_jw_text_open(jw);
        clp_jw_text_part(jw, clp_text_str("[document: "));
        clp_jw_text_part(jw, title);
        clp_jw_text_part(jw, clp_text_str("]"));
        clp_jw_text_close(jw);
        clp_jw_end_object(jw);
    }
}

/* A document of text is told in text; its children are no documents, so this ends. */
static void write_document(clp_writing *w, const clp_block *b)
{
    write_text(w, b->context);
    if (is_media(b)) {
        write_file(w, b);
        return;
    }
    write_title(w, b);
    write_text(w, b->media.data);
    for (const clp_block *child = b->children; child; child = child->next) {
        write_part(w, child);
    }
}

static void write_part(clp_writing *w, const clp_block *b)
{
    switch (b->kind) {
    case CLP_BLOCK_IMAGE: write_image(w, b); break;
    case CLP_BLOCK_DOCUMENT: write_document(w, b); break;
    case CLP_BLOCK_AUDIO: clp_writing_refuse(w, b->origin, "this model takes no audio"); break;
    default: write_text_block(w, b);
    }
}

static void message_open(clp_writing *w, const char *role)
{
    clp_jw_object(&w->jw);
    clp_jw_kstr(&w->jw, "type", "message");
    clp_jw_kstr(&w->jw, "role", role);
    clp_jw_key(&w->jw, "content");
    clp_jw_array(&w->jw);
}

/* A message whose content turned out to be nothing is taken back. */
static void message_close(clp_writing *w, apr_size_t open, const clp_jw *before, apr_size_t n)
{
    if (w->jw.out->n > open) {
        clp_jw_end_array(&w->jw);
        clp_jw_end_object(&w->jw);
        return;
    }
    w->jw = *before;
    w->jw.out->n = n;
}

/* --- what the user's side says ------------------------------------------------------ */

static int holds_media(const clp_block *blocks)
{
    for (const clp_block *b = blocks; b; b = b->next) {
        if (is_media(b) || holds_media(b->children)) {
            return 1;
        }
    }
    return 0;
}

static int join_texts(clp_writing *w, const clp_block *blocks, int texts);

static int join_text(clp_writing *w, clp_text text, int texts)
{
    if (!text.s.n) {
        return texts;
    }
    clp_jw_text_part(&w->jw, clp_text_str(texts ? "\n" : ""));
    clp_jw_text_part(&w->jw, text);
    return texts + 1;
}

static int join_texts(clp_writing *w, const clp_block *blocks, int texts)
{
    for (const clp_block *b = blocks; b; b = b->next) {
        if (b->kind == CLP_BLOCK_DOCUMENT) {
            clp_text title = b->title.s.n ? b->title : b->media.filename;
            texts = join_text(w, b->context, texts);
            if (title.s.n) {
                texts = join_text(w, clp_text_str("[document: "), texts);
                clp_jw_text_part(&w->jw, title);
                clp_jw_text_part(&w->jw, clp_text_str("]"));
            }
            texts = join_text(w, b->media.data, texts);
            texts = join_texts(w, b->children, texts);
        }
        else {
            texts = join_text(w, b->text, texts);
        }
    }
    return texts;
}

static void write_output(clp_writing *w, const clp_block *result)
{
    clp_jw *jw = &w->jw;

    if (result && holds_media(result->children)) {
        clp_jw_array(jw);
        if (result->is_error) {
            write_text(w, clp_text_str(CLP_TOOL_ERROR_PREFIX));
        }
        for (const clp_block *b = result->children; b; b = b->next) {
            write_part(w, b);
        }
        clp_jw_end_array(jw);
        return;
    }
    clp_jw_text_open(jw);
    if (!result || result->is_error) {
        clp_jw_text_part(jw, clp_text_str(CLP_TOOL_ERROR_PREFIX));
    }
    if (result) {
        join_texts(w, result->children, 0);
    }
    else {
        clp_jw_text_part(jw, clp_text_str(CLP_NO_RESULT));
    }
    clp_jw_text_close(jw);
}

static void write_results(clp_writing *w, const clp_round *round)
{
    clp_jw *jw = &w->jw;

    for (int i = 0; i < round->told->nelts; i++) {
        const clp_answered *a = APR_ARRAY_IDX(round->told, i, const clp_answered *);
        clp_jw_object(jw);
        clp_jw_kstr(jw, "type",
                    a->call->custom ? "custom_tool_call_output" : "function_call_output");
        clp_jw_kstr(jw, "call_id", clp_tool_id_fit(a->call->id, w->id_max, w->pool));
        clp_jw_key(jw, "output");
        write_output(w, a->result);
        clp_jw_end_object(jw);
    }
}

static void write_user_block(clp_writing *w, const clp_round *round, const clp_block *b)
{
    if (b->kind != CLP_BLOCK_TOOL_RESULT) {
        write_part(w, b);
    }
    else if (!clp_round_answers(round, b, w->pool)) {
        write_text(w, clp_writing_orphan_label(w, b));
        for (const clp_block *child = b->children; child; child = child->next) {
            write_part(w, child);
        }
    }
}

static void write_user_round(clp_writing *w, const clp_round *round)
{
    write_results(w, round);
    CLP_ROUND_EACH(t, round)
    {
        clp_jw before = w->jw;
        apr_size_t n = w->jw.out->n, open;
        message_open(w, t->role == CLP_ROLE_SYSTEM ? "developer" : "user");
        open = w->jw.out->n;
        for (const clp_block *b = t->blocks; b; b = b->next) {
            write_user_block(w, round, b);
        }
        message_close(w, open, &before, n);
    }
}

/* --- what the assistant said and did ---------------------------------------------- */

static int is_said(const clp_block *b)
{
    return b->text.s.n && (b->kind == CLP_BLOCK_TEXT || b->kind == CLP_BLOCK_REFUSAL ||
                           b->kind == CLP_BLOCK_OPAQUE || b->kind == CLP_BLOCK_SERVER);
}

static void write_said(clp_writing *w, const clp_block *b)
{
    clp_jw *jw = &w->jw;
    int refusal = b->kind == CLP_BLOCK_REFUSAL;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", refusal ? "refusal" : "output_text");
    clp_jw_ktext(jw, refusal ? "refusal" : "text", b->text);
    clp_jw_end_object(jw);
}

static void write_call(clp_writing *w, const clp_block *b)
{
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", b->custom ? "custom_tool_call" : "function_call");
    clp_jw_kstr(jw, "call_id", clp_tool_id_fit(b->id, w->id_max, w->pool));
    clp_jw_kstr(jw, "name", clp_tool_names_fit(w->names, b->name));
    if (b->custom) {
        clp_jw_ktext(jw, "input", b->text);
    }
    else {
        clp_jw_key(jw, "arguments");
        clp_tool_input_text(jw, &b->input, w->pool);
    }
    clp_jw_end_object(jw);
}

/* Reasoning must be followed by what it led to. */
static int leads_to_something(const clp_block *state, const clp_turn *t, const clp_round *round)
{
    for (const clp_block *b = state->next; b; b = b->next) {
        if (b->kind == CLP_BLOCK_TOOL_CALL || is_said(b)) {
            return 1;
        }
    }
    for (t = t->next; t && t != round->behind; t = t->next) {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (b->kind == CLP_BLOCK_TOOL_CALL || is_said(b)) {
                return 1;
            }
        }
    }
    return 0;
}

static int is_own_state(const clp_block *b)
{
    return (b->kind == CLP_BLOCK_REASONING || b->kind == CLP_BLOCK_REDACTED) &&
           b->state.provider == CLP_PROVIDER_OPENAI && clp_span_starts(b->state.payload, "{");
}

/* The texts of one answer are the parts of one message, up to whatever stands between. */
static void write_assistant_round(clp_writing *w, const clp_round *round)
{
    int message = 0;

    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            int said = is_said(b);
            int state = is_own_state(b) && leads_to_something(b, t, round);
            if (message && (b->kind == CLP_BLOCK_TOOL_CALL || state)) {
                clp_jw_end_array(&w->jw);
                clp_jw_end_object(&w->jw);
                message = 0;
            }
            if (said) {
                if (!message) {
                    message_open(w, "assistant");
                    message = 1;
                }
                write_said(w, b);
            }
            else if (b->kind == CLP_BLOCK_TOOL_CALL) {
                write_call(w, b);
            }
            else if (state) {
                clp_jw_raw(&w->jw, b->state.payload);
            }
        }
        if (message) {
            clp_jw_end_array(&w->jw);
            clp_jw_end_object(&w->jw);
            message = 0;
        }
    }
}

void clp_responses_write_input(clp_writing *w)
{
    clp_jw_key(&w->jw, "input");
    clp_jw_array(&w->jw);
    for (int i = 0; i < w->rounds->nelts && !w->problem; i++) {
        const clp_round *round = &APR_ARRAY_IDX(w->rounds, i, clp_round);
        if (round->assistant) {
            write_assistant_round(w, round);
        }
        else {
            write_user_round(w, round);
        }
    }
    clp_jw_end_array(&w->jw);
}
