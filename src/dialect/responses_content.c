/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_content.h"

#include "dialect/tools.h"
#include "media.h"
#include "texts.h"
#include "wire/json_write.h"
#include "wire/text.h"

/* Whose content a part stands in decides what it may be. */
typedef enum place { IN_USER = 1, IN_ASSISTANT = 2, IN_SYSTEM = 4, IN_RESULT = 8 } place;

/* --- content parts ------------------------------------------------------------ */

static void read_text(clp_reading *r, clp_jval v, clp_block *b)
{
    b->text = clp_read_text_needed(r, v, "text");
}

static void read_refusal(clp_reading *r, clp_jval v, clp_block *b)
{
    b->text = clp_read_text_needed(r, v, "refusal");
}

static void read_file_id(clp_reading *r, clp_jval v, clp_block *b)
{
    b->media.source = CLP_MEDIA_FILE;
    b->media.data = clp_read_name_needed(r, v, "file_id");
}

static void read_image(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_text url = clp_read_text(r, v, "image_url");
    const char *fault;

    b->media.detail = clp_read_text(r, v, "detail");
    if (!url.s.n) {
        read_file_id(r, v, b);
        return;
    }
    fault = clp_media_read_url(&b->media, url, r->pool);
    if (!fault && b->media.source == CLP_MEDIA_BASE64 &&
        !clp_media_type_starts(&b->media, "image/")) {
        fault = "does not hold an image";
    }
    if (fault) {
        clp_reject_member(r, v, "image_url", "%s", fault);
    }
}

static void read_file(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_text data = clp_read_text(r, v, "file_data");
    clp_text url = clp_read_text(r, v, "file_url");
    const char *fault;

    b->media.filename = clp_read_text(r, v, "filename");
    if (!data.s.n && url.s.n) {
        b->media.source = CLP_MEDIA_URL;
        b->media.data = url;
        return;
    }
    if (!data.s.n) {
        read_file_id(r, v, b);
        return;
    }
    fault = clp_media_read_url(&b->media, data, r->pool);
    if (!fault && b->media.source == CLP_MEDIA_URL) {
        fault = "is not a data URL";
    }
    if (!fault && clp_media_type_starts(&b->media, "text/")) {
        fault = clp_media_decode_text(&b->media, r->pool);
    }
    if (fault) {
        clp_reject_member(r, v, "file_data", "%s", fault);
    }
    else if (clp_media_type_starts(&b->media, "image/")) {
        b->kind = CLP_BLOCK_IMAGE;
    }
}

static void read_audio(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_jval audio = clp_read_object(r, v, "input_audio");

    b->media.source = CLP_MEDIA_BASE64;
    b->media.data = clp_read_name_needed(r, audio, "data");
    clp_buffer_lit(r->scratch, "audio/");
    clp_text_append_escaped(r->scratch, clp_read_name_needed(r, audio, "format"));
    b->media.mime = clp_reading_take(r);
}

static const struct {
    const char *type;
    clp_block_kind kind;
    unsigned places;
    void (*read)(clp_reading *r, clp_jval v, clp_block *b);
} kinds[] = {
    {"input_text", CLP_BLOCK_TEXT, IN_USER | IN_ASSISTANT | IN_SYSTEM | IN_RESULT, read_text},
    {"output_text", CLP_BLOCK_TEXT, IN_USER | IN_ASSISTANT | IN_SYSTEM | IN_RESULT, read_text},
    {"text", CLP_BLOCK_TEXT, IN_USER | IN_ASSISTANT | IN_SYSTEM | IN_RESULT, read_text},
    {"input_image", CLP_BLOCK_IMAGE, IN_USER | IN_RESULT, read_image},
    {"input_file", CLP_BLOCK_DOCUMENT, IN_USER | IN_RESULT, read_file},
    {"input_audio", CLP_BLOCK_AUDIO, IN_USER | IN_RESULT, read_audio},
    {"refusal", CLP_BLOCK_REFUSAL, IN_ASSISTANT, read_refusal},
};

static clp_block *read_part(clp_reading *r, clp_jval v, place where, clp_block **tail)
{
    clp_jval type = clp_jval_get(v, "type");

    for (apr_size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (clp_jval_str_is(type, kinds[i].type)) {
            clp_block *b;
            if (!(kinds[i].places & where)) {
                clp_reject(r, type, "a part of type \"%s\" cannot stand here", kinds[i].type);
                return NULL;
            }
            b = clp_block_append(tail, r->pool, kinds[i].kind, v);
            kinds[i].read(r, v, b);
            return b;
        }
    }
    clp_reject_member(r, v, "type", "this type of content part is not known");
    return NULL;
}

/* Member `name` of an item, a string or parts, appended at `tail`. */
static void read_content(clp_reading *r, clp_jval item, const char *name, place where,
                         clp_block **tail)
{
    clp_jval content = clp_jval_get(item, name);

    while (*tail) {
        tail = &(*tail)->next;
    }
    if (clp_jval_is_string(content)) {
        clp_block_append(tail, r->pool, CLP_BLOCK_TEXT, content)->text = clp_jval_text(content);
        return;
    }
    if (!clp_jval_is_array(content)) {
        clp_reject_member(r, item, name, "a string or an array is required");
        return;
    }
    CLP_JVAL_EACH (v, content) {
        clp_block *b;
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected a content part");
            return;
        }
        b = read_part(r, v, where, tail);
        if (!b) {
            return;
        }
        tail = &b->next;
    }
}

static void turn_end(clp_turn *t)
{
    for (t->last = t->blocks; t->last && t->last->next;) {
        t->last = t->last->next;
    }
}

/* --- turns -------------------------------------------------------------------- */

/* All that the assistant said and did until somebody else has the word is one turn. */
static clp_turn *assistant_turn(clp_reading *r, clp_jval v)
{
    clp_turn *t = r->c->last_turn;
    return t && t->role == CLP_ROLE_ASSISTANT ? t
                                              : clp_conversation_turn(r->c, CLP_ROLE_ASSISTANT, v);
}

static clp_block *assistant_block(clp_reading *r, clp_jval v, clp_block_kind kind)
{
    return clp_turn_block(assistant_turn(r, v), r->pool, kind, v);
}

static void read_message(clp_reading *r, clp_jval v)
{
    clp_jval role = clp_jval_get(v, "role");
    clp_turn *t;

    if (clp_jval_str_is(role, "assistant")) {
        t = assistant_turn(r, v);
        read_content(r, v, "content", IN_ASSISTANT, &t->blocks);
    }
    else if (clp_jval_str_is(role, "user")) {
        t = clp_conversation_turn(r->c, CLP_ROLE_USER, v);
        read_content(r, v, "content", IN_USER, &t->blocks);
    }
    else if (!clp_jval_str_is(role, "system") && !clp_jval_str_is(role, "developer")) {
        clp_reject_member(r, v, "role", "this role is not known");
        return;
    }
    else if (!r->c->turns) {
        read_content(r, v, "content", IN_SYSTEM, &r->c->system);
        return;
    }
    else {
        t = clp_conversation_turn(r->c, CLP_ROLE_SYSTEM, v);
        read_content(r, v, "content", IN_SYSTEM, &t->blocks);
    }
    turn_end(t);
}

/* --- reasoning ------------------------------------------------------------------ */

static clp_text joined_texts(clp_reading *r, clp_jval parts)
{
    int texts = 0;
    CLP_JVAL_EACH (part, parts) {
        clp_text t = clp_read_text(r, part, "text");
        if (t.s.n) {
            if (texts++) {
                clp_buffer_lit(r->scratch, "\\n\\n");
            }
            clp_text_append_escaped(r->scratch, t);
        }
    }
    return clp_reading_take(r);
}

static void read_reasoning(clp_reading *r, clp_jval v)
{
    clp_block *b = assistant_block(r, v, CLP_BLOCK_REASONING);

    b->text = joined_texts(r, clp_read_array(r, v, "summary"));
    if (!b->text.s.n) {
        b->text = joined_texts(r, clp_read_array(r, v, "content"));
    }
    clp_state_read(&b->state, clp_read_text(r, v, "encrypted_content"), CLP_PROVIDER_OPENAI,
                   CLP_STATE_BLOCK, r->envelope_key, r->pool);
    if (b->state.kind == CLP_STATE_REDACTED) {
        b->kind = CLP_BLOCK_REDACTED;
    }
}

/* --- calls ---------------------------------------------------------------------- */

static clp_block *call_block(clp_reading *r, clp_jval v)
{
    clp_block *b = assistant_block(r, v, CLP_BLOCK_TOOL_CALL);

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
    clp_block *b = assistant_block(r, v, CLP_BLOCK_TOOL_CALL);
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

/* Only our own prefix tells of a failure: words such as "error" may be the tool's answer. */
static void read_failure(clp_block *result)
{
    clp_block *first = result->children;

    if (first && first->kind == CLP_BLOCK_TEXT &&
        clp_text_starts(first->text, CLP_TOOL_ERROR_PREFIX)) {
        first->text = clp_text_skip(first->text, sizeof(CLP_TOOL_ERROR_PREFIX) - 1);
        result->is_error = 1;
    }
}

static void read_output(clp_reading *r, clp_jval v)
{
    clp_block *b = result_block(r, v);

    if (!clp_jval_nil(clp_jval_get(v, "output"))) {
        read_content(r, v, "output", IN_RESULT, &b->children);
    }
    read_failure(b);
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

/* --- the provider's own tools ----------------------------------------------------- */

static void say(clp_reading *r, const char *before, clp_text t)
{
    if (t.s.n) {
        clp_buffer_puts(r->scratch, before);
        clp_text_append_escaped(r->scratch, t);
    }
}

static void say_each(clp_reading *r, clp_jval list, const char *member)
{
    CLP_JVAL_EACH (v, list) {
        say(r, "\\n", clp_jval_text(member ? clp_jval_get(v, member) : v));
    }
}

/* What is readable in a call that the provider has run itself, as a text. */
static void read_server_call(clp_reading *r, clp_jval v)
{
    clp_text type = clp_jval_text(clp_jval_get(v, "type"));
    clp_jval action = clp_jval_get(v, "action");
    clp_block *b;

    clp_buffer_putc(r->scratch, '[');
    clp_buffer_append(r->scratch, type.s.p, type.s.n - 5);
    say(r, ": ", clp_jval_text(clp_jval_get(v, "name")));
    clp_buffer_putc(r->scratch, ']');
    say(r, " ", clp_jval_text(clp_jval_get(action, "query")));
    say(r, " ", clp_jval_text(clp_jval_get(action, "url")));
    say(r, " ", clp_jval_text(clp_jval_get(action, "pattern")));
    say(r, " ", clp_jval_text(clp_jval_get(v, "arguments")));
    say_each(r, clp_jval_get(action, "queries"), NULL);
    say_each(r, clp_jval_get(v, "queries"), NULL);
    say(r, "\\n", clp_jval_text(clp_jval_get(v, "code")));
    say(r, "\\n", clp_jval_text(clp_jval_get(v, "output")));
    say(r, "\\n", clp_jval_text(clp_jval_get(v, "error")));
    say_each(r, clp_jval_get(v, "outputs"), "logs");
    say_each(r, clp_jval_get(v, "results"), "text");
    b = assistant_block(r, v, CLP_BLOCK_SERVER);
    b->text = clp_reading_take(r);
}

static void read_approval_request(clp_reading *r, clp_jval v)
{
    clp_buffer_lit(r->scratch, "[mcp_approval_request");
    say(r, ": ", clp_read_text(r, v, "name"));
    clp_buffer_putc(r->scratch, ']');
    say(r, " ", clp_read_text(r, v, "arguments"));
    assistant_block(r, v, CLP_BLOCK_SERVER)->text = clp_reading_take(r);
}

/* What the user said to it, which may be more than yes or no. */
static void read_approval_response(clp_reading *r, clp_jval v)
{
    clp_turn *t = clp_conversation_turn(r->c, CLP_ROLE_USER, v);

    clp_buffer_puts(r->scratch, clp_read_flag(r, v, "approve") == 1
                                    ? "[mcp_approval_response: approved]"
                                    : "[mcp_approval_response: denied]");
    say(r, " ", clp_read_text(r, v, "reason"));
    clp_turn_block(t, r->pool, CLP_BLOCK_TEXT, v)->text = clp_reading_take(r);
}

/* A list of a server's tools says nothing afterwards. */
static void read_nothing(clp_reading *r, clp_jval v)
{
    (void)r;
    (void)v;
}

static void read_reference(clp_reading *r, clp_jval v)
{
    clp_reject_member(r, v, "id", "no item of this id is known here");
}

static const struct {
    const char *type;
    void (*read)(clp_reading *r, clp_jval v);
} items[] = {
    {"message", read_message},
    {"function_call", read_function_call},
    {"function_call_output", read_output},
    {"reasoning", read_reasoning},
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
    {"web_search_call", read_server_call},
    {"file_search_call", read_server_call},
    {"code_interpreter_call", read_server_call},
    {"image_generation_call", read_server_call},
    {"mcp_call", read_server_call},
    {"mcp_list_tools", read_nothing},
    {"mcp_approval_request", read_approval_request},
    {"mcp_approval_response", read_approval_response},
    {"item_reference", read_reference},
};

static void read_item(clp_reading *r, clp_jval v)
{
    clp_jval type = clp_jval_get(v, "type");

    if (clp_jval_nil(type)) {
        read_message(r, v);
        return;
    }
    for (apr_size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        if (clp_jval_str_is(type, items[i].type)) {
            items[i].read(r, v);
            return;
        }
    }
    clp_reject(r, type, "this type of item cannot be converted for this model");
}

void clp_responses_read_input(clp_reading *r, clp_jval root)
{
    clp_jval input = clp_jval_get(root, "input");

    if (clp_jval_is_string(input)) {
        clp_turn *t = clp_conversation_turn(r->c, CLP_ROLE_USER, input);
        clp_turn_block(t, r->pool, CLP_BLOCK_TEXT, input)->text = clp_jval_text(input);
        return;
    }
    if (!clp_jval_is_array(input)) {
        clp_reject_member(r, root, "input", "a string or an array is required");
        return;
    }
    CLP_JVAL_EACH (v, input) {
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected an item");
        }
        if (r->problem) {
            return;
        }
        read_item(r, v);
    }
}
