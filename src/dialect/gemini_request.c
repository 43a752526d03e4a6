/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini.h"

#include <apr_strings.h>

#include "call_ids.h"
#include "gemini_content.h"
#include "gemini_names.h"
#include "gemini_schema.h"
#include "wire/text.h"

/* A picture in a response, in a request for a count:
 * generateContentRequest.contents.0.parts.0.functionResponse.parts.0.inlineData.data */
#define RECORD_DEPTH 10

/* --- sniff -------------------------------------------------------------------- */

/* "models/gemini-…" is the same as the name alone. */
static const char *bare(const char *model)
{
    while (strncmp(model, "models/", 7) == 0) {
        model += 7;
    }
    return model;
}

clp_problem *clp_gemini_sniff(clp_sniffed *out, clp_span body, const clp_intake *intake,
                              apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p;
    clp_jval root;

    memset(out, 0, sizeof(*out));
    memset(&r, 0, sizeof(r));
    r.pool = pool;
    r.style = clp_dialect_gemini.path_style;
    p = clp_request_scan(&out->doc, body, intake, 1, pool);
    if (p) {
        return p;
    }
    root = clp_json_root(out->doc);
    out->max_tokens = -1;
    out->stream = intake->stream > 0;
    out->array = intake->stream == CLP_STREAM_ARRAY;
    out->model = intake->model ? bare(intake->model) : NULL;
    if (!out->model && clp_jval_ok(clp_read_object(&r, root, "generateContentRequest"))) {
        return r.problem;
    }
    if (!out->model && !clp_jval_nil(clp_jval_get(root, "model"))) {
        out->model = clp_read_model(&r, root);
        out->model = out->model ? bare(out->model) : NULL;
    }
    if (clp_jval_has_duplicate(root, "contents")) {
        clp_reject_member(&r, root, "contents", "must not stand more than once");
    }
    return r.problem;
}

/* --- tools ----------------------------------------------------------------------- */

static clp_tool *tool_add(clp_reading *r, clp_jval origin)
{
    clp_tool *t = &APR_ARRAY_PUSH(r->c->tools, clp_tool);

    memset(t, 0, sizeof(*t));
    t->origin = origin;
    t->strict = -1;
    return t;
}

static void read_function(clp_reading *r, clp_jval v)
{
    clp_tool *t = tool_add(r, v);
    clp_span schema;

    t->kind = CLP_TOOL_FUNCTION;
    t->name = clp_read_name_needed(r, v, "name");
    t->description = clp_read_text(r, v, "description");
    t->schema = clp_read_object_raw(r, v, clp_gemini_name(v, "parametersJsonSchema", r->pool));
    schema = clp_read_object_raw(r, v, "parameters");
    if (!t->schema.p && schema.p) {
        t->schema = clp_gemini_schema_open(schema, r->pool);
    }
}

/* Tools that Google runs: the member's name is the tool's. */
static void read_server_tool(clp_reading *r, clp_jval member)
{
    clp_tool *t = tool_add(r, member);
    int search = clp_gemini_named(member, "googleSearch") ||
                 clp_gemini_named(member, "googleSearchRetrieval");

    t->kind = CLP_TOOL_SERVER;
    t->type = search ? clp_text_str("web_search") : clp_jval_name(member);
    t->name = clp_jval_name(member);
}

static void read_tool(clp_reading *r, clp_jval v)
{
    CLP_JVAL_EACH (member, v) {
        if (r->problem) {
            return;
        }
        if (!clp_gemini_named(member, "functionDeclarations")) {
            if (!clp_jval_nil(member)) {
                read_server_tool(r, member);
            }
            continue;
        }
        if (!clp_jval_is_array(member) && !clp_jval_nil(member)) {
            clp_reject(r, member, "expected an array");
        }
        CLP_JVAL_EACH (function, member) {
            if (!clp_jval_is_object(function)) {
                clp_reject(r, function, "expected a function");
            }
            if (r->problem) {
                return;
            }
            read_function(r, function);
        }
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
}

static int word_is(clp_text word, const char *upper, apr_pool_t *pool)
{
    return word.s.n && strcasecmp(clp_text_cstr(word, pool), upper) == 0;
}

static void read_choice(clp_reading *r, clp_jval root)
{
    clp_jval config = clp_read_object(r, root, clp_gemini_name(root, "toolConfig", r->pool));
    clp_jval calling =
        clp_read_object(r, config, clp_gemini_name(config, "functionCallingConfig", r->pool));
    clp_text mode = clp_read_text(r, calling, "mode");

    if (word_is(mode, "AUTO", r->pool) || word_is(mode, "VALIDATED", r->pool)) {
        r->c->choice = CLP_CHOICE_AUTO;
    }
    else if (word_is(mode, "ANY", r->pool)) {
        r->c->choice = CLP_CHOICE_ANY;
    }
    else if (word_is(mode, "NONE", r->pool)) {
        r->c->choice = CLP_CHOICE_NONE;
    }
    else if (mode.s.n && !word_is(mode, "MODE_UNSPECIFIED", r->pool)) {
        clp_reject_member(r, calling, "mode", "this choice of functions is not known");
    }
    clp_read_texts(
        r, clp_read_array(r, calling, clp_gemini_name(calling, "allowedFunctionNames", r->pool)),
        r->c->choice_names);
    if (r->c->choice == CLP_CHOICE_ANY && r->c->choice_names->nelts == 1) {
        r->c->choice = CLP_CHOICE_TOOL;
    }
}

/* --- generationConfig ------------------------------------------------------------------ */

static clp_span number(clp_reading *r, clp_jval config, const char *camel)
{
    return clp_read_number(r, config, clp_gemini_name(config, camel, r->pool));
}

static void read_format(clp_reading *r, clp_jval config)
{
    const char *json_name = clp_gemini_name(config, "responseJsonSchema", r->pool);
    const char *name = clp_gemini_name(config, "responseSchema", r->pool);
    const char *mime_name = clp_gemini_name(config, "responseMimeType", r->pool);
    clp_text mime = clp_read_text(r, config, mime_name);
    clp_span schema = clp_read_object_raw(r, config, json_name);

    if (!schema.p) {
        schema = clp_read_object_raw(r, config, name);
    }
    if (clp_text_is(mime, "text/x.enum")) {
        clp_reject_member(r, config, mime_name, "this format cannot be converted");
    }
    else if (schema.p) {
        r->c->format = CLP_FORMAT_JSON_SCHEMA;
        r->c->format_schema = clp_gemini_schema_open(schema, r->pool);
    }
    else if (clp_text_is(mime, "application/json")) {
        r->c->format = CLP_FORMAT_JSON;
    }
    else if (clp_text_is(mime, "text/plain")) {
        r->c->format = CLP_FORMAT_TEXT;
    }
    else if (mime.s.n) {
        clp_reject_member(r, config, mime_name, "this format is not known");
    }
}

static void read_budget(clp_reading *r, clp_jval thinking)
{
    const char *name = clp_gemini_name(thinking, "thinkingBudget", r->pool);
    clp_jval v = clp_jval_get(thinking, name);
    clp_reasoning *to = &r->c->reasoning;

    if (clp_jval_nil(v)) {
        return;
    }
    if (!clp_jval_int(v, &to->budget) || to->budget < -1) {
        clp_reject(r, v, "expected an integer of at least -1");
        return;
    }
    to->mode = to->budget == 0    ? CLP_THINKING_OFF
               : to->budget == -1 ? CLP_THINKING_ADAPTIVE
                                  : CLP_THINKING_ON;
}

static void read_level(clp_reading *r, clp_jval thinking)
{
    const char *name = clp_gemini_name(thinking, "thinkingLevel", r->pool);
    clp_text level = clp_read_text(r, thinking, name);
    clp_reasoning *to = &r->c->reasoning;

    if (!level.s.n || word_is(level, "THINKING_LEVEL_UNSPECIFIED", r->pool)) {
        return;
    }
    to->effort = word_is(level, "MINIMAL", r->pool)  ? CLP_EFFORT_MINIMAL
                 : word_is(level, "LOW", r->pool)    ? CLP_EFFORT_LOW
                 : word_is(level, "MEDIUM", r->pool) ? CLP_EFFORT_MEDIUM
                 : word_is(level, "HIGH", r->pool)   ? CLP_EFFORT_HIGH
                                                     : CLP_EFFORT_UNSET;
    to->mode = CLP_THINKING_ON;
    if (to->effort == CLP_EFFORT_UNSET) {
        clp_reject_member(r, thinking, name, "this level is not known");
    }
}

static void read_thinking(clp_reading *r, clp_jval config)
{
    clp_jval thinking =
        clp_read_object(r, config, clp_gemini_name(config, "thinkingConfig", r->pool));

    r->c->reasoning.show =
        clp_read_flag(r, thinking, clp_gemini_name(thinking, "includeThoughts", r->pool)) == 1;
    read_budget(r, thinking);
    read_level(r, thinking);
    if (r->c->reasoning.show && r->c->reasoning.mode == CLP_THINKING_UNSET) {
        r->c->reasoning.mode = CLP_THINKING_ADAPTIVE;
    }
}

static void read_modalities(clp_reading *r, clp_jval config)
{
    CLP_JVAL_EACH (
        v, clp_read_array(r, config, clp_gemini_name(config, "responseModalities", r->pool))) {
        if (!clp_jval_is_string(v) || !word_is(clp_jval_text(v), "TEXT", r->pool)) {
            clp_reject(r, v, "only answers in text can be converted");
        }
    }
}

static void read_config(clp_reading *r, clp_jval root)
{
    clp_jval config = clp_read_object(r, root, clp_gemini_name(root, "generationConfig", r->pool));
    const char *count = clp_gemini_name(config, "candidateCount", r->pool);
    clp_conversation *c = r->c;

    if (clp_read_count(r, config, count) > 1) {
        clp_reject_member(r, config, count, "this model gives one answer at a time");
    }
    c->max_tokens = clp_read_count(r, config, clp_gemini_name(config, "maxOutputTokens", r->pool));
    c->temperature = number(r, config, "temperature");
    c->top_p = number(r, config, "topP");
    c->top_k = number(r, config, "topK");
    c->seed = number(r, config, "seed");
    c->presence_penalty = number(r, config, "presencePenalty");
    c->frequency_penalty = number(r, config, "frequencyPenalty");
    if (clp_read_flag(r, config, clp_gemini_name(config, "responseLogprobs", r->pool)) == 1) {
        c->logprobs = CLP_SPAN_LIT("true");
        c->top_logprobs = number(r, config, "logprobs");
    }
    clp_read_texts(r, clp_read_array(r, config, clp_gemini_name(config, "stopSequences", r->pool)),
                   c->stop);
    read_modalities(r, config);
    read_format(r, config);
    read_thinking(r, config);
}

/* --- the request -------------------------------------------------------------------------- */

/* What is to be counted may be a whole request inside the request. */
static clp_jval look_inside(clp_reading *r, clp_jval root)
{
    clp_jval inner =
        clp_read_object(r, root, clp_gemini_name(root, "generateContentRequest", r->pool));
    return clp_jval_ok(inner) ? inner : root;
}

static void read_model(clp_reading *r, clp_jval root, const clp_intake *intake)
{
    const char *model = intake->model ? intake->model : clp_read_model(r, root);
    r->c->model = model ? bare(model) : NULL;
}

clp_problem *clp_gemini_read_request(clp_conversation **out, clp_span body,
                                     const clp_intake *intake, apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p = clp_reading_begin(&r, body, intake, RECORD_DEPTH, &clp_dialect_gemini, pool);
    clp_jval root;
    clp_jval contents;
    const char *cached;

    if (p) {
        return p;
    }
    root = look_inside(&r, clp_json_root(r.c->doc));
    read_model(&r, root, intake);
    r.c->stream = intake->stream > 0;
    contents = clp_jval_get(root, "contents");
    if (clp_jval_nil(contents)) {
        clp_reject_member(&r, root, "contents", "is required");
    }
    cached = clp_gemini_name(root, "cachedContent", pool);
    if (!clp_jval_nil(clp_jval_get(root, cached))) {
        clp_reject_member(&r, root, cached,
                          "content that is cached at Google is not there for this model");
    }
    read_config(&r, root);
    read_tools(&r, root);
    read_choice(&r, root);
    clp_gemini_read_system(&r,
                           clp_jval_get(root, clp_gemini_name(root, "systemInstruction", pool)));
    if (!r.problem) {
        clp_gemini_read_turns(&r, contents, intake->envelope_key);
        clp_call_ids_part(r.c);
    }
    *out = r.c;
    return r.problem;
}
