/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "openai_parts.h"

#include "dialect/tools.h"
#include "media.h"
#include "texts.h"
#include "wire/text.h"

clp_block *clp_part_read(clp_reading *r, clp_jval part, const clp_part_type *types, clp_place where,
                         clp_block **tail)
{
    clp_jval type = clp_jval_get(part, "type");
    clp_block *b;

    while (types->type && !clp_jval_str_is(type, types->type)) {
        types++;
    }
    if (!types->type) {
        clp_reject_member(r, part, "type", "this type of content part is not known");
        return NULL;
    }
    if (!(types->places & where)) {
        clp_reject(r, type, "a part of type \"%s\" cannot stand here", types->type);
        return NULL;
    }
    b = clp_block_append(tail, r->pool, types->kind, part);
    types->read(r, part, b);
    return b;
}

void clp_part_read_text(clp_reading *r, clp_jval part, clp_block *b)
{
    b->text = clp_read_text_needed(r, part, "text");
}

void clp_part_read_refusal(clp_reading *r, clp_jval part, clp_block *b)
{
    b->text = clp_read_text_needed(r, part, "refusal");
}

void clp_part_read_audio(clp_reading *r, clp_jval part, clp_block *b)
{
    clp_jval audio = clp_read_object(r, part, "input_audio");

    b->media.source = CLP_MEDIA_BASE64;
    b->media.data = clp_read_name_needed(r, audio, "data");
    clp_buffer_lit(r->scratch, "audio/");
    clp_text_append_escaped(r->scratch, clp_read_name_needed(r, audio, "format"));
    b->media.mime = clp_reading_take(r);
}

void clp_part_read_image_url(clp_reading *r, clp_jval object, const char *name, clp_text url,
                             clp_block *b)
{
    const char *fault = clp_media_read_url(&b->media, url, r->pool);

    if (!fault && b->media.source == CLP_MEDIA_BASE64 &&
        !clp_media_type_starts(&b->media, "image/")) {
        fault = "does not hold an image";
    }
    if (fault) {
        clp_reject_member(r, object, name, "%s", fault);
    }
}

void clp_part_read_file_data(clp_reading *r, clp_jval object, clp_text data, clp_block *b)
{
    const char *fault = clp_media_read_url(&b->media, data, r->pool);

    if (!fault && b->media.source == CLP_MEDIA_URL) {
        fault = "is not a data URL";
    }
    if (!fault && clp_media_type_starts(&b->media, "text/")) {
        fault = clp_media_decode_text(&b->media, r->pool);
    }
    if (fault) {
        clp_reject_member(r, object, "file_data", "%s", fault);
    }
    else if (clp_media_type_starts(&b->media, "image/")) {
        b->kind = CLP_BLOCK_IMAGE;
    }
}

/* Only our own prefix tells of a failure: words such as "error" may be the tool's answer. */
void clp_part_read_failure(clp_block *result)
{
    clp_block *first = result->children;

    if (first && first->kind == CLP_BLOCK_TEXT &&
        clp_text_starts(first->text, CLP_TOOL_ERROR_PREFIX)) {
        first->text = clp_text_skip(first->text, sizeof(CLP_TOOL_ERROR_PREFIX) - 1);
        result->is_error = 1;
    }
}
