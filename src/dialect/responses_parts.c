/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_parts.h"

static void read_file_id(clp_reading *r, clp_jval v, clp_block *b)
{
    b->media.source = CLP_MEDIA_FILE;
    b->media.data = clp_read_name_needed(r, v, "file_id");
}

static void read_image(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_text url = clp_read_text(r, v, "image_url");

    b->media.detail = clp_read_text(r, v, "detail");
    if (!url.s.n) {
        read_file_id(r, v, b);
        return;
    }
    clp_part_read_image_url(r, v, "image_url", url, b);
}

static void read_file(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_text data = clp_read_text(r, v, "file_data");
    clp_text url = clp_read_text(r, v, "file_url");

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
    clp_part_read_file_data(r, v, data, b);
}

static const clp_part_type types[] = {
    {"input_text", CLP_BLOCK_TEXT, CLP_IN_USER | CLP_IN_ASSISTANT | CLP_IN_SYSTEM | CLP_IN_RESULT,
     clp_part_read_text},
    {"output_text", CLP_BLOCK_TEXT, CLP_IN_USER | CLP_IN_ASSISTANT | CLP_IN_SYSTEM | CLP_IN_RESULT,
     clp_part_read_text},
    {"text", CLP_BLOCK_TEXT, CLP_IN_USER | CLP_IN_ASSISTANT | CLP_IN_SYSTEM | CLP_IN_RESULT,
     clp_part_read_text},
    {"input_image", CLP_BLOCK_IMAGE, CLP_IN_USER | CLP_IN_RESULT, read_image},
    {"input_file", CLP_BLOCK_DOCUMENT, CLP_IN_USER | CLP_IN_RESULT, read_file},
    {"input_audio", CLP_BLOCK_AUDIO, CLP_IN_USER | CLP_IN_RESULT, clp_part_read_audio},
    {"refusal", CLP_BLOCK_REFUSAL, CLP_IN_ASSISTANT, clp_part_read_refusal},
    {NULL, CLP_BLOCK_TEXT, 0, NULL},
};

void clp_responses_read_parts(clp_reading *r, clp_jval item, const char *name, clp_place where,
                              clp_block **tail)
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
        b = clp_part_read(r, v, types, where, tail);
        if (!b) {
            return;
        }
        tail = &b->next;
    }
}
