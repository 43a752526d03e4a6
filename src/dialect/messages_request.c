/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"

#include <apr_strings.h>

#include "call_ids.h"
#include "messages_content.h"
#include "wire/text.h"

/* An image in a document in a tool result:
 * messages.0.content.0.content.0.source.content.0.source.data */
#define RECORD_DEPTH 11

/* A small part of the body, looked into on its own. */
static clp_jval look_into(clp_jval v, apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
    clp_json *j = clp_json_make(pool);

    if (clp_jval_is_object(v) && clp_json_scan(j, clp_jval_raw(v), &limits, NULL) == CLP_JSON_OK) {
        return clp_json_root(j);
    }
    return CLP_JVAL_NONE;
}

/* Claude Code's user_id: JSON with a session_id, before that user_…_session_<UUID>. */
static const char *session_of(const char *user, apr_pool_t *pool)
{
    static const char mark[] = "_session_";
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
    const char *at;

    if (*user == '{') {
        clp_json *j = clp_json_make(pool);
        if (clp_json_scan(j, clp_span_str(user), &limits, NULL) == CLP_JSON_OK) {
            const char *id = clp_jval_cstr(clp_jval_get(clp_json_root(j), "session_id"), pool);
            return id && *id ? id : NULL;
        }
        return NULL;
    }
    at = strstr(user, mark);
    return at && at[sizeof(mark) - 1] ? at + sizeof(mark) - 1 : NULL;
}

static void sniff_metadata(clp_sniffed *out, clp_reading *r, clp_jval root)
{
    clp_jval metadata = look_into(clp_read_object(r, root, "metadata"), r->pool);
    clp_jval user = clp_jval_get(metadata, "user_id");

    if (clp_jval_is_string(user)) {
        out->user = clp_jval_cstr(user, r->pool);
    }
    if (out->user) {
        out->session = session_of(out->user, r->pool);
    }
}

static void sniff_thread(clp_sniffed *out, clp_reading *r, clp_jval root)
{
    clp_jval thread = look_into(clp_read_object(r, root, "thread"), r->pool);

    if (clp_jval_ok(thread)) {
        out->thread = clp_jval_cstr(clp_jval_get(thread, "type"), r->pool);
        out->previous = clp_jval_cstr(clp_jval_get(thread, "previous_message_id"), r->pool);
        if (!out->thread) {
            clp_reject_member(r, clp_jval_get(root, "thread"), "type", "a string is required");
        }
    }
}

clp_problem *clp_messages_sniff(clp_sniffed *out, clp_span body, const clp_intake *intake,
                                apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p;
    clp_jval root;

    memset(out, 0, sizeof(*out));
    p = clp_reading_sniff(&r, out, body, intake, &clp_dialect_messages, pool);
    if (p) {
        return p;
    }
    root = clp_json_root(out->doc);
    out->max_tokens = clp_read_count(&r, root, "max_tokens");
    sniff_metadata(out, &r, root);
    sniff_thread(out, &r, root);
    return r.problem;
}

static void read_thinking(clp_reading *r, clp_jval root)
{
    clp_jval thinking = clp_read_object(r, root, "thinking");
    clp_jval type = clp_jval_get(thinking, "type");
    clp_reasoning *to = &r->c->reasoning;

    if (!clp_jval_ok(thinking)) {
        return;
    }
    to->budget = clp_read_count(r, thinking, "budget_tokens");
    to->display = clp_read_text(r, thinking, "display");
    if (clp_jval_str_is(type, "enabled")) {
        to->mode = CLP_THINKING_ON;
    }
    else if (clp_jval_str_is(type, "adaptive") || clp_jval_str_is(type, "between_tools")) {
        to->mode = CLP_THINKING_ADAPTIVE;
    }
    else if (clp_jval_str_is(type, "disabled")) {
        to->mode = CLP_THINKING_OFF;
    }
    else {
        clp_reject_member(r, thinking, "type", "this way of thinking is not known");
    }
    if (to->display.s.p) {
        to->show = !clp_text_is(to->display, "omitted");
    }
}

static void read_format(clp_reading *r, clp_jval format)
{
    if (!clp_jval_ok(format)) {
        return;
    }
    if (!clp_jval_str_is(clp_jval_get(format, "type"), "json_schema")) {
        clp_reject_member(r, format, "type", "expected \"json_schema\"");
        return;
    }
    r->c->format = CLP_FORMAT_JSON_SCHEMA;
    r->c->format_schema = clp_read_object_raw(r, format, "schema");
    if (!r->c->format_schema.p) {
        clp_reject_member(r, format, "schema", "an object is required");
    }
}

static void read_output(clp_reading *r, clp_jval root)
{
    clp_jval config = clp_read_object(r, root, "output_config");
    clp_text effort = clp_read_text(r, config, "effort");
    clp_jval format = clp_read_object(r, config, "format");

    if (effort.s.p) {
        r->c->reasoning.effort = clp_effort_parse(effort);
        if (r->c->reasoning.effort == CLP_EFFORT_UNSET) {
            clp_reject_member(r, config, "effort", "this effort is not known");
        }
    }
    /* `output_format` is what the beta of structured outputs called it. */
    read_format(r, clp_jval_ok(format) ? format : clp_read_object(r, root, "output_format"));
}

static int is_builtin(clp_text type)
{
    static const char *const families[] = {"bash_", "text_editor_", "memory_"};

    for (apr_size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (clp_span_starts(type.s, families[i])) {
            return 1;
        }
    }
    return 0;
}

static void read_tool(clp_reading *r, clp_jval v)
{
    clp_tool *t = &APR_ARRAY_PUSH(r->c->tools, clp_tool);

    memset(t, 0, sizeof(*t));
    t->origin = v;
    t->type = clp_read_text(r, v, "type");
    t->strict = clp_read_flag(r, v, "strict");
    t->cache = clp_read_object_raw(r, v, "cache_control");
    t->description = clp_read_text(r, v, "description");
    if (!t->type.s.p || clp_text_is(t->type, "custom")) {
        t->kind = CLP_TOOL_FUNCTION;
        t->name = clp_read_name_needed(r, v, "name");
        t->schema = clp_read_object_raw(r, v, "input_schema");
    }
    else if (is_builtin(t->type)) {
        t->kind = CLP_TOOL_BUILTIN;
        t->name = clp_read_name_needed(r, v, "name");
    }
    else {
        t->kind = CLP_TOOL_SERVER;
        t->name = clp_read_text(r, v, "name");
    }
}

static void read_tools(clp_reading *r, clp_jval root)
{
    CLP_JVAL_EACH (v, clp_read_array(r, root, "tools")) {
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected a tool");
        }
        if (r->problem) {
            return;
        }
        read_tool(r, v);
    }
    /* The tools of a remote server, as far as a target is concerned: tools only Messages has. */
    CLP_JVAL_EACH (v, clp_read_array(r, root, "mcp_servers")) {
        clp_tool *t = &APR_ARRAY_PUSH(r->c->tools, clp_tool);
        memset(t, 0, sizeof(*t));
        t->kind = CLP_TOOL_SERVER;
        t->origin = v;
        t->type = clp_text_str("mcp_servers");
        t->name = clp_jval_text(clp_jval_get(v, "name"));
        t->strict = -1;
    }
}

static void read_choice(clp_reading *r, clp_jval root)
{
    clp_jval choice = clp_read_object(r, root, "tool_choice");
    clp_jval type = clp_jval_get(choice, "type");

    if (!clp_jval_ok(choice)) {
        return;
    }
    if (clp_jval_str_is(type, "auto")) {
        r->c->choice = CLP_CHOICE_AUTO;
    }
    else if (clp_jval_str_is(type, "any")) {
        r->c->choice = CLP_CHOICE_ANY;
    }
    else if (clp_jval_str_is(type, "none")) {
        r->c->choice = CLP_CHOICE_NONE;
    }
    else if (clp_jval_str_is(type, "tool")) {
        r->c->choice = CLP_CHOICE_TOOL;
        APR_ARRAY_PUSH(r->c->choice_names, clp_text) = clp_read_name_needed(r, choice, "name");
    }
    else {
        clp_reject_member(r, choice, "type", "expected \"auto\", \"any\", \"tool\" or \"none\"");
    }
    if (clp_read_flag(r, choice, "disable_parallel_tool_use") == 1) {
        r->c->parallel_tools = 0;
    }
}

static void read_parameters(clp_reading *r, clp_jval root)
{
    clp_conversation *c = r->c;

    c->stream = clp_read_flag(r, root, "stream") == 1;
    c->max_tokens = clp_read_count(r, root, "max_tokens");
    c->temperature = clp_read_number(r, root, "temperature");
    c->top_p = clp_read_number(r, root, "top_p");
    c->top_k = clp_read_number(r, root, "top_k");
    clp_read_texts(r, clp_read_array(r, root, "stop_sequences"), c->stop);
    c->user = clp_read_text(r, clp_read_object(r, root, "metadata"), "user_id");
    c->tier = clp_read_text(r, root, "service_tier");
    c->thread = clp_read_text(r, clp_read_object(r, root, "thread"), "type");
}

clp_problem *clp_messages_read_request(clp_conversation **out, clp_span body,
                                       const clp_intake *intake, apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p = clp_reading_begin(&r, body, intake, RECORD_DEPTH, &clp_dialect_messages, pool);
    clp_jval root;
    clp_jval messages;

    if (p) {
        return p;
    }
    root = clp_json_root(r.c->doc);
    r.c->model = clp_read_model(&r, root);
    messages = clp_read_array(&r, root, "messages");
    if (!clp_jval_ok(messages)) {
        clp_reject_member(&r, root, "messages", "an array is required");
    }
    read_parameters(&r, root);
    read_thinking(&r, root);
    read_output(&r, root);
    read_tools(&r, root);
    read_choice(&r, root);
    clp_messages_read_system(&r, clp_jval_get(root, "system"));
    if (!r.problem) {
        clp_messages_read_turns(&r, messages);
        clp_call_ids_part(r.c);
    }
    *out = r.c;
    return r.problem;
}
