/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_write.h"

#include <stdlib.h>

#include "wire/text.h"
#include "text_decode.h"

void clp_jw_init(clp_jw *w, clp_buffer *out)
{
    memset(w, 0, sizeof(*w));
    w->out = out;
}

/* The comma a value or name needs before it. */
static inline void separate(clp_jw *w)
{
    apr_uint64_t bit;
    if (w->after_key) {
        w->after_key = 0;
        return;
    }
    if (!w->depth) {
        return;
    }
    bit = 1ULL << (w->depth - 1);
    if (w->filled & bit) {
        clp_buffer_putc(w->out, ',');
    }
    w->filled |= bit;
}

static void open_container(clp_jw *w, char bracket)
{
    separate(w);
    if (w->depth >= CLP_JW_DEPTH) {
        abort(); /* how deep a caller goes is fixed in its code, never by input */
    }
    w->filled &= ~(1ULL << w->depth);
    w->depth++;
    clp_buffer_putc(w->out, bracket);
}

static void close_container(clp_jw *w, char bracket)
{
    w->depth--;
    clp_buffer_putc(w->out, bracket);
}

void clp_jw_object(clp_jw *w)
{
    open_container(w, '{');
}

void clp_jw_end_object(clp_jw *w)
{
    close_container(w, '}');
}

void clp_jw_array(clp_jw *w)
{
    open_container(w, '[');
}

void clp_jw_end_array(clp_jw *w)
{
    close_container(w, ']');
}

void clp_jw_key(clp_jw *w, const char *name)
{
    apr_size_t n = strlen(name);
    char *to;

    separate(w);
    to = clp_buffer_reserve(w->out, n + 3);
    if (to) {
        to[0] = '"';
        memcpy(to + 1, name, n);
        to[n + 1] = '"';
        to[n + 2] = ':';
        w->out->n += n + 3;
    }
    w->after_key = 1;
}

void clp_jw_key_text(clp_jw *w, clp_text name)
{
    clp_jw_text(w, name);
    clp_buffer_putc(w->out, ':');
    w->after_key = 1;
}

void clp_jw_null(clp_jw *w)
{
    separate(w);
    clp_buffer_lit(w->out, "null");
}

void clp_jw_bool(clp_jw *w, int v)
{
    separate(w);
    clp_buffer_puts(w->out, v ? "true" : "false");
}

void clp_jw_int(clp_jw *w, apr_int64_t v)
{
    char digits[20];
    char *p = digits + sizeof(digits);
    apr_uint64_t n = v < 0 ? 0 - (apr_uint64_t)v : (apr_uint64_t)v;

    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    if (v < 0) {
        *--p = '-';
    }
    separate(w);
    clp_buffer_append(w->out, p, (apr_size_t)(digits + sizeof(digits) - p));
}

/* JSON bytes as they are, but for U+2028/9 if the writer escapes them: valid
 * JSON has them within strings only. */
static void copy_json(clp_jw *w, clp_span s)
{
    if (w->ascii_lines) {
        apr_size_t at = 0;
        while (s.n - at >= 3) {
            const char *p = memchr(s.p + at, '\xe2', s.n - at - 2);
            if (!p) {
                break;
            }
            at = (apr_size_t)(p - s.p);
            if (p[1] == '\x80' && (p[2] & '\xfe') == '\xa8') {
                clp_buffer_append(w->out, s.p, at);
                clp_buffer_append(w->out, p[2] == '\xa8' ? "\\u2028" : "\\u2029", 6);
                s.p += at + 3;
                s.n -= at + 3;
                at = 0;
            }
            else {
                at++;
            }
        }
    }
    clp_buffer_span(w->out, s);
}

void clp_jw_raw(clp_jw *w, clp_span json)
{
    separate(w);
    copy_json(w, json);
}

void clp_jw_text_open(clp_jw *w)
{
    separate(w);
    clp_buffer_putc(w->out, '"');
}

void clp_jw_text_part(clp_jw *w, clp_text t)
{
    clp_span s = t.s;

    if (!t.escaped) {
        clp_text_escape(w->out, s, w->ascii_lines);
        return;
    }
    for (;;) {
        apr_size_t lone = clp_text_lone_half(s, 0);
        copy_json(w, clp_span_of(s.p, lone));
        if (lone == s.n) {
            return;
        }
        clp_buffer_lit(w->out, "\\ufffd");
        s.p += lone + 6;
        s.n -= lone + 6;
    }
}

void clp_jw_text_close(clp_jw *w)
{
    clp_buffer_putc(w->out, '"');
}

void clp_jw_text(clp_jw *w, clp_text t)
{
    clp_jw_text_open(w);
    clp_jw_text_part(w, t);
    clp_jw_text_close(w);
}

void clp_jw_str(clp_jw *w, const char *plain)
{
    clp_jw_text(w, clp_text_str(plain));
}

void clp_jw_kstr(clp_jw *w, const char *name, const char *plain)
{
    clp_jw_key(w, name);
    clp_jw_str(w, plain);
}

void clp_jw_ktext(clp_jw *w, const char *name, clp_text t)
{
    clp_jw_key(w, name);
    clp_jw_text(w, t);
}

void clp_jw_kint(clp_jw *w, const char *name, apr_int64_t v)
{
    clp_jw_key(w, name);
    clp_jw_int(w, v);
}

void clp_jw_kbool(clp_jw *w, const char *name, int v)
{
    clp_jw_key(w, name);
    clp_jw_bool(w, v);
}

void clp_jw_knull(clp_jw *w, const char *name)
{
    clp_jw_key(w, name);
    clp_jw_null(w);
}

void clp_jw_kraw(clp_jw *w, const char *name, clp_span json)
{
    clp_jw_key(w, name);
    clp_jw_raw(w, json);
}
