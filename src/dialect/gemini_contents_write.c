/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_write.h"

#include "gemini.h"
#include "media.h"
#include "wire/text.h"

/* Gemini wants a user's content first. */
#define FIRST_TURN "[start of conversation]"

/* --- contents and parts ------------------------------------------------------------ */

static void content_close(clp_gemini_writing *g)
{
    if (g->role) {
        clp_jw_end_array(&g->w.jw);
        clp_jw_end_object(&g->w.jw);
        g->role = NULL;
    }
}

/* Contents open with their first part and take up all parts of one side, so that none is empty
 * and none follows another of its role. */
static void part_open(clp_gemini_writing *g, const char *role)
{
    clp_jw *jw = &g->w.jw;

    if (g->role != role) {
        content_close(g);
        clp_jw_object(jw);
        clp_jw_kstr(jw, "role", role);
        clp_jw_key(jw, "parts");
        clp_jw_array(jw);
        g->role = role;
    }
    clp_jw_object(jw);
}

static void part_close(clp_gemini_writing *g)
{
    clp_jw_end_object(&g->w.jw);
}

static const char user[] = "user";
static const char model[] = "model";

static void write_text(clp_gemini_writing *g, const char *role, clp_text text)
{
    if (text.s.n) {
        part_open(g, role);
        clp_jw_ktext(&g->w.jw, "text", text);
        part_close(g);
    }
}

/* --- media -------------------------------------------------------------------------- */

static void write_media(clp_gemini_writing *g, const clp_media *m)
{
    clp_jw *jw = &g->w.jw;
    clp_text mime = m->mime;

    if (m->source == CLP_MEDIA_URL) {
        if (!mime.s.n) {
            mime = clp_media_type_of_name(clp_text_cstr(m->data, g->w.pool));
        }
        clp_jw_key(jw, "fileData");
        clp_jw_object(jw);
        if (mime.s.n) {
            clp_jw_ktext(jw, "mimeType", mime);
        }
        clp_jw_ktext(jw, "fileUri", m->data);
    }
    else {
        clp_jw_key(jw, "inlineData");
        clp_jw_object(jw);
        clp_jw_ktext(jw, "mimeType", mime);
        clp_jw_ktext(jw, "data", m->data);
    }
    clp_jw_end_object(jw);
}

static int can_send(clp_gemini_writing *g, const clp_block *b)
{
    if (b->media.source == CLP_MEDIA_FILE) {
        clp_writing_refuse(&g->w, b->origin, "a file id is not known to this model's provider");
        return 0;
    }
    return 1;
}

static void write_media_part(clp_gemini_writing *g, const clp_block *b)
{
    if (can_send(g, b)) {
        part_open(g, user);
        write_media(g, &b->media);
        part_close(g);
    }
}

static int is_media(const clp_block *b)
{
    return b->kind == CLP_BLOCK_IMAGE || b->kind == CLP_BLOCK_AUDIO ||
           (b->kind == CLP_BLOCK_DOCUMENT && b->media.source != CLP_MEDIA_TEXT);
}

static clp_text title_of(const clp_block *document)
{
    return document->title.s.n ? document->title : document->media.filename;
}

static void write_heading(clp_gemini_writing *g, const clp_block *b)
{
    clp_jw *jw = &g->w.jw;

    write_text(g, user, b->context);
    if (title_of(b).s.n) {
        part_open(g, user);
        clp_jw_key(jw, "text");
        clp_jw_text_open(jw);
        clp_jw_text_part(jw, clp_text_str("[document: "));
        clp_jw_text_part(jw, title_of(b));
        clp_jw_text_part(jw, clp_text_str("]"));
        clp_jw_text_close(jw);
        part_close(g);
    }
}

static void write_user_block(clp_gemini_writing *g, const clp_block *b)
{
    if (b->kind == CLP_BLOCK_DOCUMENT) {
        write_heading(g, b);
    }
    if (is_media(b)) {
        write_media_part(g, b);
        return;
    }
    write_text(g, user, b->kind == CLP_BLOCK_DOCUMENT ? b->media.data : b->text);
    for (const clp_block *child = b->kind == CLP_BLOCK_DOCUMENT ? b->children : NULL; child;
         child = child->next) {
        if (is_media(child)) {
            write_media_part(g, child);
        }
        else {
            write_text(g, user, child->text);
        }
    }
}

/* --- results ---------------------------------------------------------------------------- */

static void text_of(clp_gemini_writing *g, clp_text text, int *texts)
{
    if (text.s.n) {
        clp_jw_text_part(&g->w.jw, clp_text_str((*texts)++ ? "\n" : ""));
        clp_jw_text_part(&g->w.jw, text);
    }
}

/* The texts of a result; a document's children are no documents. */
static void texts_of(clp_gemini_writing *g, const clp_block *blocks, int *texts)
{
    for (const clp_block *b = blocks; b; b = b->next) {
        if (b->kind == CLP_BLOCK_DOCUMENT) {
            text_of(g, b->context, texts);
            text_of(g, title_of(b), texts);
            if (b->media.source == CLP_MEDIA_TEXT) {
                text_of(g, b->media.data, texts);
                texts_of(g, b->children, texts);
            }
        }
        else if (!is_media(b)) {
            text_of(g, b->text, texts);
        }
    }
}

typedef void (*media_fn)(clp_gemini_writing *g, const clp_block *b);

static void each_media(clp_gemini_writing *g, const clp_block *blocks, media_fn put)
{
    for (const clp_block *b = blocks; b; b = b->next) {
        if (is_media(b)) {
            put(g, b);
        }
        else if (b->kind == CLP_BLOCK_DOCUMENT) {
            each_media(g, b->children, put);
        }
    }
}

static void write_inner_media(clp_gemini_writing *g, const clp_block *b)
{
    if (can_send(g, b)) {
        clp_jw_object(&g->w.jw);
        write_media(g, &b->media);
        clp_jw_end_object(&g->w.jw);
    }
}

static int has_media(const clp_block *blocks)
{
    for (const clp_block *b = blocks; b; b = b->next) {
        if (is_media(b) || (b->kind == CLP_BLOCK_DOCUMENT && has_media(b->children))) {
            return 1;
        }
    }
    return 0;
}

static void write_response(clp_gemini_writing *g, const clp_block *result)
{
    clp_jw *jw = &g->w.jw;
    int texts = 0;

    clp_jw_key(jw, "response");
    clp_jw_object(jw);
    clp_jw_key(jw, !result || result->is_error ? "error" : "output");
    clp_jw_text_open(jw);
    if (result) {
        texts_of(g, result->children, &texts);
    }
    else {
        clp_jw_text_part(jw, clp_text_str(CLP_NO_RESULT));
    }
    clp_jw_text_close(jw);
    clp_jw_end_object(jw);
}

/* Only the third generation takes pictures inside a response. */
static int media_inside(const clp_gemini_writing *g)
{
    return g->generation >= 3;
}

static void write_result(clp_gemini_writing *g, const clp_answered *a)
{
    clp_jw *jw = &g->w.jw;

    part_open(g, user);
    clp_jw_key(jw, "functionResponse");
    clp_jw_object(jw);
    if (g->w.target->traits->function_ids == 1) {
        clp_jw_kstr(jw, "id", clp_tool_id_fit(a->call->id, g->w.id_max, g->w.pool));
    }
    clp_jw_kstr(jw, "name", clp_tool_names_fit(g->w.names, a->call->name));
    write_response(g, a->result);
    if (a->result && media_inside(g) && has_media(a->result->children)) {
        clp_jw_key(jw, "parts");
        clp_jw_array(jw);
        each_media(g, a->result->children, write_inner_media);
        clp_jw_end_array(jw);
    }
    clp_jw_end_object(jw);
    part_close(g);
}

/* All responses of a turn in the order of its calls, nothing between them. */
static void write_results(clp_gemini_writing *g, const clp_round *round)
{
    for (int i = 0; i < round->answers->nelts; i++) {
        write_result(g, &APR_ARRAY_IDX(round->answers, i, clp_answered));
    }
    for (int i = 0; i < round->answers->nelts && !media_inside(g); i++) {
        const clp_answered *a = &APR_ARRAY_IDX(round->answers, i, clp_answered);
        if (a->result) {
            each_media(g, a->result->children, write_media_part);
        }
    }
}

static void write_orphan(clp_gemini_writing *g, const clp_block *result)
{
    write_text(g, user, clp_writing_orphan_label(&g->w, result));
    for (const clp_block *b = result->children; b; b = b->next) {
        write_user_block(g, b);
    }
}

static void write_user_round(clp_gemini_writing *g, const clp_round *round)
{
    write_results(g, round);
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (b->kind != CLP_BLOCK_TOOL_RESULT) {
                write_user_block(g, b);
            }
            else if (!clp_round_answers(round, b, g->w.pool)) {
                write_orphan(g, b);
            }
        }
    }
}

/* --- the model's side --------------------------------------------------------------------- */

static int is_state(const clp_gemini_writing *g, const clp_block *b, clp_state_kind kind)
{
    return b && g->signatures && b->kind == CLP_BLOCK_REASONING &&
           b->state.provider == CLP_PROVIDER_GEMINI && b->state.kind == kind;
}

static void write_signature(clp_gemini_writing *g, const clp_block *from)
{
    clp_jw_ktext(&g->w.jw, "thoughtSignature", clp_text_plain(from->state.payload));
}

static void write_call(clp_gemini_writing *g, const clp_block *b, const clp_block *state, int mark)
{
    clp_jw *jw = &g->w.jw;

    part_open(g, model);
    clp_jw_key(jw, "functionCall");
    clp_jw_object(jw);
    if (g->w.target->traits->function_ids == 1) {
        clp_jw_kstr(jw, "id", clp_tool_id_fit(b->id, g->w.id_max, g->w.pool));
    }
    clp_jw_kstr(jw, "name", clp_tool_names_fit(g->w.names, b->name));
    clp_jw_key(jw, "args");
    if (b->custom) {
        clp_jw_object(jw);
        clp_jw_ktext(jw, "input", b->text);
        clp_jw_end_object(jw);
    }
    else {
        clp_tool_input_object(jw, &b->input, g->w.pool);
    }
    clp_jw_end_object(jw);
    if (state) {
        write_signature(g, state);
    }
    else if (mark) {
        clp_jw_kstr(jw, "thoughtSignature", CLP_GEMINI_SKIP_MARK);
    }
    part_close(g);
}

static void write_said(clp_gemini_writing *g, const clp_block *b)
{
    if (b->text.s.n) {
        part_open(g, model);
        clp_jw_ktext(&g->w.jw, "text", b->text);
        if (is_state(g, b->next, CLP_STATE_PREV_TEXT)) {
            write_signature(g, b->next);
        }
        part_close(g);
    }
}

/* Thoughts go back only with the state that belongs to them, or as the place of it. */
static void write_state(clp_gemini_writing *g, const clp_block *b)
{
    int thought = is_state(g, b, CLP_STATE_BLOCK);

    if (!thought && !is_state(g, b, CLP_STATE_EMPTY_TEXT)) {
        return;
    }
    part_open(g, model);
    clp_jw_ktext(&g->w.jw, "text", thought ? b->text : clp_text_str(""));
    if (thought) {
        clp_jw_kbool(&g->w.jw, "thought", 1);
    }
    write_signature(g, b);
    part_close(g);
}

/* @param current the round belongs to the turn that is still going on */
static void write_model_round(clp_gemini_writing *g, const clp_round *round, int current)
{
    const clp_block *state = NULL;
    int calls = 0;

    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (is_state(g, b, CLP_STATE_NEXT_CALL)) {
                state = b;
            }
            else if (b->kind == CLP_BLOCK_REASONING || b->kind == CLP_BLOCK_REDACTED) {
                write_state(g, b);
            }
            else if (b->kind == CLP_BLOCK_TOOL_CALL) {
                write_call(g, b, state, g->marks && current && !calls++);
                state = NULL;
            }
            else {
                write_said(g, b);
            }
        }
    }
}

/* --- all -------------------------------------------------------------------------------------- */

void clp_gemini_write_contents(clp_gemini_writing *g)
{
    apr_array_header_t *rounds = g->w.rounds;
    clp_jw *jw = &g->w.jw;
    int current = clp_rounds_current(rounds); /* a mark too many does no harm */
    apr_size_t begin;

    clp_jw_key(jw, "contents");
    clp_jw_array(jw);
    begin = jw->out->n;
    for (int i = 0; i < rounds->nelts && !g->w.problem; i++) {
        const clp_round *round = &APR_ARRAY_IDX(rounds, i, clp_round);
        if (!round->assistant) {
            write_user_round(g, round);
            continue;
        }
        if (jw->out->n == begin) {
            write_text(g, user, clp_text_str(FIRST_TURN));
        }
        write_model_round(g, round, i >= current);
    }
    if (jw->out->n == begin) {
        write_text(g, user, clp_text_str(FIRST_TURN));
    }
    content_close(g);
    clp_jw_end_array(jw);
}
