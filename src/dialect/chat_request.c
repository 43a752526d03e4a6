/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat.h"

#include "call_ids.h"
#include "chat_content.h"
#include "wire/text.h"

/* The text of a part of a tool message: messages[0].content[0].text; schemas are taken raw. */
#define RECORD_DEPTH 6

static int includes_usage(clp_jval options, apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
    clp_json *j = clp_json_make(pool);

    return clp_jval_is_object(options) &&
           clp_json_scan(j, clp_jval_raw(options), &limits, NULL) == CLP_JSON_OK &&
           clp_jval_kind(clp_jval_get(clp_json_root(j), "include_usage")) == CLP_JSON_TRUE;
}

static apr_int64_t read_cap(clp_reading *r, clp_jval root)
{
    apr_int64_t old = clp_read_count(r, root, "max_tokens");
    apr_int64_t cap = clp_read_count(r, root, "max_completion_tokens");

    return cap >= 0 ? cap : old;
}

static const char *sniff_word(clp_reading *r, clp_jval root, const char *name)
{
    const char *word =
        clp_read_text(r, root, name).s.n ? clp_jval_cstr(clp_jval_get(root, name), r->pool) : NULL;
    return word && *word ? word : NULL;
}

static int says(clp_jval root, const char *name)
{
    return !clp_jval_nil(clp_jval_get(root, name));
}

clp_problem *clp_chat_sniff(clp_sniffed *out, clp_span body, const clp_intake *intake,
                            apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p;
    clp_jval root;

    memset(out, 0, sizeof(*out));
    p = clp_reading_sniff(&r, out, body, intake, &clp_dialect_chat, pool);
    if (p) {
        return p;
    }
    root = clp_json_root(out->doc);
    out->max_tokens = read_cap(&r, root);
    out->session = sniff_word(&r, root, "prompt_cache_key");
    out->user = sniff_word(&r, root, "safety_identifier");
    if (!out->user) {
        out->user = sniff_word(&r, root, "user");
    }
    out->include_usage = includes_usage(clp_read_object(&r, root, "stream_options"), pool);
    out->functions =
        (says(root, "functions") || says(root, "function_call")) && !says(root, "tools");
    return r.problem;
}

static void read_function(clp_reading *r, clp_jval v, clp_tool *t)
{
    t->kind = CLP_TOOL_FUNCTION;
    t->name = clp_read_name_needed(r, v, "name");
    t->description = clp_read_text(r, v, "description");
    t->schema = clp_read_object_raw(r, v, "parameters");
    t->strict = clp_read_flag(r, v, "strict");
}

static clp_tool *tool_add(clp_reading *r, clp_jval origin)
{
    clp_tool *t = &APR_ARRAY_PUSH(r->c->tools, clp_tool);

    memset(t, 0, sizeof(*t));
    t->origin = origin;
    t->strict = -1;
    return t;
}

static void read_tool(clp_reading *r, clp_jval v)
{
    clp_tool *t = tool_add(r, v);
    clp_jval custom;

    t->type = clp_read_name_needed(r, v, "type");
    t->cache = clp_read_object_raw(r, v, "cache_control");
    if (clp_text_is(t->type, "function")) {
        clp_jval function = clp_read_object(r, v, "function");
        if (!clp_jval_ok(function)) {
            clp_reject_member(r, v, "function", "an object is required");
        }
        read_function(r, function, t);
    }
    else if (clp_text_is(t->type, "custom")) {
        custom = clp_read_object(r, v, "custom");
        if (!clp_jval_ok(custom)) {
            clp_reject_member(r, v, "custom", "an object is required");
        }
        t->kind = CLP_TOOL_CUSTOM;
        t->name = clp_read_name_needed(r, custom, "name");
        t->description = clp_read_text(r, custom, "description");
        t->format = clp_read_object_raw(r, custom, "format");
    }
    else {
        t->kind = CLP_TOOL_SERVER;
    }
}

static void read_tools(clp_reading *r, clp_jval root)
{
    clp_jval search = clp_read_object(r, root, "web_search_options");
    clp_jval functions = clp_read_array(r, root, "functions");

    CLP_JVAL_EACH (v, clp_read_array(r, root, "tools")) {
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected a tool");
        }
        if (r->problem) {
            return;
        }
        read_tool(r, v);
    }
    CLP_JVAL_EACH (v, functions) {
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected a function");
        }
        if (r->problem) {
            return;
        }
        read_function(r, v, tool_add(r, v));
        r->c->legacy_functions = 1;
    }
    if (clp_jval_ok(search)) {
        clp_tool *t = tool_add(r, search);
        t->kind = CLP_TOOL_SERVER;
        t->type = clp_text_str("web_search_options");
        t->name = clp_text_str("web_search");
    }
}

static clp_choice choice_word(clp_jval v)
{
    if (clp_jval_str_is(v, "auto")) {
        return CLP_CHOICE_AUTO;
    }
    if (clp_jval_str_is(v, "none")) {
        return CLP_CHOICE_NONE;
    }
    return clp_jval_str_is(v, "required") ? CLP_CHOICE_ANY : CLP_CHOICE_UNSET;
}

/* The name in {"type":"function","function":{"name":…}} or its custom twin. */
static void choice_name(clp_reading *r, clp_jval tool)
{
    clp_jval type = clp_jval_get(tool, "type");
    const char *member = clp_jval_str_is(type, "custom") ? "custom" : "function";
    clp_jval inner = clp_read_object(r, tool, member);

    if (!clp_jval_ok(inner)) {
        clp_reject_member(r, tool, member, "an object is required");
        return;
    }
    APR_ARRAY_PUSH(r->c->choice_names, clp_text) = clp_read_name_needed(r, inner, "name");
}

static void read_allowed(clp_reading *r, clp_jval choice)
{
    clp_jval allowed = clp_read_object(r, choice, "allowed_tools");

    r->c->choice = choice_word(clp_jval_get(allowed, "mode"));
    if (r->c->choice != CLP_CHOICE_AUTO && r->c->choice != CLP_CHOICE_ANY) {
        clp_reject_member(r, clp_jval_ok(allowed) ? allowed : choice, "mode",
                          "expected \"auto\" or \"required\"");
    }
    CLP_JVAL_EACH (v, clp_read_array(r, allowed, "tools")) {
        if (r->problem) {
            return;
        }
        choice_name(r, v);
    }
}

static void read_choice(clp_reading *r, clp_jval root)
{
    clp_jval choice = clp_jval_get(root, "tool_choice");
    clp_jval type = clp_jval_get(choice, "type");

    if (clp_jval_nil(choice)) {
        return;
    }
    r->c->choice = choice_word(choice);
    if (r->c->choice != CLP_CHOICE_UNSET) {
        return;
    }
    if (clp_jval_str_is(type, "function") || clp_jval_str_is(type, "custom")) {
        r->c->choice = CLP_CHOICE_TOOL;
        choice_name(r, choice);
    }
    else if (clp_jval_str_is(type, "allowed_tools")) {
        read_allowed(r, choice);
    }
    else {
        clp_reject(r, choice, "this choice of tools is not known");
    }
}

static void read_era_choice(clp_reading *r, clp_jval root)
{
    clp_jval choice = clp_jval_get(root, "function_call");

    if (clp_jval_nil(choice)) {
        return;
    }
    r->c->legacy_functions = 1;
    r->c->choice = choice_word(choice);
    if (clp_jval_is_object(choice)) {
        r->c->choice = CLP_CHOICE_TOOL;
        APR_ARRAY_PUSH(r->c->choice_names, clp_text) = clp_read_name_needed(r, choice, "name");
    }
    else if (r->c->choice == CLP_CHOICE_UNSET) {
        clp_reject(r, choice, "expected \"auto\", \"none\" or an object");
    }
}

static void read_stop(clp_reading *r, clp_jval root)
{
    clp_jval stop = clp_jval_get(root, "stop");

    if (clp_jval_is_string(stop)) {
        APR_ARRAY_PUSH(r->c->stop, clp_text) = clp_jval_text(stop);
    }
    else if (clp_jval_is_array(stop)) {
        clp_read_texts(r, stop, r->c->stop);
    }
    else if (!clp_jval_nil(stop)) {
        clp_reject(r, stop, "expected a string or an array");
    }
}

static void read_format(clp_reading *r, clp_jval root)
{
    clp_jval format = clp_read_object(r, root, "response_format");
    clp_jval type = clp_jval_get(format, "type");
    clp_jval schema;

    if (!clp_jval_ok(format)) {
        return;
    }
    if (clp_jval_str_is(type, "text")) {
        r->c->format = CLP_FORMAT_TEXT;
    }
    else if (clp_jval_str_is(type, "json_object")) {
        r->c->format = CLP_FORMAT_JSON;
    }
    else if (clp_jval_str_is(type, "json_schema")) {
        schema = clp_read_object(r, format, "json_schema");
        r->c->format = CLP_FORMAT_JSON_SCHEMA;
        r->c->format_name = clp_read_text(r, schema, "name");
        r->c->format_description = clp_read_text(r, schema, "description");
        r->c->format_strict = clp_read_flag(r, schema, "strict");
        r->c->format_schema = clp_read_object_raw(r, schema, "schema");
        if (!r->c->format_schema.p) {
            clp_reject_member(r, clp_jval_ok(schema) ? schema : format, "schema",
                              "an object is required");
        }
    }
    else {
        clp_reject_member(r, format, "type", "this format is not known");
    }
}

static void read_reasoning(clp_reading *r, clp_jval root)
{
    clp_text effort = clp_read_text(r, root, "reasoning_effort");

    if (!effort.s.p) {
        return;
    }
    r->c->reasoning.effort = clp_effort_parse(effort);
    r->c->reasoning.mode =
        r->c->reasoning.effort == CLP_EFFORT_NONE ? CLP_THINKING_OFF : CLP_THINKING_ON;
    if (r->c->reasoning.effort == CLP_EFFORT_UNSET) {
        clp_reject_member(r, root, "reasoning_effort", "this effort is not known");
    }
}

static void read_modalities(clp_reading *r, clp_jval root)
{
    CLP_JVAL_EACH (v, clp_read_array(r, root, "modalities")) {
        if (!clp_jval_str_is(v, "text")) {
            clp_reject(r, v, "only answers in text can be converted");
        }
    }
}

static clp_span raw_member(clp_jval root, const char *name)
{
    clp_jval v = clp_jval_get(root, name);
    return clp_jval_nil(v) ? clp_span_of(NULL, 0) : clp_jval_raw(v);
}

static void read_parameters(clp_reading *r, clp_jval root)
{
    clp_conversation *c = r->c;
    clp_jval options = clp_read_object(r, root, "stream_options");
    apr_int64_t n = clp_read_count(r, root, "n");

    c->n = n < 0 ? 1 : n;
    c->stream = clp_read_flag(r, root, "stream") == 1;
    c->max_tokens = read_cap(r, root);
    c->temperature = clp_read_number(r, root, "temperature");
    c->top_p = clp_read_number(r, root, "top_p");
    c->seed = clp_read_number(r, root, "seed");
    c->presence_penalty = clp_read_number(r, root, "presence_penalty");
    c->frequency_penalty = clp_read_number(r, root, "frequency_penalty");
    c->logit_bias = clp_read_object_raw(r, root, "logit_bias");
    clp_read_flag(r, root, "logprobs");
    c->logprobs = raw_member(root, "logprobs");
    c->top_logprobs = clp_read_number(r, root, "top_logprobs");
    c->parallel_tools = clp_read_flag(r, root, "parallel_tool_calls");
    c->user = clp_read_text(r, root, "safety_identifier");
    if (!c->user.s.n) {
        c->user = clp_read_text(r, root, "user");
    }
    c->cache_key = clp_read_text(r, root, "prompt_cache_key");
    c->tier = clp_read_text(r, root, "service_tier");
    c->verbosity = clp_read_text(r, root, "verbosity");
    c->metadata = clp_read_object_raw(r, root, "metadata");
    c->include_usage = clp_read_flag(r, options, "include_usage") == 1;
    c->obfuscation = clp_read_flag(r, options, "include_obfuscation");
}

clp_problem *clp_chat_read_request(clp_conversation **out, clp_span body, const clp_intake *intake,
                                   apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p = clp_reading_begin(&r, body, intake, RECORD_DEPTH, &clp_dialect_chat, pool);
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
    read_modalities(&r, root);
    read_stop(&r, root);
    read_reasoning(&r, root);
    read_format(&r, root);
    read_tools(&r, root);
    read_choice(&r, root);
    read_era_choice(&r, root);
    if (!r.problem) {
        clp_chat_read_turns(&r, messages);
        clp_call_ids_part(r.c);
    }
    *out = r.c;
    return r.problem;
}
