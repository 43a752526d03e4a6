/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "messages_write.h"

#include "media.h"
#include "texts.h"
#include "wire/text.h"

/* How many cache marks Messages takes. */
#define CACHE_MARKS_MAX 4

/* Messages insists on a user's turn first. */
#define FIRST_TURN "[start of conversation]"

void clp_messages_write_cache(clp_messages_writing *m, clp_span cache)
{
    if (cache.p && m->cache_marks < CACHE_MARKS_MAX) {
        m->cache_marks++;
        clp_jw_kraw(&m->w.jw, "cache_control", cache);
    }
}

int clp_messages_write_text(clp_messages_writing *m, clp_text text, clp_span cache)
{
    clp_jw *jw = &m->w.jw;

    if (clp_text_blank(text)) {
        return 0;
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "text");
    clp_jw_ktext(jw, "text", text);
    clp_messages_write_cache(m, cache);
    clp_jw_end_object(jw);
    return 1;
}

static void write_source(clp_messages_writing *m, const clp_media *media)
{
    clp_jw *jw = &m->w.jw;

    clp_jw_key(jw, "source");
    clp_jw_object(jw);
    if (media->source == CLP_MEDIA_URL) {
        clp_jw_kstr(jw, "type", "url");
        clp_jw_ktext(jw, "url", media->data);
    }
    else {
        clp_jw_kstr(jw, "type", media->source == CLP_MEDIA_TEXT ? "text" : "base64");
        clp_jw_ktext(jw, "media_type",
                     media->source == CLP_MEDIA_TEXT ? clp_text_str("text/plain") : media->mime);
        clp_jw_ktext(jw, "data", media->data);
    }
    clp_jw_end_object(jw);
}

static void write_image(clp_messages_writing *m, const clp_block *b)
{
    clp_jw *jw = &m->w.jw;

    if (b->media.source == CLP_MEDIA_FILE) {
        clp_writing_refuse(&m->w, b->origin, "a file id is not known to this model's provider");
    }
    else if (b->media.source == CLP_MEDIA_BASE64 && !clp_media_image_fits_messages(&b->media)) {
        clp_writing_refuse(&m->w, b->origin,
                           "this model takes images of type image/jpeg, image/png, image/gif and "
                           "image/webp only");
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "image");
    write_source(m, &b->media);
    clp_messages_write_cache(m, b->cache);
    clp_jw_end_object(jw);
}

static void write_document(clp_messages_writing *m, const clp_block *b)
{
    clp_jw *jw = &m->w.jw;
    clp_text title = b->title.s.p ? b->title : b->media.filename;

    if (b->media.source == CLP_MEDIA_FILE) {
        clp_writing_refuse(&m->w, b->origin, "a file id is not known to this model's provider");
    }
    else if (b->media.source == CLP_MEDIA_BASE64 &&
             !clp_text_is(b->media.mime, "application/pdf")) {
        clp_writing_refuse(&m->w, b->origin, "this model takes PDF and text files only");
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "document");
    write_source(m, &b->media);
    if (title.s.n) {
        clp_jw_ktext(jw, "title", title);
    }
    if (b->context.s.n) {
        clp_jw_ktext(jw, "context", b->context);
    }
    clp_messages_write_cache(m, b->cache);
    clp_jw_end_object(jw);
}

/* Content of a user's turn or of a tool result; returns whether a block was written. */
static int write_part(clp_messages_writing *m, const clp_block *b)
{
    switch (b->kind) {
    case CLP_BLOCK_IMAGE: write_image(m, b); return 1;
    case CLP_BLOCK_DOCUMENT: write_document(m, b); return 1;
    case CLP_BLOCK_AUDIO:
        clp_writing_refuse(&m->w, b->origin, "this model takes no audio");
        return 0;
    default: return clp_messages_write_text(m, b->text, b->cache);
    }
}

/* A list whose only content is one text may go out as a string. */
static const clp_block *sole_text(const clp_block *blocks)
{
    return blocks && !blocks->next && blocks->kind == CLP_BLOCK_TEXT && !blocks->cache.p &&
                   !clp_text_blank(blocks->text)
               ? blocks
               : NULL;
}

static int has_content(const clp_block *result)
{
    for (const clp_block *b = result->children; b; b = b->next) {
        if (b->kind == CLP_BLOCK_IMAGE || b->kind == CLP_BLOCK_DOCUMENT ||
            b->kind == CLP_BLOCK_AUDIO || !clp_text_blank(b->text)) {
            return 1;
        }
    }
    return 0;
}

static void write_result(clp_messages_writing *m, const clp_answered *a)
{
    clp_jw *jw = &m->w.jw;
    const clp_block *sole = a->result ? sole_text(a->result->children) : NULL;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "tool_result");
    clp_jw_kstr(jw, "tool_use_id", clp_tool_id_fit(a->call->id, m->w.id_max, m->w.pool));
    if (!a->result || a->result->is_error) {
        clp_jw_kbool(jw, "is_error", 1);
    }
    if (!a->result) {
        clp_jw_kstr(jw, "content", CLP_NO_RESULT);
    }
    else if (sole) {
        clp_jw_ktext(jw, "content", sole->text);
    }
    else if (has_content(a->result)) {
        clp_jw_key(jw, "content");
        clp_jw_array(jw);
        for (const clp_block *b = a->result->children; b; b = b->next) {
            write_part(m, b);
        }
        clp_jw_end_array(jw);
    }
    if (a->result) {
        clp_messages_write_cache(m, a->result->cache);
    }
    clp_jw_end_object(jw);
}

static void message_open(clp_messages_writing *m, const char *role)
{
    clp_jw_object(&m->w.jw);
    clp_jw_kstr(&m->w.jw, "role", role);
    clp_jw_key(&m->w.jw, "content");
}

/* A message whose content turned out to be nothing is taken back. */
static void message_close(clp_messages_writing *m, int blocks, const clp_jw *before, apr_size_t n)
{
    if (blocks) {
        clp_jw_end_array(&m->w.jw);
        clp_jw_end_object(&m->w.jw);
        return;
    }
    m->w.jw = *before;
    m->w.jw.out->n = n;
}

static int write_orphan(clp_messages_writing *m, const clp_block *result)
{
    int blocks = clp_messages_write_text(m, clp_writing_orphan_label(&m->w, result), result->cache);

    for (const clp_block *b = result->children; b; b = b->next) {
        blocks += write_part(m, b);
    }
    return blocks;
}

static int write_user_turn(clp_messages_writing *m, const clp_round *round, const clp_turn *t)
{
    int blocks = 0;

    for (const clp_block *b = t->blocks; b; b = b->next) {
        if (b->kind != CLP_BLOCK_TOOL_RESULT) {
            blocks += write_part(m, b);
        }
        else if (!clp_round_answers(round, b, m->w.pool)) {
            blocks += write_orphan(m, b);
        }
    }
    return blocks;
}

/*
 * The run of instructions at the end of the round that may stand as messages
 * of role system: only behind something of the user's.
 */
static const clp_turn *instructions_behind(const clp_messages_writing *m, const clp_round *round)
{
    const clp_turn *run = NULL;
    int something = round->answers->nelts > 0;

    if (!m->w.target->traits->mid_system) {
        return round->behind;
    }
    CLP_ROUND_EACH(t, round)
    {
        if (t->role != CLP_ROLE_SYSTEM) {
            something = 1;
            run = NULL;
        }
        else if (!run && something) {
            run = t;
        }
    }
    return run ? run : round->behind;
}

static int write_results(clp_messages_writing *m, const clp_round *round)
{
    for (int i = 0; i < round->answers->nelts; i++) {
        write_result(m, APR_ARRAY_IDX(round->told, i, const clp_answered *));
    }
    return round->answers->nelts;
}

static void write_user_round(clp_messages_writing *m, const clp_round *round)
{
    clp_jw *jw = &m->w.jw;
    const clp_turn *instructions = instructions_behind(m, round);
    const clp_turn *first = round->first;
    const clp_block *sole = first && first->next == instructions && !round->answers->nelts
                                ? sole_text(first->blocks)
                                : NULL;
    clp_jw before = *jw;
    apr_size_t n = jw->out->n;

    message_open(m, "user");
    if (sole) {
        clp_jw_text(jw, sole->text);
        clp_jw_end_object(jw);
    }
    else {
        int blocks;
        clp_jw_array(jw);
        blocks = write_results(m, round);
        for (const clp_turn *t = first; t && t != instructions; t = t->next) {
            blocks += write_user_turn(m, round, t);
        }
        message_close(m, blocks, &before, n);
    }
    for (const clp_turn *t = instructions; t && t != round->behind; t = t->next) {
        int blocks;
        before = *jw;
        n = jw->out->n;
        message_open(m, "system");
        clp_jw_array(jw);
        blocks = write_user_turn(m, round, t);
        message_close(m, blocks, &before, n);
    }
}

static void write_call(clp_messages_writing *m, const clp_block *b)
{
    clp_jw *jw = &m->w.jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "tool_use");
    clp_jw_kstr(jw, "id", clp_tool_id_fit(b->id, m->w.id_max, m->w.pool));
    clp_jw_kstr(jw, "name", clp_tool_names_fit(m->w.names, b->name));
    clp_jw_key(jw, "input");
    if (b->custom) {
        clp_jw_object(jw);
        clp_jw_ktext(jw, "input", b->text);
        clp_jw_end_object(jw);
    }
    else {
        clp_tool_input_object(jw, &b->input, m->w.pool);
    }
    clp_messages_write_cache(m, b->cache);
    clp_jw_end_object(jw);
}

static int is_text(const clp_block *b)
{
    return b->kind == CLP_BLOCK_TEXT || b->kind == CLP_BLOCK_REFUSAL ||
           b->kind == CLP_BLOCK_OPAQUE || b->kind == CLP_BLOCK_SERVER;
}

int clp_messages_is_state(const clp_block *b)
{
    return (b->kind == CLP_BLOCK_REDACTED || b->kind == CLP_BLOCK_REASONING) &&
           b->state.provider == CLP_PROVIDER_CLAUDE;
}

static int write_state(clp_messages_writing *m, const clp_block *b)
{
    clp_jw *jw = &m->w.jw;

    if (!clp_messages_is_state(b)) {
        return 0;
    }
    clp_jw_object(jw);
    if (b->state.kind == CLP_STATE_REDACTED) {
        clp_jw_kstr(jw, "type", "redacted_thinking");
        clp_jw_ktext(jw, "data", clp_text_plain(b->state.payload));
    }
    else {
        clp_jw_kstr(jw, "type", "thinking");
        clp_jw_ktext(jw, "thinking", b->text.s.p ? b->text : clp_text_str(""));
        clp_jw_ktext(jw, "signature", clp_text_plain(b->state.payload));
    }
    clp_jw_end_object(jw);
    return 1;
}

static int write_assistant_block(clp_messages_writing *m, const clp_block *b)
{
    if (b->kind == CLP_BLOCK_REASONING || b->kind == CLP_BLOCK_REDACTED) {
        return write_state(m, b);
    }
    if (b->kind == CLP_BLOCK_TOOL_CALL) {
        write_call(m, b);
        return 1;
    }
    return write_part(m, b);
}

/* The last block of the round that holds more than white space. */
static const clp_block *last_solid(const clp_round *round)
{
    const clp_block *last = NULL;

    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (!is_text(b) || !clp_text_blank(b->text)) {
                last = b;
            }
        }
    }
    return last;
}

/* A conversation that ends in the assistant's text must not end in white space. */
static void write_assistant_round(clp_messages_writing *m, const clp_round *round, int is_last)
{
    clp_jw before = m->w.jw;
    apr_size_t n = m->w.jw.out->n;
    const clp_block *trimmed = is_last ? last_solid(round) : NULL;
    int blocks = 0;

    message_open(m, "assistant");
    clp_jw_array(&m->w.jw);
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (b == trimmed && is_text(b)) {
                blocks += clp_messages_write_text(m, clp_text_trim_end(b->text), b->cache);
            }
            else {
                blocks += write_assistant_block(m, b);
            }
        }
    }
    message_close(m, blocks, &before, n);
}

static void write_first_turn(clp_messages_writing *m)
{
    message_open(m, "user");
    clp_jw_str(&m->w.jw, FIRST_TURN);
    clp_jw_end_object(&m->w.jw);
}

void clp_messages_write_turns(clp_messages_writing *m)
{
    apr_array_header_t *rounds = m->w.rounds;
    clp_jw *jw = &m->w.jw;
    apr_size_t begin;

    clp_jw_key(jw, "messages");
    clp_jw_array(jw);
    begin = jw->out->n;
    for (int i = 0; i < rounds->nelts && !m->w.problem; i++) {
        const clp_round *round = &APR_ARRAY_IDX(rounds, i, clp_round);
        if (!round->assistant) {
            write_user_round(m, round);
        }
        else {
            if (jw->out->n == begin) {
                write_first_turn(m);
            }
            write_assistant_round(m, round, i == rounds->nelts - 1);
        }
    }
    if (jw->out->n == begin) {
        write_first_turn(m);
    }
    clp_jw_end_array(jw);
}
