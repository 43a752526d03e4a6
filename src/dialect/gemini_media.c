/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_media.h"

#include <apr_strings.h>

#include "gemini_names.h"
#include "media.h"
#include "texts.h"
#include "wire/text.h"

static clp_block_kind kind_of_media(const clp_media *m)
{
    if (clp_media_type_starts(m, "image/")) {
        return CLP_BLOCK_IMAGE;
    }
    return clp_media_type_starts(m, "audio/") ? CLP_BLOCK_AUDIO : CLP_BLOCK_DOCUMENT;
}

static void read_inline(clp_reading *r, clp_jval v, clp_block *b)
{
    const char *fault = NULL;

    b->media.source = CLP_MEDIA_BASE64;
    b->media.mime = clp_media_type(
        clp_read_name_needed(r, v, clp_gemini_name(v, "mimeType", r->pool)), r->pool);
    b->media.data = clp_read_name_needed(r, v, "data");
    b->media.filename = clp_read_text(r, v, clp_gemini_name(v, "displayName", r->pool));
    b->kind = kind_of_media(&b->media);
    if (!r->problem && clp_media_type_starts(&b->media, "text/")) {
        fault = clp_media_decode_text(&b->media, r->pool);
    }
    if (fault) {
        clp_reject_member(r, v, "data", "%s", fault);
    }
}

/* Files that only Google can reach. */
static int is_googles(const char *uri)
{
    return strncmp(uri, "gs://", 5) == 0 || strncmp(uri, "files/", 6) == 0 ||
           strncmp(uri, "https://generativelanguage.googleapis.com/", 42) == 0;
}

static void read_file(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_text type = clp_read_text(r, v, clp_gemini_name(v, "mimeType", r->pool));
    clp_text uri = clp_read_name_needed(r, v, clp_gemini_name(v, "fileUri", r->pool));
    const char *plain = r->problem ? "" : clp_text_cstr(uri, r->pool);

    b->media.source = is_googles(plain) ? CLP_MEDIA_FILE : CLP_MEDIA_URL;
    b->media.data = uri;
    b->media.filename = clp_read_text(r, v, clp_gemini_name(v, "displayName", r->pool));
    b->media.mime = type.s.n ? clp_media_type(type, r->pool) : clp_media_type_of_name(plain);
    b->kind = b->media.mime.s.n ? kind_of_media(&b->media) : CLP_BLOCK_DOCUMENT;
    if (b->kind == CLP_BLOCK_AUDIO && b->media.source == CLP_MEDIA_URL) {
        clp_reject_member(r, v, "fileUri", "audio at a URL cannot be converted");
    }
}

static const char *kind_word(clp_span mime)
{
    return clp_span_starts(mime, "image")   ? "image"
           : clp_span_starts(mime, "audio") ? "audio"
           : clp_span_starts(mime, "video") ? "video"
                                            : "file";
}

/* How many bytes base64, still escaped as it may be, stands for. */
static apr_size_t base64_bytes(clp_text data)
{
    apr_size_t digits = 0;

    for (apr_size_t i = 0; i < data.s.n; i++) {
        if (data.s.p[i] == '\\') {
            i += i + 1 < data.s.n && data.s.p[i + 1] == 'u' ? 5 : 1;
        }
        digits += i < data.s.n && data.s.p[i] != '=';
    }
    return digits / 4 * 3 + digits % 4 * 3 / 4;
}

void clp_gemini_note_media(clp_buffer *out, clp_jval media)
{
    clp_text mime = clp_jval_text(clp_gemini_get(media, "mimeType"));
    clp_jval data = clp_jval_get(media, "data");

    clp_buffer_printf(out, "[%s omitted: ", kind_word(mime.s));
    clp_buffer_span(out, mime.s.n ? mime.s : CLP_SPAN_LIT("application/octet-stream"));
    if (clp_jval_is_string(data)) {
        clp_buffer_printf(out, ", %" APR_SIZE_T_FMT " bytes", base64_bytes(clp_jval_text(data)));
    }
    clp_buffer_putc(out, ']');
}

/* What a model has drawn stands in no other protocol's history. */
static void note_media(clp_reading *r, clp_jval v, clp_block *b)
{
    b->kind = CLP_BLOCK_OPAQUE;
    clp_buffer_clear(r->scratch);
    clp_gemini_note_media(r->scratch, v);
    b->text = clp_reading_take(r);
}

void clp_gemini_read_media(clp_reading *r, clp_jval v, clp_block *b, int is_file, int in_model)
{
    if (in_model) {
        note_media(r, v, b);
    }
    else if (is_file) {
        read_file(r, v, b);
    }
    else {
        read_inline(r, v, b);
    }
}

/* --- code that Google ran -------------------------------------------------------- */

void clp_gemini_read_code(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_text language = clp_read_text(r, v, "language");

    clp_buffer_clear(r->scratch);
    clp_buffer_lit(r->scratch, "```");
    if (clp_text_is(language, "PYTHON")) {
        clp_buffer_lit(r->scratch, "python");
    }
    clp_buffer_lit(r->scratch, "\\n");
    clp_text_append_escaped(r->scratch, clp_read_text(r, v, "code"));
    clp_buffer_lit(r->scratch, "\\n```");
    b->text = clp_reading_take(r);
}

void clp_gemini_read_code_result(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_buffer_clear(r->scratch);
    clp_buffer_lit(r->scratch, "```\\n");
    clp_text_append_escaped(r->scratch, clp_read_text(r, v, "output"));
    clp_buffer_lit(r->scratch, "\\n```");
    b->text = clp_reading_take(r);
}
