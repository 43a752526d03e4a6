/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "answer_output.h"

#include <apr_strings.h>

#include "dialect/tools.h"
#include "wire/text.h"

#define ID_MAX 128

void clp_answer_text(clp_buffer *out, clp_span escaped)
{
    const char *p = escaped.p, *end = p + escaped.n, *from = p;
    while (p < end && (p = memchr(p, '\xe2', (apr_size_t)(end - p))) != NULL) {
        if (end - p >= 3 && p[1] == '\x80' && (p[2] == '\xa8' || p[2] == '\xa9')) {
            clp_buffer_append(out, from, (apr_size_t)(p - from));
            clp_buffer_append(out, p[2] == '\xa8' ? "\\u2028" : "\\u2029", 6);
            from = p + 3;
        }
        p++;
    }
    clp_buffer_append(out, from, (apr_size_t)(end - from));
}

void clp_answer_raw(clp_buffer *out, clp_span json)
{
    apr_size_t from = out->n;

    clp_answer_text(out, json);
    /* line ends in JSON can only be white space */
    for (apr_size_t i = from; i < out->n; i++) {
        if (out->p[i] == '\n' || out->p[i] == '\r') {
            out->p[i] = ' ';
        }
    }
}

void clp_answer_wrap(clp_buffer *out, clp_span escaped)
{
    clp_buffer_lit(out, "{\"input\":\"");
    clp_buffer_span(out, escaped);
    clp_buffer_lit(out, "\"}");
}

clp_span clp_answer_escape(clp_text t, apr_pool_t *pool)
{
    clp_buffer *text = clp_buffer_make(pool, 0), *line = clp_buffer_make(pool, 0);
    clp_text_append_escaped(text, t);
    clp_answer_text(line, clp_buffer_all(text));
    clp_buffer_release(text);
    return clp_buffer_all(line);
}

clp_span clp_answer_id(const char *prefix, clp_text upstreams, const clp_writer_options *options,
                       apr_pool_t *pool)
{
    if (upstreams.s.n <= ID_MAX && clp_span_starts(upstreams.s, prefix)) {
        return clp_answer_escape(upstreams, pool);
    }
    return clp_span_str(apr_pstrcat(pool, prefix, options->id, NULL));
}

const char *clp_answer_call_id(const char *prefix, clp_text upstreams, int number, apr_size_t max,
                               const clp_writer_options *options, apr_pool_t *pool)
{
    if (upstreams.s.n) {
        return clp_tool_id_fit(upstreams, max, pool);
    }
    return apr_psprintf(pool, "%s%s_%d", prefix, options->id, number);
}

clp_span clp_answer_model(clp_text upstreams, const clp_writer_options *options, apr_pool_t *pool)
{
    return clp_answer_escape(options->model ? clp_text_str(options->model) : upstreams, pool);
}
