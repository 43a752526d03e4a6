/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_calls.h"

#include "responses_parts.h"
#include "texts.h"
#include "wire/json_write.h"
#include "wire/text.h"

static clp_block *call_block(clp_reading *r, clp_jval v)
{
    clp_block *b = clp_responses_assistant_block(r, v, CLP_BLOCK_TOOL_CALL);

    b->id = clp_read_name_needed(r, v, "call_id");
    return b;
}

static void read_function_call(clp_reading *r, clp_jval v)
{
    clp_block *b = call_block(r, v);
    clp_jval arguments = clp_jval_get(v, "arguments");

    b->name = clp_responses_qualified(r, clp_read_text(r, v, "namespace"),
                                      clp_read_name_needed(r, v, "name"));
    if (clp_jval_is_object(arguments)) {
        b->input.object = clp_jval_raw(arguments);
    }
    else {
        b->input.arguments = clp_read_text(r, v, "arguments");
        if (!b->input.arguments.s.p) {
            b->input.arguments = clp_text_str("");
        }
    }
}

static void read_custom_call(clp_reading *r, clp_jval v)
{
    clp_block *b = call_block(r, v);

    b->custom = 1;
    b->name = clp_responses_qualified(r, clp_read_text(r, v, "namespace"),
                                      clp_read_name_needed(r, v, "name"));
    b->text = clp_read_text_needed(r, v, "input");
}

static void copy_member(clp_jw *w, clp_jval from, const char *name, const char *as)
{
    clp_jval v = clp_jval_get(from, name);

    if (!clp_jval_nil(v)) {
        clp_jw_kraw(w, as, clp_jval_raw(v));
    }
}

/* The arguments by which the function was called that stands for the shell. */
static void read_local_shell_call(clp_reading *r, clp_jval v)
{
    clp_block *b = clp_responses_assistant_block(r, v, CLP_BLOCK_TOOL_CALL);
    clp_jval action = clp_read_object(r, v, "action");
    clp_jval type = clp_jval_get(action, "type");
    clp_buffer *json = clp_buffer_make(r->pool, 0);
    clp_jw w;

    if (!clp_jval_nil(type) && !clp_jval_str_is(type, "exec")) {
        clp_reject(r, type, "expected \"exec\"");
    }
    /* early clients give the item's own id only */
    b->id = clp_read_text(r, v, "call_id");
    if (!b->id.s.n) {
        b->id = clp_read_name_needed(r, v, "id");
    }
    b->name = clp_text_str("local_shell");
    clp_jw_init(&w, json);
    clp_jw_object(&w);
    copy_member(&w, action, "command", "command");
    copy_member(&w, action, "timeout_ms", "timeout_ms");
    copy_member(&w, action, "working_directory", "workdir");
    copy_member(&w, action, "env", "env");
    clp_jw_end_object(&w);
    b->input.object = clp_buffer_all(json);
}

static void read_raw_call(clp_reading *r, clp_jval v, const char *name, const char *member)
{
    clp_block *b = call_block(r, v);

    b->name = clp_text_str(name);
    b->input.object = clp_read_object_raw(r, v, member);
    if (!b->input.object.p) {
        b->input.object = CLP_SPAN_LIT("{}");
    }
}

static void read_shell_call(clp_reading *r, clp_jval v)
{
    read_raw_call(r, v, "shell", "action");
}

static void read_apply_patch_call(clp_reading *r, clp_jval v)
{
    read_raw_call(r, v, "apply_patch", "operation");
}

/* What the provider searched for itself is of no meaning to others: all tools are told. */
static void read_tool_search_call(clp_reading *r, clp_jval v)
{
    if (!clp_jval_nil(clp_jval_get(v, "call_id"))) {
        read_raw_call(r, v, "tool_search", "arguments");
    }
}

/* --- results -------------------------------------------------------------------- */

static clp_block *result_block(clp_reading *r, clp_jval v)
{
    clp_turn *t = r->c->last_turn;
    clp_block *b;

    /* results in a row are answers to one turn */
    if (!t || t->role != CLP_ROLE_USER || !t->last || t->last->kind != CLP_BLOCK_TOOL_RESULT) {
        t = clp_conversation_turn(r->c, CLP_ROLE_USER, v);
    }
    b = clp_turn_block(t, r->pool, CLP_BLOCK_TOOL_RESULT, v);
    b->id = clp_read_text(r, v, "call_id");
    if (!b->id.s.n) {
        b->id = clp_read_name_needed(r, v, "id");
    }
    return b;
}

static void read_output(clp_reading *r, clp_jval v)
{
    clp_block *b = result_block(r, v);

    if (!clp_jval_nil(clp_jval_get(v, "output"))) {
        clp_responses_read_parts(r, v, "output", CLP_IN_RESULT, &b->children);
    }
    clp_part_read_failure(b);
}

static clp_block *result_text(clp_reading *r, clp_block *result, clp_jval v)
{
    clp_block *b = clp_block_append(&result->children, r->pool, CLP_BLOCK_TEXT, v);
    b->text = clp_reading_take(r);
    return b;
}

/* How a command ended. */
static void say_outcome(clp_reading *r, clp_jval outcome)
{
    clp_jval type = clp_jval_get(outcome, "type");
    clp_jval code = clp_jval_get(outcome, "exit_code");

    if (clp_jval_str_is(type, "timeout")) {
        clp_buffer_lit(r->scratch, "\\n[timed out]");
    }
    else if (!clp_jval_nil(type) && !clp_jval_str_is(type, "exit")) {
        clp_reject(r, type, "expected \"exit\" or \"timeout\"");
    }
    else if (clp_jval_kind(code) == CLP_JSON_NUMBER) {
        clp_buffer_lit(r->scratch, "\\n[exit code ");
        clp_buffer_span(r->scratch, clp_jval_raw(code));
        clp_buffer_putc(r->scratch, ']');
    }
}

static void say_command(clp_reading *r, clp_jval part)
{
    clp_text out = clp_read_text(r, part, "stdout"), err = clp_read_text(r, part, "stderr");
    clp_jval outcome = clp_read_object(r, part, "outcome");

    if (!out.s.p && !err.s.p && !clp_jval_ok(outcome)) {
        clp_reject(r, part, "expected what a command wrote");
        return;
    }
    if (r->scratch->n) {
        clp_buffer_lit(r->scratch, "\\n");
    }
    clp_text_append_escaped(r->scratch, out);
    if (err.s.n) {
        clp_buffer_puts(r->scratch, out.s.n ? "\\n" : "");
        clp_text_append_escaped(r->scratch, err);
    }
    say_outcome(r, outcome);
}

/* Outputs of the commands, one behind the other. */
static void read_shell_output(clp_reading *r, clp_jval v)
{
    clp_block *b;
    clp_jval output = clp_jval_get(v, "output");

    if (!clp_jval_is_array(output)) {
        read_output(r, v);
        return;
    }
    b = result_block(r, v);
    CLP_JVAL_EACH (part, output) {
        if (r->problem) {
            return;
        }
        say_command(r, part);
    }
    result_text(r, b, v);
}

static void read_apply_patch_output(clp_reading *r, clp_jval v)
{
    clp_block *b = result_block(r, v);

    b->is_error = clp_jval_str_is(clp_jval_get(v, "status"), "failed") ? 1 : 0;
    clp_text_append_escaped(r->scratch, clp_read_text(r, v, "output"));
    if (!r->scratch->n) {
        clp_buffer_puts(r->scratch, b->is_error ? "failed" : "done");
    }
    result_text(r, b, v);
}

/* The tools it found are tools of the conversation from here on. */
static void read_tool_search_output(clp_reading *r, clp_jval v)
{
    clp_jval tools = clp_read_array(r, v, "tools");
    int names = 0;

    clp_responses_read_tools(r, tools, 1);
    if (clp_jval_nil(clp_jval_get(v, "call_id"))) {
        return;
    }
    clp_block *b = result_block(r, v);
    clp_buffer_lit(r->scratch, "Tools found: ");
    CLP_JVAL_EACH (tool, tools) {
        clp_buffer_puts(r->scratch, names++ ? ", " : "");
        clp_text_append_escaped(r->scratch, clp_jval_text(clp_jval_get(tool, "name")));
    }
    clp_buffer_puts(r->scratch, names ? "" : "none");
    result_text(r, b, v);
}

const clp_responses_item clp_responses_calls[] = {
    {"function_call", read_function_call},
    {"function_call_output", read_output},
    {"custom_tool_call", read_custom_call},
    {"custom_tool_call_output", read_output},
    {"local_shell_call", read_local_shell_call},
    {"local_shell_call_output", read_output},
    {"shell_call", read_shell_call},
    {"shell_call_output", read_shell_output},
    {"apply_patch_call", read_apply_patch_call},
    {"apply_patch_call_output", read_apply_patch_output},
    {"tool_search_call", read_tool_search_call},
    {"tool_search_output", read_tool_search_output},
    {NULL, NULL},
};
