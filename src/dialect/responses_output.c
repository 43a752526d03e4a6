/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_output.h"

#include "answer_output.h"

static void put_int(clp_buffer *out, int n)
{
    char digits[12];
    int at = (int)sizeof(digits);
    unsigned v = (unsigned)n;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    clp_buffer_append(out, digits + at, sizeof(digits) - (apr_size_t)at);
}

void clp_responses_output_event(clp_responses_output *o, const char *type)
{
    clp_buffer_lit(o->out, "event: ");
    clp_buffer_puts(o->out, type);
    clp_buffer_lit(o->out, "\ndata: {\"type\":\"");
    clp_buffer_puts(o->out, type);
    clp_buffer_lit(o->out, "\",\"sequence_number\":");
    put_int(o->out, o->sequence++);
}

void clp_responses_output_end_event(clp_responses_output *o)
{
    clp_buffer_lit(o->out, "}\n\n");
}

void clp_responses_output_begin(clp_responses_output *o, const char *prefix, clp_text native)
{
    clp_buffer_clear(&o->item_id);
    if (native.s.n && native.s.n <= 128 && clp_span_starts(native.s, prefix)) {
        clp_buffer_span(&o->item_id, clp_answer_escape(native, o->pool));
    }
    else {
        clp_buffer_puts(&o->item_id, prefix);
        clp_buffer_puts(&o->item_id, o->options->id);
        clp_buffer_putc(&o->item_id, '_');
        put_int(&o->item_id, o->opened);
    }
    clp_buffer_clear(&o->where);
    clp_buffer_lit(&o->where, ",\"item_id\":\"");
    clp_buffer_span(&o->where, clp_buffer_all(&o->item_id));
    clp_buffer_lit(&o->where, "\",\"output_index\":");
    put_int(&o->where, o->opened);
    o->opened++;
    o->parted = 0;
}

void clp_responses_output_head(clp_responses_output *o, clp_buffer *to, const char *type)
{
    clp_buffer_lit(to, "{\"id\":\"");
    clp_buffer_span(to, clp_buffer_all(&o->item_id));
    clp_buffer_lit(to, "\",\"type\":\"");
    clp_buffer_puts(to, type);
    clp_buffer_putc(to, '"');
}

void clp_responses_output_added(clp_responses_output *o)
{
    clp_responses_output_event(o, "response.output_item.added");
    clp_buffer_lit(o->out, ",\"output_index\":");
    put_int(o->out, o->opened - 1);
    clp_buffer_lit(o->out, ",\"item\":");
}

void clp_responses_output_done(clp_responses_output *o)
{
    if (o->items.n) {
        clp_buffer_putc(&o->items, ',');
    }
    clp_buffer_span(&o->items, clp_buffer_all(&o->item));
    if (o->options->stream) {
        clp_responses_output_event(o, "response.output_item.done");
        clp_buffer_lit(o->out, ",\"output_index\":");
        put_int(o->out, o->opened - 1);
        clp_buffer_lit(o->out, ",\"item\":");
        clp_buffer_span(o->out, clp_buffer_all(&o->item));
        clp_responses_output_end_event(o);
    }
    clp_buffer_clear(&o->item);
    clp_buffer_clear(&o->text);
    clp_buffer_clear(&o->state);
}

void clp_responses_output_text_event(clp_responses_output *o, const char *type, const char *index,
                                     clp_span text, const char *rest)
{
    clp_responses_output_event(o, type);
    clp_buffer_span(o->out, clp_buffer_all(&o->where));
    clp_buffer_puts(o->out, index);
    clp_buffer_span(o->out, text);
    clp_buffer_puts(o->out, rest);
    clp_responses_output_end_event(o);
}

void clp_responses_output_keep(clp_responses_output *o, clp_span escaped)
{
    clp_answer_text(&o->text, escaped);
}

void clp_responses_output_delta(clp_responses_output *o, const char *type, const char *index,
                                clp_span escaped, const char *rest)
{
    apr_size_t from = o->text.n;
    clp_responses_output_keep(o, escaped);
    if (o->options->stream) {
        clp_responses_output_text_event(o, type, index,
                                        clp_span_of(o->text.p + from, o->text.n - from), rest);
    }
}

void clp_responses_output_init(clp_responses_output *o, const clp_writer_options *options,
                               clp_buffer *out, apr_pool_t *pool)
{
    memset(o, 0, sizeof(*o));
    o->pool = pool;
    o->out = out;
    o->options = options;
    o->echo = clp_responses_echo_make(options, pool);
    clp_buffer_init(&o->items, pool, 0);
    clp_buffer_init(&o->item, pool, 0);
    clp_buffer_init(&o->text, pool, 0);
    clp_buffer_init(&o->state, pool, 0);
    clp_buffer_init(&o->where, pool, 0);
    clp_buffer_init(&o->item_id, pool, 0);
}
