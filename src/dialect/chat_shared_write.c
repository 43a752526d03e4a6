/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_write.h"

#include "builtin_tools.h"
#include "models.h"
#include "schema.h"
#include "wire/log.h"
#include "wire/text.h"

/* How many stop strings Chat takes. */
#define STOP_MAX 4

/* Name of a format whose client gave none. */
#define FORMAT_NAME "output"

int clp_chat_knows_builtin(const clp_tool *tool)
{
    return clp_builtin_tool_find(tool) != NULL;
}

static int is_answer_text(const clp_writing *w, const clp_block *b)
{
    return (b->kind == CLP_BLOCK_REFUSAL && w->rules->refusal_is_text) ||
           b->kind == CLP_BLOCK_TEXT || b->kind == CLP_BLOCK_OPAQUE || b->kind == CLP_BLOCK_SERVER;
}

int clp_chat_has_text(const clp_writing *w, const clp_round *round)
{
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (is_answer_text(w, b) && b->text.s.n) {
                return 1;
            }
        }
    }
    return 0;
}

/*
 * The blocks of one turn are one answer and stand without a gap; turns are
 * apart, and so is what is only a rendering.
 */
static const char *gap(const clp_block *said, const clp_block *next, int same_turn)
{
    if (!said) {
        return "";
    }
    if (!same_turn) {
        return "\n\n";
    }
    return said->kind != CLP_BLOCK_TEXT || next->kind != CLP_BLOCK_TEXT ? "\n" : "";
}

void clp_chat_write_text(clp_writing *w, const clp_round *round)
{
    clp_jw *jw = &w->jw;
    const clp_block *said = NULL;
    const clp_turn *turn = NULL;

    clp_jw_key(jw, "content");
    if (!clp_chat_has_text(w, round)) {
        clp_jw_null(jw);
        return;
    }
    clp_jw_text_open(jw);
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (is_answer_text(w, b) && b->text.s.n) {
                clp_jw_text_part(jw, clp_text_str(gap(said, b, turn == t)));
                clp_jw_text_part(jw, b->text);
                said = b;
                turn = t;
            }
        }
    }
    clp_jw_text_close(jw);
}

/* The arguments of a bridged free-text call are {"input":"<its text>"}. */
static void write_bridged(clp_writing *w, clp_text input)
{
    clp_buffer *text = clp_buffer_make(w->pool, 0);
    clp_jw inner;

    clp_jw_init(&inner, text);
    clp_jw_object(&inner);
    clp_jw_ktext(&inner, "input", input);
    clp_jw_end_object(&inner);
    clp_jw_text(&w->jw, clp_text_plain(clp_buffer_all(text)));
    clp_buffer_release(text);
}

void clp_chat_write_call(clp_writing *w, const clp_block *b)
{
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "name", clp_tool_names_fit(w->names, b->name));
    clp_jw_key(jw, "arguments");
    if (b->custom) {
        write_bridged(w, b->text);
    }
    else {
        clp_tool_input_text(jw, &b->input, w->pool);
    }
    clp_jw_end_object(jw);
}

void clp_chat_write_function(clp_writing *w, const clp_tool *tool)
{
    clp_jw *jw = &w->jw;

    clp_jw_kstr(jw, "name", clp_tool_names_fit(w->names, tool->name));
    if (tool->kind == CLP_TOOL_BUILTIN) {
        const clp_builtin_tool *known = clp_builtin_tool_find(tool);
        clp_jw_kstr(jw, "description", known->description);
        clp_jw_kraw(jw, "parameters", clp_span_str(known->schema));
        return;
    }
    if (tool->kind == CLP_TOOL_CUSTOM) {
        clp_writing_bridge_description(w, tool);
        clp_jw_kraw(jw, "parameters", CLP_SPAN_LIT(CLP_BRIDGE_SCHEMA));
        clp_tool_names_bridge(w->names, tool->name);
        return;
    }
    if (tool->description.s.n) {
        clp_jw_ktext(jw, "description", tool->description);
    }
    clp_jw_key(jw, "parameters");
    clp_schema_write(jw, tool->schema);
}

static void write_stop(clp_writing *w)
{
    const apr_array_header_t *stop = w->c->stop;
    clp_jw *jw = &w->jw;

    if (!stop->nelts) {
        return;
    }
    if (stop->nelts > STOP_MAX) {
        clp_log(NULL, CLP_LOG_DEBUG, 0, 1101, "of %d stop sequences the first %d go out",
                stop->nelts, STOP_MAX);
    }
    clp_jw_key(jw, "stop");
    clp_jw_array(jw);
    for (int i = 0; i < stop->nelts && i < STOP_MAX; i++) {
        clp_jw_text(jw, APR_ARRAY_IDX(stop, i, clp_text));
    }
    clp_jw_end_array(jw);
}

void clp_chat_write_parameters(clp_writing *w, const char *cap)
{
    const clp_conversation *c = w->c;

    if (c->max_tokens >= 0) {
        clp_jw_kint(&w->jw, cap, c->max_tokens ? c->max_tokens : 1);
    }
    if (!(w->takes & CLP_MODEL_NO_SAMPLING)) {
        clp_writing_number(w, "temperature", c->temperature);
        clp_writing_number(w, "top_p", c->top_p);
    }
    if (c->n > 1) {
        clp_jw_kint(&w->jw, "n", c->n);
    }
    clp_writing_number(w, "seed", c->seed);
    clp_writing_number(w, "presence_penalty", c->presence_penalty);
    clp_writing_number(w, "frequency_penalty", c->frequency_penalty);
    clp_writing_number(w, "logit_bias", c->logit_bias);
    clp_writing_number(w, "logprobs", c->logprobs);
    clp_writing_number(w, "top_logprobs", c->top_logprobs);
    write_stop(w);
}

/* Strict where the client said so, or where the schema asks for nothing that strict would change.
 */
static int is_strict(const clp_writing *w)
{
    return w->c->format_strict >= 0 ? w->c->format_strict
                                    : clp_schema_is_strict(w->c->format_schema, w->pool);
}

static void write_schema(clp_writing *w)
{
    clp_jw *jw = &w->jw;

    clp_jw_key(jw, "json_schema");
    clp_jw_object(jw);
    clp_jw_ktext(jw, "name", w->c->format_name.s.n ? w->c->format_name : clp_text_str(FORMAT_NAME));
    if (w->c->format_description.s.n) {
        clp_jw_ktext(jw, "description", w->c->format_description);
    }
    clp_jw_kraw(jw, "schema", w->c->format_schema);
    clp_jw_kbool(jw, "strict", is_strict(w));
    clp_jw_end_object(jw);
}

void clp_chat_write_format(clp_writing *w, unsigned native)
{
    clp_jw *jw = &w->jw;
    int schema = w->c->format == CLP_FORMAT_JSON_SCHEMA && (native & CLP_NATIVE_JSON_SCHEMA);

    if (w->c->format != CLP_FORMAT_JSON && w->c->format != CLP_FORMAT_JSON_SCHEMA) {
        return;
    }
    clp_jw_key(jw, "response_format");
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", schema ? "json_schema" : "json_object");
    if (schema) {
        write_schema(w);
    }
    clp_jw_end_object(jw);
}
