/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses.h"

#include "call_ids.h"
#include "responses_content.h"
#include "texts.h"
#include "wire/text.h"

/* A tool in a namespace that a search found: input[0].tools[0].tools[0].name; schemas are raw. */
#define RECORD_DEPTH 7

static const char *sniff_word(clp_reading *r, clp_jval root, const char *name)
{
    const char *word =
        clp_read_text(r, root, name).s.n ? clp_jval_cstr(clp_jval_get(root, name), r->pool) : NULL;
    return word && *word ? word : NULL;
}

clp_problem *clp_responses_sniff(clp_sniffed *out, clp_span body, const clp_intake *intake,
                                 apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p;
    clp_jval root;

    memset(out, 0, sizeof(*out));
    p = clp_reading_sniff(&r, out, body, intake, &clp_dialect_responses, pool);
    if (p) {
        return p;
    }
    root = clp_json_root(out->doc);
    if (clp_jval_has_duplicate(root, "input")) {
        clp_reject_member(&r, root, "input", "must not stand more than once");
    }
    out->max_tokens = clp_read_count(&r, root, "max_output_tokens");
    out->session = sniff_word(&r, root, "prompt_cache_key");
    out->user = sniff_word(&r, root, "safety_identifier");
    if (!out->user) {
        out->user = sniff_word(&r, root, "user");
    }
    out->previous_response = sniff_word(&r, root, "previous_response_id");
    out->store = clp_read_flag(&r, root, "store");
    out->background = clp_read_flag(&r, root, "background") == 1;
    return r.problem;
}

/* --- tool_choice ----------------------------------------------------------------- */

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

/* Tools without a name of their own are called by their type. */
static void choice_name(clp_reading *r, clp_jval tool)
{
    clp_text type = clp_read_name_needed(r, tool, "type");
    clp_text name = clp_read_text(r, tool, "name");

    if (!r->problem && !clp_responses_knows_tool(r, type)) {
        clp_reject(r, tool, "this choice of tools is not known");
        return;
    }
    if (clp_text_is(type, "function") || clp_text_is(type, "custom")) {
        name = clp_responses_qualified(r, clp_read_text(r, tool, "namespace"),
                                       clp_read_name_needed(r, tool, "name"));
    }
    APR_ARRAY_PUSH(r->c->choice_names, clp_text) = name.s.n ? name : type;
}

static void read_allowed(clp_reading *r, clp_jval choice)
{
    r->c->choice = choice_word(clp_jval_get(choice, "mode"));
    if (r->c->choice != CLP_CHOICE_AUTO && r->c->choice != CLP_CHOICE_ANY) {
        clp_reject_member(r, choice, "mode", "expected \"auto\" or \"required\"");
    }
    CLP_JVAL_EACH (v, clp_read_array(r, choice, "tools")) {
        if (r->problem) {
            return;
        }
        choice_name(r, v);
    }
}

static void read_choice(clp_reading *r, clp_jval root)
{
    clp_jval choice = clp_jval_get(root, "tool_choice");

    if (clp_jval_nil(choice)) {
        return;
    }
    r->c->choice = choice_word(choice);
    if (r->c->choice != CLP_CHOICE_UNSET) {
        return;
    }
    if (!clp_jval_is_object(choice)) {
        clp_reject(r, choice, "this choice of tools is not known");
    }
    else if (clp_jval_str_is(clp_jval_get(choice, "type"), "allowed_tools")) {
        read_allowed(r, choice);
    }
    else {
        r->c->choice = CLP_CHOICE_TOOL;
        choice_name(r, choice);
    }
}

/* --- parameters ------------------------------------------------------------------- */

static void read_reasoning(clp_reading *r, clp_jval root)
{
    clp_jval reasoning = clp_read_object(r, root, "reasoning");
    clp_text effort = clp_read_text(r, reasoning, "effort");
    clp_text summary = clp_read_text(r, reasoning, "summary");
    clp_reasoning *to = &r->c->reasoning;

    if (!summary.s.p) {
        summary = clp_read_text(r, reasoning, "generate_summary");
    }
    if (summary.s.p) {
        to->show = !clp_text_is(summary, "none");
    }
    if (!effort.s.p) {
        return;
    }
    to->effort = clp_effort_parse(effort);
    to->mode = to->effort == CLP_EFFORT_NONE ? CLP_THINKING_OFF : CLP_THINKING_ON;
    if (to->effort == CLP_EFFORT_UNSET) {
        clp_reject_member(r, reasoning, "effort", "this effort is not known");
    }
}

static void read_format(clp_reading *r, clp_jval text)
{
    clp_jval format = clp_read_object(r, text, "format");
    clp_jval type = clp_jval_get(format, "type");

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
        r->c->format = CLP_FORMAT_JSON_SCHEMA;
        r->c->format_name = clp_read_text(r, format, "name");
        r->c->format_description = clp_read_text(r, format, "description");
        r->c->format_strict = clp_read_flag(r, format, "strict");
        r->c->format_schema = clp_read_object_raw(r, format, "schema");
        if (!r->c->format_schema.p) {
            clp_reject_member(r, format, "schema", "an object is required");
        }
    }
    else {
        clp_reject_member(r, format, "type", "this format is not known");
    }
}

static void read_parameters(clp_reading *r, clp_jval root)
{
    clp_conversation *c = r->c;
    clp_jval text = clp_read_object(r, root, "text");

    c->stream = clp_read_flag(r, root, "stream") == 1;
    c->max_tokens = clp_read_count(r, root, "max_output_tokens");
    c->temperature = clp_read_number(r, root, "temperature");
    c->top_p = clp_read_number(r, root, "top_p");
    c->parallel_tools = clp_read_flag(r, root, "parallel_tool_calls");
    c->user = clp_read_text(r, root, "safety_identifier");
    if (!c->user.s.n) {
        c->user = clp_read_text(r, root, "user");
    }
    c->cache_key = clp_read_text(r, root, "prompt_cache_key");
    c->tier = clp_read_text(r, root, "service_tier");
    c->verbosity = clp_read_text(r, text, "verbosity");
    c->metadata = clp_read_object_raw(r, root, "metadata");
    read_format(r, text);
    read_reasoning(r, root);
}

static void read_instructions(clp_reading *r, clp_jval root)
{
    clp_jval v = clp_jval_get(root, "instructions");
    clp_text text = clp_read_text(r, root, "instructions");

    if (text.s.n) {
        clp_block_append(&r->c->system, r->pool, CLP_BLOCK_TEXT, v)->text = text;
    }
}

/* What only the provider that holds the state can do. */
static void refuse_state(clp_reading *r, clp_jval root)
{
    static const char *const members[] = {"conversation", "prompt"};

    for (apr_size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (!clp_jval_nil(clp_jval_get(root, members[i]))) {
            clp_reject_member(r, root, members[i], "is not available with this model");
        }
    }
    if (clp_read_flag(r, root, "background") == 1) {
        clp_reject_member(r, root, "background", "is not available with this model");
    }
    if (clp_read_text(r, root, "previous_response_id").s.n && !r->problem) {
        clp_reject_member(r, root, "previous_response_id",
                          "no response of this id is known to this model");
        r->problem->code = "previous_response_not_found";
    }
}

clp_problem *clp_responses_read_request(clp_conversation **out, clp_span body,
                                        const clp_intake *intake, apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p =
        clp_reading_begin(&r, body, intake, RECORD_DEPTH, &clp_dialect_responses, pool);
    clp_jval root;

    if (p) {
        return p;
    }
    root = clp_json_root(r.c->doc);
    r.c->model = clp_read_model(&r, root);
    refuse_state(&r, root);
    read_parameters(&r, root);
    clp_responses_read_tools(&r, clp_read_array(&r, root, "tools"), 0);
    read_choice(&r, root);
    read_instructions(&r, root);
    if (!r.problem) {
        clp_responses_read_input(&r, root);
        clp_call_ids_part(r.c);
    }
    *out = r.c;
    return r.problem;
}
