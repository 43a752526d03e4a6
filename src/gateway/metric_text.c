/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "metric_text.h"

#include <apr_strings.h>

clp_metric clp_metric_begin(clp_buffer *out, const char *name, const char *type, const char *help)
{
    clp_metric m = {out, name};

    clp_buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    return m;
}

static void write_value(clp_buffer *out, const char *value)
{
    for (const char *p = value; *p; p++) {
        if (*p == '\n') {
            clp_buffer_lit(out, "\\n");
            continue;
        }
        if (*p == '"' || *p == '\\') {
            clp_buffer_putc(out, '\\');
        }
        clp_buffer_putc(out, *p);
    }
}

/* `le`: the bucket's bound, or NULL. */
static void write_labels(clp_buffer *out, const clp_metric_label *labels, const char *le)
{
    char separator = '{';

    for (const clp_metric_label *l = labels; l->name; l++, separator = ',') {
        clp_buffer_putc(out, separator);
        clp_buffer_puts(out, l->name);
        clp_buffer_lit(out, "=\"");
        write_value(out, l->value);
        clp_buffer_putc(out, '"');
    }
    if (le) {
        clp_buffer_printf(out, "%cle=\"%s\"", separator, le);
    }
    if (le || labels->name) {
        clp_buffer_putc(out, '}');
    }
}

static void write_sample(const clp_metric *m, const char *suffix, const clp_metric_label *labels,
                         const char *le, apr_uint64_t n)
{
    clp_buffer_puts(m->out, m->name);
    clp_buffer_puts(m->out, suffix);
    write_labels(m->out, labels, le);
    clp_buffer_printf(m->out, " %" APR_UINT64_T_FMT "\n", n);
}

static void write_millionths(const clp_metric *m, const char *suffix,
                             const clp_metric_label *labels, apr_uint64_t n)
{
    clp_buffer_puts(m->out, m->name);
    clp_buffer_puts(m->out, suffix);
    write_labels(m->out, labels, NULL);
    clp_buffer_printf(m->out, " %" APR_UINT64_T_FMT ".%06u\n", n / 1000000,
                      (unsigned)(n % 1000000));
}

void clp_metric_count(const clp_metric *m, const clp_metric_label *labels, apr_uint64_t n)
{
    write_sample(m, "", labels, NULL, n);
}

void clp_metric_seconds(const clp_metric *m, const clp_metric_label *labels,
                        apr_uint64_t microseconds)
{
    write_millionths(m, "", labels, microseconds);
}

/* Thousandths without the zeroes at the end, so that the same bound is the same text. */
static const char *bound_text(const clp_metric_spread *s, int bucket, char *text, apr_size_t room)
{
    apr_int64_t bound;
    int n;

    if (bucket == s->n - 1) {
        return "+Inf";
    }
    bound = s->bound(bucket);
    if (s->scale == 1 || bound % 1000 == 0) {
        apr_snprintf(text, room, "%" APR_INT64_T_FMT, bound / s->scale);
        return text;
    }
    n = apr_snprintf(text, room, "%" APR_INT64_T_FMT ".%03d", bound / 1000, (int)(bound % 1000));
    while (text[n - 1] == '0') {
        text[--n] = '\0';
    }
    return text;
}

void clp_metric_histogram(const clp_metric *m, const clp_metric_label *labels,
                          const clp_metric_spread *spread)
{
    apr_uint64_t sum = 0;
    char text[32];

    for (int i = 0; i < spread->n; i++) {
        sum += spread->buckets[i];
        write_sample(m, "_bucket", labels, bound_text(spread, i, text, sizeof(text)), sum);
    }
    write_millionths(m, "_sum", labels, spread->sum_millionths);
    write_sample(m, "_count", labels, NULL, sum);
}
