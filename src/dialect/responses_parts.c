/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_parts.h"

#include "media.h"
#include "texts.h"
#include "wire/text.h"

static void read_text(clp_reading *r, clp_jval v, clp_block *b)
{
    b->text = clp_read_text_needed(r, v, "text");
}

static void read_refusal(clp_reading *r, clp_jval v, clp_block *b)
{
    b->text = clp_read_text_needed(r, v, "refusal");
}

static void read_file_id(clp_reading *r, clp_jval v, clp_block *b)
{
    b->media.source = CLP_MEDIA_FILE;
    b->media.data = clp_read_name_needed(r, v, "file_id");
}

static void read_image(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_text url = clp_read_text(r, v, "image_url");
    const char *fault;

    b->media.detail = clp_read_text(r, v, "detail");
    if (!url.s.n) {
        read_file_id(r, v, b);
        return;
    }
    fault = clp_media_read_url(&b->media, url, r->pool);
    if (!fault && b->media.source == CLP_MEDIA_BASE64 &&
        !clp_media_type_starts(&b->media, "image/")) {
        fault = "does not hold an image";
    }
    if (fault) {
        clp_reject_member(r, v, "image_url", "%s", fault);
    }
}

static void read_file(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_text data = clp_read_text(r, v, "file_data");
    clp_text url = clp_read_text(r, v, "file_url");
    const char *fault;

    b->media.filename = clp_read_text(r, v, "filename");
    if (!data.s.n && url.s.n) {
        b->media.source = CLP_MEDIA_URL;
        b->media.data = url;
        return;
    }
    if (!data.s.n) {
        read_file_id(r, v, b);
        return;
    }
    fault = clp_media_read_url(&b->media, data, r->pool);
    if (!fault && b->media.source == CLP_MEDIA_URL) {
        fault = "is not a data URL";
    }
    if (!fault && clp_media_type_starts(&b->media, "text/")) {
        fault = clp_media_decode_text(&b->media, r->pool);
    }
    if (fault) {
        clp_reject_member(r, v, "file_data", "%s", fault);
    }
    else if (clp_media_type_starts(&b->media, "image/")) {
        b->kind = CLP_BLOCK_IMAGE;
    }
}

static void read_audio(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_jval audio = clp_read_object(r, v, "input_audio");

    b->media.source = CLP_MEDIA_BASE64;
    b->media.data = clp_read_name_needed(r, audio, "data");
    clp_buffer_lit(r->scratch, "audio/");
    clp_text_append_escaped(r->scratch, clp_read_name_needed(r, audio, "format"));
    b->media.mime = clp_reading_take(r);
}

static const struct {
    const char *type;
    clp_block_kind kind;
    unsigned places;
    void (*read)(clp_reading *r, clp_jval v, clp_block *b);
} kinds[] = {
    {"input_text", CLP_BLOCK_TEXT, CLP_IN_USER | CLP_IN_ASSISTANT | CLP_IN_SYSTEM | CLP_IN_RESULT,
     read_text},
    {"output_text", CLP_BLOCK_TEXT, CLP_IN_USER | CLP_IN_ASSISTANT | CLP_IN_SYSTEM | CLP_IN_RESULT,
     read_text},
    {"text", CLP_BLOCK_TEXT, CLP_IN_USER | CLP_IN_ASSISTANT | CLP_IN_SYSTEM | CLP_IN_RESULT,
     read_text},
    {"input_image", CLP_BLOCK_IMAGE, CLP_IN_USER | CLP_IN_RESULT, read_image},
    {"input_file", CLP_BLOCK_DOCUMENT, CLP_IN_USER | CLP_IN_RESULT, read_file},
    {"input_audio", CLP_BLOCK_AUDIO, CLP_IN_USER | CLP_IN_RESULT, read_audio},
    {"refusal", CLP_BLOCK_REFUSAL, CLP_IN_ASSISTANT, read_refusal},
};

static clp_block *read_part(clp_reading *r, clp_jval v, clp_responses_place where, clp_block **tail)
{
    clp_jval type = clp_jval_get(v, "type");

    for (apr_size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (clp_jval_str_is(type, kinds[i].type)) {
            clp_block *b;
            if (!(kinds[i].places & where)) {
                clp_reject(r, type, "a part of type \"%s\" cannot stand here", kinds[i].type);
                return NULL;
            }
            b = clp_block_append(tail, r->pool, kinds[i].kind, v);
            kinds[i].read(r, v, b);
            return b;
        }
    }
    clp_reject_member(r, v, "type", "this type of content part is not known");
    return NULL;
}

void clp_responses_read_parts(clp_reading *r, clp_jval item, const char *name,
                              clp_responses_place where, clp_block **tail)
{
    clp_jval content = clp_jval_get(item, name);

    while (*tail) {
        tail = &(*tail)->next;
    }
    if (clp_jval_is_string(content)) {
        clp_block_append(tail, r->pool, CLP_BLOCK_TEXT, content)->text = clp_jval_text(content);
        return;
    }
    if (!clp_jval_is_array(content)) {
        clp_reject_member(r, item, name, "a string or an array is required");
        return;
    }
    CLP_JVAL_EACH (v, content) {
        clp_block *b;
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected a content part");
            return;
        }
        b = read_part(r, v, where, tail);
        if (!b) {
            return;
        }
        tail = &b->next;
    }
}
