/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "media.h"

#include <apr_encode.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "wire/text.h"

/* Of a data URL before its comma; a longer one is no media type. */
#define HEADER_MAX 1024

static clp_text span_plain(const char *p, apr_size_t n)
{
    return clp_text_plain(clp_span_of(p, n));
}

clp_text clp_media_type(clp_text type, apr_pool_t *pool)
{
    const char *s = clp_text_cstr(type, pool);
    apr_size_t n = strcspn(s, "; \t");
    char *lower = apr_pstrmemdup(pool, s, n);

    for (char *c = lower; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    if (strcmp(lower, "image/jpg") == 0) {
        lower = apr_pstrdup(pool, "image/jpeg");
    }
    return clp_text_str(lower);
}

clp_text clp_media_type_of_name(const char *name)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".png", "image/png"},       {".jpg", "image/jpeg"},  {".jpeg", "image/jpeg"},
        {".gif", "image/gif"},       {".webp", "image/webp"}, {".heic", "image/heic"},
        {".heif", "image/heif"},     {".bmp", "image/bmp"},   {".svg", "image/svg+xml"},
        {".pdf", "application/pdf"}, {".txt", "text/plain"},  {".md", "text/markdown"},
        {".html", "text/html"},      {".csv", "text/csv"},    {".mp3", "audio/mpeg"},
        {".wav", "audio/wav"},       {".mp4", "video/mp4"},
    };
    apr_size_t n = strcspn(name, "?#");

    for (apr_size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        apr_size_t ending = strlen(types[i].ending);
        if (n > ending && strncasecmp(name + n - ending, types[i].ending, ending) == 0) {
            return clp_text_str(types[i].type);
        }
    }
    return span_plain(NULL, 0);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)apr_tolower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The payload's bytes: JSON escapes, then percent escapes undone. */
static clp_span payload_decode(clp_text t, int drop_blanks, apr_pool_t *pool)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    apr_size_t n = 0;

    clp_buffer_reserve(b, t.s.n);
    clp_text_append_plain(b, t);
    for (apr_size_t i = 0; i < b->n; i++) {
        char c = b->p[i];
        if (c == '%' && i + 2 < b->n && hex(b->p[i + 1]) >= 0 && hex(b->p[i + 2]) >= 0) {
            c = (char)(hex(b->p[i + 1]) * 16 + hex(b->p[i + 2]));
            i += 2;
        }
        if (!drop_blanks || !apr_isspace(c)) {
            b->p[n++] = c;
        }
    }
    b->n = n;
    return clp_buffer_all(b);
}

/* Escapes other than that of the slash, which may stay: line ends and percent signs. */
static int has_escapes(clp_span s)
{
    const char *end = s.p + s.n;

    if (s.n && memchr(s.p, '%', s.n)) {
        return 1;
    }
    for (const char *p = s.p; p < end && (p = memchr(p, '\\', (apr_size_t)(end - p))) != NULL;
         p += 2) {
        if (p[1] != '/') {
            return 1;
        }
    }
    return 0;
}

static int ends_with_base64(char *header)
{
    char *last = strrchr(header, ';');

    if (!last) {
        return 0;
    }
    do {
        last++;
    } while (*last == ' ');
    last[strcspn(last, " ")] = '\0';
    return strcasecmp(last, "base64") == 0;
}

const char *clp_media_read_url(clp_media *m, clp_text url, apr_pool_t *pool)
{
    const char *comma = url.s.n ? memchr(url.s.p, ',', url.s.n) : NULL;
    clp_text payload = url;
    char *header = "";

    if (comma && comma - url.s.p <= HEADER_MAX) {
        clp_text head = url;
        head.s.n = (apr_size_t)(comma - url.s.p);
        header = apr_pstrdup(pool, clp_text_cstr(head, pool));
    }
    if (strncasecmp(header, "data:", 5) != 0) {
        if (url.s.n >= 5 && strncasecmp(url.s.p, "data:", 5) == 0) {
            return "is not a valid data URL";
        }
        m->source = CLP_MEDIA_URL;
        m->data = url;
        return NULL;
    }
    payload.s = clp_span_of(comma + 1, (apr_size_t)(url.s.p + url.s.n - comma - 1));
    m->source = CLP_MEDIA_BASE64;
    m->mime = clp_media_type(
        clp_text_str(header[5] && header[5] != ';' ? header + 5 : "text/plain"), pool);
    if (ends_with_base64(header)) {
        if (has_escapes(payload.s)) {
            payload = clp_text_plain(payload_decode(payload, 1, pool));
        }
        m->data = payload;
    }
    else {
        clp_span bytes = payload_decode(payload, 0, pool);
        apr_size_t n = 0;
        const char *b64 = apr_pencode_base64_binary(pool, (const unsigned char *)bytes.p,
                                                    (apr_ssize_t)bytes.n, APR_ENCODE_NONE, &n);
        m->data = b64 ? clp_text_str(b64) : clp_text_str("");
    }
    return m->data.s.n ? NULL : "is a data URL without data";
}

const char *clp_media_decode_text(clp_media *m, apr_pool_t *pool)
{
    clp_span b64 = payload_decode(m->data, 1, pool);
    apr_size_t n = 0;
    const unsigned char *bytes =
        apr_pdecode_base64_binary(pool, b64.p, (apr_ssize_t)b64.n, APR_ENCODE_NONE, &n);

    if (!bytes) {
        return "is not valid base64";
    }
    m->data = span_plain((const char *)bytes, n);
    if (clp_utf8_valid_prefix(m->data.s) != n) {
        return "is a text that is not UTF-8";
    }
    m->source = CLP_MEDIA_TEXT;
    return NULL;
}

int clp_media_type_starts(const clp_media *m, const char *prefix)
{
    return clp_span_starts(m->mime.s, prefix);
}

int clp_media_image_fits_messages(const clp_media *m)
{
    static const char *const types[] = {"image/jpeg", "image/png", "image/gif", "image/webp"};

    for (apr_size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (clp_text_is(m->mime, types[i])) {
            return 1;
        }
    }
    return 0;
}

void clp_media_write_data_url(clp_jw *w, const clp_media *m)
{
    clp_jw_text_open(w);
    clp_jw_text_part(w, clp_text_str("data:"));
    clp_jw_text_part(w, m->mime);
    clp_jw_text_part(w, clp_text_str(";base64,"));
    clp_jw_text_part(w, m->data);
    clp_jw_text_close(w);
}

void clp_media_write_filename(clp_jw *w, const clp_block *document)
{
    clp_text title = document->title;

    if (document->media.filename.s.n) {
        clp_jw_text(w, document->media.filename);
        return;
    }
    if (!title.s.n) {
        title = clp_text_str("document.pdf");
    }
    clp_jw_text_open(w);
    clp_jw_text_part(w, title);
    if (title.s.n < 4 || strncasecmp(title.s.p + title.s.n - 4, ".pdf", 4) != 0) {
        clp_jw_text_part(w, clp_text_str(".pdf"));
    }
    clp_jw_text_close(w);
}
