/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/sse.h"

/*
 * Where bytes are kept: what lies in the current read is used there (`near_*`).
 * What has to wait for the next read goes to `hold`: first the data joined so
 * far (from data_at, data_n long), behind it, from line_at, the unfinished
 * line. So an event is in memory once however it was split.
 */
struct clp_sse {
    clp_sse_fn fn;
    void *ctx;
    apr_size_t max;
    clp_sse_status status;

    int bom;     /* bytes of the BOM seen at the start; BOM_N = that is over */
    int skip_lf; /* the last read ended in CR */

    clp_buffer hold;
    apr_size_t line_at;
    apr_size_t data_at;
    apr_size_t data_n;
    clp_buffer name;

    clp_span near_data; /* the only data line so far, in the current read */
    clp_span near_name;

    int lines;
    apr_size_t used; /* bytes of the lines that make the pending event */
};

#define BOM   "\xef\xbb\xbf"
#define BOM_N 3

clp_sse *clp_sse_make(apr_pool_t *pool, apr_size_t max_event, clp_sse_fn fn, void *ctx)
{
    clp_sse *s = apr_pcalloc(pool, sizeof(*s));
    s->fn = fn;
    s->ctx = ctx;
    s->max = max_event ? max_event : (apr_size_t)-1;
    clp_buffer_init(&s->hold, pool, 0);
    clp_buffer_init(&s->name, pool, 0);
    return s;
}

static void forget_event(clp_sse *s)
{
    s->hold.n = 0;
    s->line_at = 0;
    s->data_at = 0;
    s->data_n = 0;
    s->name.n = 0;
    s->near_data = clp_span_of(NULL, 0);
    s->near_name = clp_span_of(NULL, 0);
    s->lines = 0;
    s->used = 0;
}

static int is_blank(clp_span s)
{
    for (apr_size_t i = 0; i < s.n; i++) {
        if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r') {
            return 0;
        }
    }
    return 1;
}

/* The blank line: deliver what there is. */
static void dispatch(clp_sse *s)
{
    if (s->lines) {
        clp_sse_event event;
        event.data = s->near_data;
        if (!event.data.p && s->data_n) {
            event.data = clp_span_of(s->hold.p + s->data_at, s->data_n);
        }
        event.name = s->near_name.p ? s->near_name : clp_buffer_all(&s->name);
        event.lines = s->lines;
        if (!is_blank(event.data) && s->fn(s->ctx, &event)) {
            s->status = CLP_SSE_STOPPED;
        }
    }
    forget_event(s);
}

/* Move data of the current read to where it can wait or grow. */
static void keep_data(clp_sse *s)
{
    if (s->near_data.p) {
        s->hold.n = 0;
        clp_buffer_span(&s->hold, s->near_data);
        s->data_at = 0;
        s->data_n = s->near_data.n;
        s->near_data = clp_span_of(NULL, 0);
        s->line_at = s->hold.n;
    }
}

static void keep_name(clp_sse *s)
{
    if (s->near_name.p) {
        clp_buffer_clear(&s->name);
        clp_buffer_span(&s->name, s->near_name);
        s->near_name = clp_span_of(NULL, 0);
    }
}

static void take_data(clp_sse *s, clp_span value, int held)
{
    s->lines++;
    if (s->lines == 1) {
        if (held) {
            s->data_at = (apr_size_t)(value.p - s->hold.p);
            s->data_n = value.n;
            s->line_at = s->hold.n;
        }
        else {
            s->near_data = value;
        }
        return;
    }
    if (held) {
        /* the field name before the value leaves room enough for the LF */
        char *to = s->hold.p + s->data_at + s->data_n;
        *to = '\n';
        memmove(to + 1, value.p, value.n);
        s->hold.n = s->data_at + s->data_n + 1 + value.n;
    }
    else {
        keep_data(s);
        clp_buffer_putc(&s->hold, '\n');
        clp_buffer_span(&s->hold, value);
    }
    s->data_n += 1 + value.n;
    s->line_at = s->hold.n;
}

/* A whole line, without its end; `held`: it lies at hold's line_at. */
static void take_line(clp_sse *s, clp_span line, int held)
{
    const char *colon;
    clp_span name = line;
    clp_span value = clp_span_of(line.p + line.n, 0);

    if (line.n > s->max - s->used) {
        s->status = CLP_SSE_TOO_LARGE;
        return;
    }
    if (!line.n) {
        dispatch(s);
        return;
    }
    colon = line.n > 5 ? memchr(line.p, ':', 6) : memchr(line.p, ':', line.n);
    if (colon) {
        name.n = (apr_size_t)(colon - line.p);
        value = clp_span_of(colon + 1, line.n - name.n - 1);
        if (value.n && *value.p == ' ') {
            value.p++;
            value.n--;
        }
    }
    if (clp_span_is(name, "data")) {
        s->used += line.n;
        take_data(s, value, held);
        return;
    }
    if (clp_span_is(name, "event")) {
        s->used += line.n;
        s->near_name = value;
        if (held) {
            keep_name(s);
        }
    }
    if (held) {
        s->hold.n = s->line_at;
    }
}

/* First CR or LF in [p, end), or `end`. The next CR is remembered, so that a
 * read without any is searched for one only once. */
static const char *line_end(const char *p, const char *end, const char **next_cr)
{
    const char *lf;
    if (!*next_cr || *next_cr < p) {
        *next_cr = memchr(p, '\r', (apr_size_t)(end - p));
        if (!*next_cr) {
            *next_cr = end;
        }
    }
    lf = memchr(p, '\n', (apr_size_t)(*next_cr - p));
    return lf ? lf : *next_cr;
}

/* Keep the bytes of a line that has not ended. */
static void hold_line(clp_sse *s, const char *p, apr_size_t n)
{
    if (s->hold.n - s->line_at + n > s->max - s->used) {
        s->status = CLP_SSE_TOO_LARGE;
        return;
    }
    clp_buffer_append(&s->hold, p, n);
}

static void take_held_line(clp_sse *s)
{
    take_line(s, clp_span_of(s->hold.p + s->line_at, s->hold.n - s->line_at), 1);
}

static void feed_lines(clp_sse *s, const char *p, const char *end)
{
    const char *next_cr = NULL;

    while (p < end) {
        const char *eol = line_end(p, end, &next_cr);
        if (eol == end) {
            break;
        }
        if (s->hold.n > s->line_at) {
            hold_line(s, p, (apr_size_t)(eol - p));
            if (s->status == CLP_SSE_OK) {
                take_held_line(s);
            }
        }
        else {
            take_line(s, clp_span_of(p, (apr_size_t)(eol - p)), 0);
        }
        if (s->status != CLP_SSE_OK) {
            return;
        }
        p = eol + 1;
        if (*eol == '\r') {
            if (p == end) {
                s->skip_lf = 1;
            }
            else if (*p == '\n') {
                p++;
            }
        }
    }
    keep_data(s);
    keep_name(s);
    hold_line(s, p, (apr_size_t)(end - p));
}

clp_sse_status clp_sse_feed(clp_sse *s, const char *p, apr_size_t n)
{
    const char *end;

    if (s->status != CLP_SSE_OK || !n) {
        return s->status;
    }
    end = p + n;
    while (s->bom < BOM_N && p < end) {
        if (*p != BOM[s->bom]) {
            /* no BOM after all: what looked like one begins the first line */
            hold_line(s, BOM, (apr_size_t)s->bom);
            s->bom = BOM_N;
            break;
        }
        p++;
        s->bom++;
    }
    if (s->skip_lf && p < end) {
        s->skip_lf = 0;
        if (*p == '\n') {
            p++;
        }
    }
    if (s->status == CLP_SSE_OK && p < end) {
        feed_lines(s, p, end);
    }
    return s->status;
}

clp_sse_status clp_sse_finish(clp_sse *s)
{
    if (s->status == CLP_SSE_OK && s->hold.n > s->line_at) {
        take_held_line(s);
    }
    if (s->status == CLP_SSE_OK) {
        dispatch(s);
    }
    return s->status;
}

int clp_sse_is_done(clp_span data)
{
    while (data.n && (*data.p == ' ' || *data.p == '\t')) {
        data.p++;
        data.n--;
    }
    return clp_span_starts(data, "[DONE]") && is_blank(clp_span_of(data.p + 6, data.n - 6));
}

apr_size_t clp_sse_pending(const clp_sse *s)
{
    return s->used + (s->hold.n - s->line_at) + (s->bom < BOM_N ? (apr_size_t)s->bom : 0);
}
