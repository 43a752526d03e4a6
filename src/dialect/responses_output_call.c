/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_output.h"

#include "answer_output.h"
#include "call_text.h"
#include "dialect/tools.h"
#include "wire/json_write.h"
#include "wire/text.h"

static clp_tool_bridge bridge_of(const clp_responses_output *o, clp_part_kind part)
{
    if (part == CLP_PART_CUSTOM_CALL) {
        return CLP_BRIDGE_CUSTOM;
    }
    return o->tool ? o->tool->bridge : CLP_BRIDGE_NONE;
}

/* Members of a call that do not depend on what it says. */
static void call_head(clp_responses_output *o, clp_buffer *to, clp_tool_bridge bridge,
                      const clp_event *e, const char *call_id)
{
    static const char *const types[] = {
        [CLP_BRIDGE_NONE] = "function_call",
        [CLP_BRIDGE_CUSTOM] = "custom_tool_call",
        [CLP_BRIDGE_LOCAL_SHELL] = "local_shell_call",
        [CLP_BRIDGE_SHELL] = "shell_call",
        [CLP_BRIDGE_APPLY_PATCH] = "apply_patch_call",
        [CLP_BRIDGE_TOOL_SEARCH] = "tool_search_call",
    };
    clp_responses_output_head(o, to, types[bridge]);
    clp_buffer_lit(to, ",\"call_id\":\"");
    clp_buffer_puts(to, call_id);
    clp_buffer_putc(to, '"');
    if (bridge > CLP_BRIDGE_CUSTOM) {
        return;
    }
    clp_buffer_lit(to, ",\"name\":\"");
    if (o->tool && o->tool->space.s.n) {
        clp_buffer_span(to, clp_answer_escape(o->tool->inner, o->pool));
        clp_buffer_lit(to, "\",\"namespace\":\"");
        clp_buffer_span(to, clp_answer_escape(o->tool->space, o->pool));
    }
    else {
        clp_buffer_span(to, clp_answer_escape(e->name, o->pool));
    }
    clp_buffer_putc(to, '"');
}

static const char *id_prefix(clp_tool_bridge bridge)
{
    static const char *const prefixes[] = {
        [CLP_BRIDGE_NONE] = "fc_",         [CLP_BRIDGE_CUSTOM] = "ctc_",
        [CLP_BRIDGE_LOCAL_SHELL] = "lsh_", [CLP_BRIDGE_SHELL] = "sh_",
        [CLP_BRIDGE_APPLY_PATCH] = "apc_", [CLP_BRIDGE_TOOL_SEARCH] = "tsc_",
    };
    return prefixes[bridge];
}

void clp_responses_output_open_call(clp_responses_output *o, const clp_event *e)
{
    clp_tool_bridge bridge;
    o->tool = clp_responses_echo_tool(o->echo, e->name);
    bridge = bridge_of(o, e->part);
    clp_responses_output_begin(o, id_prefix(bridge), clp_text_str(NULL));
    /* the whole item begins with it */
    call_head(o, &o->item, bridge, e,
              clp_answer_call_id("call_", e->id, o->opened - 1, CLP_TOOL_ID_RESPONSES, o->options,
                                 o->pool));
    if (o->options->stream && bridge <= CLP_BRIDGE_CUSTOM) {
        clp_responses_output_added(o);
        clp_buffer_span(o->out, clp_buffer_all(&o->item));
        clp_buffer_puts(o->out, bridge == CLP_BRIDGE_CUSTOM
                                    ? ",\"input\":\"\",\"status\":\"in_progress\"}"
                                    : ",\"arguments\":\"\",\"status\":\"in_progress\"}");
        clp_responses_output_end_event(o);
    }
}

void clp_responses_output_arguments(clp_responses_output *o, clp_part_kind part, clp_span escaped)
{
    if (part == CLP_PART_CUSTOM_CALL) {
        clp_responses_output_delta(o, "response.custom_tool_call_input.delta", ",\"delta\":\"",
                                   escaped, "\"");
    }
    else if (bridge_of(o, part) != CLP_BRIDGE_NONE) {
        clp_responses_output_keep(o, escaped);
    }
    else {
        clp_responses_output_delta(o, "response.function_call_arguments.delta", ",\"delta\":\"",
                                   escaped, "\"");
    }
}

/* A client of a document gets arguments that were no object as the model wrote them. */
static clp_span whole_arguments(clp_responses_output *o, int custom)
{
    clp_tool_input input;
    clp_buffer *object, *text;
    clp_jw jw;
    if (custom || o->options->stream ||
        !clp_span_starts(clp_buffer_all(&o->text), CLP_CALL_TEXT_WRAPPED)) {
        return clp_buffer_all(&o->text);
    }
    object = clp_buffer_make(o->pool, 0);
    text = clp_buffer_make(o->pool, 0);
    memset(&input, 0, sizeof(input));
    clp_text_append_plain(object, clp_text_escaped(clp_buffer_all(&o->text)));
    input.object = clp_buffer_all(object);
    clp_jw_init(&jw, text);
    clp_tool_input_text(&jw, &input, o->pool);
    return clp_span_of(text->p + 1, text->n - 2);
}

static void close_bridged(clp_responses_output *o, clp_tool_bridge bridge, const char *status)
{
    clp_responses_echo_action(o->echo, bridge, clp_buffer_all(&o->text), &o->item);
    clp_buffer_printf(&o->item, ",\"status\":\"%s\"}", status);
    if (o->options->stream) {
        clp_responses_output_added(o);
        clp_buffer_span(o->out, clp_buffer_all(&o->item));
        clp_responses_output_end_event(o);
    }
    clp_responses_output_done(o);
}

void clp_responses_output_close_call(clp_responses_output *o, clp_part_kind part, int whole)
{
    clp_tool_bridge bridge = bridge_of(o, part);
    int custom = bridge == CLP_BRIDGE_CUSTOM;
    const char *status = whole ? "completed" : "incomplete";
    if (bridge > CLP_BRIDGE_CUSTOM) {
        close_bridged(o, bridge, status);
        return;
    }
    if (!custom && !o->text.n) {
        /* clients parse the text they have put together, and the empty text is no JSON */
        clp_responses_output_arguments(o, part, CLP_SPAN_LIT("{}"));
    }
    clp_span text = whole_arguments(o, custom);
    if (o->options->stream) {
        if (custom) {
            clp_responses_output_text_event(o, "response.custom_tool_call_input.done",
                                            ",\"input\":\"", text, "\"");
        }
        else {
            clp_responses_output_text_event(o, "response.function_call_arguments.done",
                                            ",\"arguments\":\"", text, "\"");
        }
    }
    clp_buffer_puts(&o->item, custom ? ",\"input\":\"" : ",\"arguments\":\"");
    clp_buffer_span(&o->item, text);
    clp_buffer_printf(&o->item, "\",\"status\":\"%s\"}", status);
    clp_responses_output_done(o);
}
