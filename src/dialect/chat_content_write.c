/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_write.h"

#include <apr_strings.h>

#include "media.h"
#include "wire/text.h"

/* What a tool message says whose result is no text. */
#define SEE_IMAGE "[see attached image]"
#define SEE_FILE  "[see attached file]"

typedef apr_array_header_t parts; /* of const clp_block *: texts, images, files, audio */

static void add(parts *to, const clp_block *b)
{
    APR_ARRAY_PUSH(to, const clp_block *) = b;
}

static void add_text(const clp_writing *w, parts *to, clp_text text)
{
    clp_block *b;

    if (text.s.n) {
        b = apr_pcalloc(w->pool, sizeof(*b));
        b->kind = CLP_BLOCK_TEXT;
        b->text = text;
        add(to, b);
    }
}

static clp_text title_of(const clp_block *document)
{
    return document->title.s.n ? document->title : document->media.filename;
}

static clp_text label(const clp_writing *w, const clp_block *document, clp_text behind)
{
    clp_buffer *b = clp_buffer_make(w->pool, 0);
    clp_text title = title_of(document);
    clp_text t;

    clp_buffer_lit(b, "[document");
    if (title.s.n) {
        clp_buffer_lit(b, ": ");
        clp_text_append_escaped(b, title);
    }
    clp_buffer_putc(b, ']');
    if (behind.s.n) {
        clp_buffer_putc(b, ' ');
        clp_text_append_escaped(b, behind);
    }
    t = clp_text_escaped(clp_span_str(clp_buffer_cstr(b, w->pool)));
    clp_buffer_release(b);
    return t;
}

static void flatten(clp_writing *w, const clp_block *blocks, parts *to);

/* Only base64 is a file to Chat; all else that a document may be is told in text. */
static void flatten_document(clp_writing *w, const clp_block *b, parts *to)
{
    add_text(w, to, b->context);
    if (b->media.source == CLP_MEDIA_URL) {
        add_text(w, to, label(w, b, b->media.data));
    }
    else if (b->media.source == CLP_MEDIA_TEXT) {
        if (title_of(b).s.n) {
            add_text(w, to, label(w, b, clp_text_str("")));
        }
        add_text(w, to, b->media.data);
        flatten(w, b->children, to);
    }
    else {
        add(to, b);
    }
}

/* A block as parts that Chat knows. */
static void flatten_block(clp_writing *w, const clp_block *b, parts *to)
{
    switch (b->kind) {
    case CLP_BLOCK_DOCUMENT: flatten_document(w, b, to); break;
    case CLP_BLOCK_IMAGE:
    case CLP_BLOCK_AUDIO: add(to, b); break;
    case CLP_BLOCK_TEXT:
        if (b->text.s.n) {
            add(to, b);
        }
        break;
    default: add_text(w, to, b->text);
    }
}

/* A document's children are no documents, so this ends. */
static void flatten(clp_writing *w, const clp_block *blocks, parts *to)
{
    for (const clp_block *b = blocks; b; b = b->next) {
        flatten_block(w, b, to);
    }
}

static int is_text(const clp_block *b)
{
    return b->kind == CLP_BLOCK_TEXT;
}

static void write_text_part(clp_writing *w, const clp_block *b)
{
    clp_jw_object(&w->jw);
    clp_jw_kstr(&w->jw, "type", "text");
    clp_jw_ktext(&w->jw, "text", b->text);
    clp_writing_cache_breakpoint(w, b);
    clp_jw_end_object(&w->jw);
}

static void write_url(clp_writing *w, const clp_media *m)
{
    if (m->source == CLP_MEDIA_BASE64) {
        clp_media_write_data_url(&w->jw, m);
    }
    else {
        clp_jw_text(&w->jw, m->data);
    }
}

static void write_image(clp_writing *w, const clp_block *b)
{
    clp_jw *jw = &w->jw;

    if (b->media.source == CLP_MEDIA_FILE) {
        clp_writing_refuse(w, b->origin, "a file id is not known to this model's provider");
        return;
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "image_url");
    clp_jw_key(jw, "image_url");
    clp_jw_object(jw);
    clp_jw_key(jw, "url");
    write_url(w, &b->media);
    if (b->media.detail.s.n) {
        clp_jw_ktext(jw, "detail", b->media.detail);
    }
    clp_jw_end_object(jw);
    clp_writing_cache_breakpoint(w, b);
    clp_jw_end_object(jw);
}

static void write_file(clp_writing *w, const clp_block *b)
{
    clp_jw *jw = &w->jw;

    if (b->media.source == CLP_MEDIA_FILE) {
        clp_writing_refuse(w, b->origin, "a file id is not known to this model's provider");
        return;
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "file");
    clp_jw_key(jw, "file");
    clp_jw_object(jw);
    clp_jw_key(jw, "filename");
    clp_media_write_filename(jw, b);
    clp_jw_key(jw, "file_data");
    clp_media_write_data_url(jw, &b->media);
    clp_jw_end_object(jw);
    clp_writing_cache_breakpoint(w, b);
    clp_jw_end_object(jw);
}

static void write_audio(clp_writing *w, const clp_block *b)
{
    clp_jw *jw = &w->jw;
    clp_text format = b->media.mime;

    if (clp_media_type_starts(&b->media, "audio/")) {
        format.s = clp_span_of(format.s.p + 6, format.s.n - 6);
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "input_audio");
    clp_jw_key(jw, "input_audio");
    clp_jw_object(jw);
    clp_jw_ktext(jw, "data", b->media.data);
    clp_jw_ktext(jw, "format", format);
    clp_jw_end_object(jw);
    clp_writing_cache_breakpoint(w, b);
    clp_jw_end_object(jw);
}

static void write_part(clp_writing *w, const clp_block *b)
{
    switch (b->kind) {
    case CLP_BLOCK_IMAGE: write_image(w, b); break;
    case CLP_BLOCK_DOCUMENT: write_file(w, b); break;
    case CLP_BLOCK_AUDIO: write_audio(w, b); break;
    default: write_text_part(w, b);
    }
}

/* One text goes out as a string: what the choice goes by is content only. */
static int is_plain(const clp_writing *w, const parts *content)
{
    const clp_block *only = APR_ARRAY_IDX(content, 0, const clp_block *);
    return content->nelts == 1 && is_text(only) && !clp_writing_breaks_cache(w, only);
}

static void write_message(clp_writing *w, const parts *content)
{
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "role", "user");
    clp_jw_key(jw, "content");
    if (!content->nelts) {
        clp_jw_str(jw, "");
    }
    else if (is_plain(w, content)) {
        clp_jw_text(jw, APR_ARRAY_IDX(content, 0, const clp_block *)->text);
    }
    else {
        clp_jw_array(jw);
        for (int i = 0; i < content->nelts; i++) {
            write_part(w, APR_ARRAY_IDX(content, i, const clp_block *));
        }
        clp_jw_end_array(jw);
    }
    clp_jw_end_object(jw);
}

void clp_chat_write_result(clp_writing *w, const clp_answered *a)
{
    parts *content = apr_array_make(w->pool, 4, sizeof(const clp_block *));
    clp_jw *jw = &w->jw;
    const char *instead = "";
    int texts = 0;

    if (a->result) {
        flatten(w, a->result->children, content);
    }
    clp_jw_text_open(jw);
    if (!a->result || a->result->is_error) {
        clp_jw_text_part(jw, clp_text_str(CLP_TOOL_ERROR_PREFIX));
    }
    for (int i = 0; i < content->nelts; i++) {
        const clp_block *b = APR_ARRAY_IDX(content, i, const clp_block *);
        if (is_text(b)) {
            clp_jw_text_part(jw, clp_text_str(texts++ ? "\n" : ""));
            clp_jw_text_part(jw, b->text);
        }
        else if (b->kind == CLP_BLOCK_IMAGE || !*instead) {
            instead = b->kind == CLP_BLOCK_IMAGE ? SEE_IMAGE : SEE_FILE;
        }
    }
    if (!a->result) {
        instead = CLP_NO_RESULT;
    }
    if (!texts) {
        clp_jw_text_part(jw, clp_text_str(instead));
    }
    clp_jw_text_close(jw);
}

/* What came with the results and cannot stand in a tool message. */
static void collect_attachments(clp_writing *w, const clp_round *round, parts *to)
{
    for (int i = 0; i < round->told->nelts; i++) {
        const clp_answered *a = APR_ARRAY_IDX(round->told, i, const clp_answered *);
        parts *content = apr_array_make(w->pool, 4, sizeof(const clp_block *));
        int labelled = 0;
        if (a->result) {
            flatten(w, a->result->children, content);
        }
        for (int k = 0; k < content->nelts; k++) {
            const clp_block *b = APR_ARRAY_IDX(content, k, const clp_block *);
            if (is_text(b)) {
                continue;
            }
            if (!labelled++) {
                add_text(w, to,
                         clp_text_str(apr_pstrcat(w->pool, "[attachment from tool call ",
                                                  clp_tool_id_fit(a->call->id, w->id_max, w->pool),
                                                  "]", NULL)));
            }
            add(to, b);
        }
    }
}

/* What a turn holds beside results that have been told; returns whether it has any of it. */
static int collect_own(clp_writing *w, const clp_round *round, const clp_turn *t, parts *to)
{
    int own = !t->blocks;

    for (const clp_block *b = t->blocks; b; b = b->next) {
        if (b->kind != CLP_BLOCK_TOOL_RESULT) {
            own = 1;
            flatten_block(w, b, to);
        }
        else if (!clp_round_answers(round, b, w->pool)) {
            own = 1;
            add_text(w, to, clp_writing_orphan_label(w, b));
            flatten(w, b->children, to);
        }
    }
    return own;
}

/* Not every upstream takes parts in a system message: its texts become one string. */
static void write_system_turn(clp_writing *w, const char *role, const clp_turn *t)
{
    clp_jw *jw = &w->jw;
    int texts = 0;

    for (const clp_block *b = t->blocks; b; b = b->next) {
        if (!b->text.s.n) {
            continue;
        }
        if (!texts) {
            clp_jw_object(jw);
            clp_jw_kstr(jw, "role", role);
            clp_jw_key(jw, "content");
            clp_jw_text_open(jw);
        }
        clp_jw_text_part(jw, clp_text_str(texts++ ? "\n\n" : ""));
        clp_jw_text_part(jw, b->text);
    }
    if (texts) {
        clp_jw_text_close(jw);
        clp_jw_end_object(jw);
    }
}

void clp_chat_write_user_round(clp_writing *w, const clp_round *round, const char *system_role)
{
    parts *content = apr_array_make(w->pool, 8, sizeof(const clp_block *));

    collect_attachments(w, round, content);
    CLP_ROUND_EACH(t, round)
    {
        if (t->role == CLP_ROLE_SYSTEM) {
            if (content->nelts) {
                write_message(w, content);
                apr_array_clear(content);
            }
            write_system_turn(w, system_role, t);
        }
        else if (collect_own(w, round, t, content)) {
            write_message(w, content);
            apr_array_clear(content);
        }
    }
    if (content->nelts) {
        write_message(w, content);
    }
}

void clp_chat_write_instructions(clp_writing *w, const char *role, unsigned native)
{
    apr_array_header_t *texts = clp_writing_instructions(w);
    clp_text wish[2];
    int wishes = clp_writing_json_wish(w, native, wish);
    clp_jw *jw = &w->jw;

    if (!texts->nelts && !wishes) {
        return;
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "role", role);
    clp_jw_key(jw, "content");
    clp_jw_text_open(jw);
    for (int i = 0; i < texts->nelts; i++) {
        clp_jw_text_part(jw, clp_text_str(i ? "\n\n" : ""));
        clp_jw_text_part(jw, APR_ARRAY_IDX(texts, i, clp_text));
    }
    for (int i = 0; i < wishes; i++) {
        clp_jw_text_part(jw, clp_text_str(!i && texts->nelts ? "\n\n" : ""));
        clp_jw_text_part(jw, wish[i]);
    }
    clp_jw_text_close(jw);
    clp_jw_end_object(jw);
}
