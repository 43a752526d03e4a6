/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses.h"

#include "builtin_tools.h"
#include "models.h"
#include "reasoning.h"
#include "responses_write.h"
#include "schema.h"
#include "wire/text.h"

/* The least cap that is taken. */
#define CAP_MIN 16

/* Name of a format whose client gave none. */
#define FORMAT_NAME "output"

static int knows_builtin(const clp_tool *tool)
{
    return clp_builtin_tool_find(tool) != NULL;
}

static const clp_writing_rules rules = {
    .dialect = &clp_dialect_responses,
    .name_max = CLP_TOOL_NAME_RESPONSES,
    .id_max = CLP_TOOL_ID_RESPONSES,
    .filter_tools = 0,
    .refusal_is_text = 0,
    .searches_web = 1,
    .limits_search = 1,
    .knows_builtin = knows_builtin,
};

static unsigned native(const clp_writing *w)
{
    return CLP_NATIVE_JSON | (w->target->traits->json_schema ? CLP_NATIVE_JSON_SCHEMA : 0);
}

static void write_instructions(clp_writing *w)
{
    apr_array_header_t *texts = clp_writing_instructions(w);
    clp_text wish[2];
    int wishes = clp_writing_json_wish(w, native(w), wish);
    clp_jw *jw = &w->jw;

    if (!texts->nelts && !wishes) {
        return;
    }
    clp_jw_key(jw, "instructions");
    clp_jw_text_open(jw);
    for (int i = 0; i < texts->nelts; i++) {
        clp_jw_text_part(jw, clp_text_str(i ? "\n\n" : ""));
        clp_jw_text_part(jw, APR_ARRAY_IDX(texts, i, clp_text));
    }
    for (int i = 0; i < wishes; i++) {
        clp_jw_text_part(jw, clp_text_str(!i && texts->nelts ? "\n\n" : ""));
        clp_jw_text_part(jw, wish[i]);
    }
    clp_jw_text_close(jw);
}

/* Chat nests the grammar, Responses does not. */
static void write_grammar(clp_writing *w, const clp_tool *t)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_json *j;
    clp_jval grammar;

    if (!t->format.p) {
        return;
    }
    j = clp_json_make(w->pool);
    if (clp_json_scan(j, t->format, &limits, NULL) != CLP_JSON_OK) {
        return;
    }
    grammar = clp_jval_get(clp_json_root(j), "grammar");
    clp_jw_key(&w->jw, "format");
    if (!clp_jval_is_object(grammar)) {
        clp_jw_raw(&w->jw, t->format);
        return;
    }
    clp_jw_object(&w->jw);
    clp_jw_kstr(&w->jw, "type", "grammar");
    clp_jw_ktext(&w->jw, "syntax", clp_jval_text(clp_jval_get(grammar, "syntax")));
    clp_jw_ktext(&w->jw, "definition", clp_jval_text(clp_jval_get(grammar, "definition")));
    clp_jw_end_object(&w->jw);
}

static void write_tool(clp_writing *w, const clp_tool *t)
{
    const clp_builtin_tool *known = t->kind == CLP_TOOL_BUILTIN ? clp_builtin_tool_find(t) : NULL;
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", t->kind == CLP_TOOL_CUSTOM ? "custom" : "function");
    clp_jw_kstr(jw, "name", clp_tool_names_fit(w->names, t->name));
    if (known) {
        clp_jw_kstr(jw, "description", known->description);
    }
    else if (t->description.s.n) {
        clp_jw_ktext(jw, "description", t->description);
    }
    if (t->kind == CLP_TOOL_CUSTOM) {
        write_grammar(w, t);
    }
    else {
        clp_jw_key(jw, "parameters");
        if (known) {
            clp_jw_raw(jw, clp_span_str(known->schema));
        }
        else {
            clp_schema_write(jw, t->schema);
        }
        clp_jw_kbool(jw, "strict", t->strict == 1);
    }
    clp_jw_end_object(jw);
}

static int is_custom(const clp_writing *w, clp_text name)
{
    const char *plain = clp_text_cstr(name, w->pool);
    for (int i = 0; i < w->tools->nelts; i++) {
        const clp_tool *t = APR_ARRAY_IDX(w->tools, i, const clp_tool *);
        if (clp_text_is(t->name, plain)) {
            return t->kind == CLP_TOOL_CUSTOM;
        }
    }
    return 0;
}

static void write_chosen(clp_writing *w, clp_text name)
{
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", is_custom(w, name) ? "custom" : "function");
    clp_jw_kstr(jw, "name", clp_tool_names_fit(w->names, name));
    clp_jw_end_object(jw);
}

static void write_allowed(clp_writing *w, const char *mode)
{
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "allowed_tools");
    clp_jw_kstr(jw, "mode", mode);
    clp_jw_key(jw, "tools");
    clp_jw_array(jw);
    for (int i = 0; i < w->c->choice_names->nelts; i++) {
        write_chosen(w, APR_ARRAY_IDX(w->c->choice_names, i, clp_text));
    }
    clp_jw_end_array(jw);
    clp_jw_end_object(jw);
}

static void write_choice(clp_writing *w)
{
    static const char *const words[] = {
        [CLP_CHOICE_UNSET] = NULL,  [CLP_CHOICE_AUTO] = "auto", [CLP_CHOICE_ANY] = "required",
        [CLP_CHOICE_TOOL] = "auto", [CLP_CHOICE_NONE] = "none",
    };
    clp_choice choice = clp_writing_choice(w);

    if (choice == CLP_CHOICE_UNSET) {
        return;
    }
    clp_jw_key(&w->jw, "tool_choice");
    if (choice == CLP_CHOICE_TOOL) {
        write_chosen(w, APR_ARRAY_IDX(w->c->choice_names, 0, clp_text));
    }
    else if (w->c->choice == choice && w->c->choice_names->nelts) {
        write_allowed(w, words[choice]);
    }
    else {
        clp_jw_str(&w->jw, words[choice]);
    }
}

static void write_search(clp_writing *w)
{
    const clp_web_search *s = &w->search;
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "web_search");
    if (clp_jval_ok(s->allowed) || clp_jval_ok(s->blocked)) {
        clp_jw_key(jw, "filters");
        clp_jw_object(jw);
        clp_web_search_write_domains(jw, s);
        clp_jw_end_object(jw);
    }
    if (s->context_size.s.n) {
        clp_jw_ktext(jw, "search_context_size", s->context_size);
    }
    clp_web_search_write_location(jw, s, 0);
    clp_jw_end_object(jw);
}

static void write_tools(clp_writing *w)
{
    clp_jw *jw = &w->jw;

    if (!w->tools->nelts && !w->web_search) {
        return;
    }
    clp_jw_key(jw, "tools");
    clp_jw_array(jw);
    for (int i = 0; i < w->tools->nelts; i++) {
        write_tool(w, APR_ARRAY_IDX(w->tools, i, const clp_tool *));
    }
    if (w->web_search) {
        write_search(w);
    }
    clp_jw_end_array(jw);
    if (w->tools->nelts) {
        write_choice(w);
        if (w->c->parallel_tools >= 0) {
            clp_jw_kbool(jw, "parallel_tool_calls", w->c->parallel_tools);
        }
    }
}

/* Is anything of the model's thinking wanted for show? */
static int wants_summary(const clp_reasoning *r)
{
    if (r->show >= 0) {
        return r->show;
    }
    return r->mode == CLP_THINKING_ON || r->mode == CLP_THINKING_ADAPTIVE;
}

static void write_reasoning(clp_writing *w)
{
    const char *effort = clp_reasoning_chat(&w->c->reasoning, w->takes);
    int summary = (w->takes & CLP_MODEL_REASONS) && w->c->reasoning.mode != CLP_THINKING_OFF &&
                  wants_summary(&w->c->reasoning);
    clp_jw *jw = &w->jw;

    if (!effort && !summary) {
        return;
    }
    clp_jw_key(jw, "reasoning");
    clp_jw_object(jw);
    if (effort) {
        clp_jw_kstr(jw, "effort", effort);
    }
    if (summary) {
        clp_jw_kstr(jw, "summary", "auto");
    }
    clp_jw_end_object(jw);
}

static void write_schema(clp_writing *w)
{
    const clp_conversation *c = w->c;
    clp_jw *jw = &w->jw;

    clp_jw_ktext(jw, "name", c->format_name.s.n ? c->format_name : clp_text_str(FORMAT_NAME));
    if (c->format_description.s.n) {
        clp_jw_ktext(jw, "description", c->format_description);
    }
    clp_jw_kraw(jw, "schema", c->format_schema);
    clp_jw_kbool(jw, "strict",
                 c->format_strict >= 0 ? c->format_strict
                                       : clp_schema_is_strict(c->format_schema, w->pool));
}

static void write_text_member(clp_writing *w)
{
    int schema = w->c->format == CLP_FORMAT_JSON_SCHEMA && (native(w) & CLP_NATIVE_JSON_SCHEMA);
    int json = w->c->format == CLP_FORMAT_JSON || w->c->format == CLP_FORMAT_JSON_SCHEMA;
    clp_jw *jw = &w->jw;

    if (!json && !w->c->verbosity.s.n) {
        return;
    }
    clp_jw_key(jw, "text");
    clp_jw_object(jw);
    if (json) {
        clp_jw_key(jw, "format");
        clp_jw_object(jw);
        clp_jw_kstr(jw, "type", schema ? "json_schema" : "json_object");
        if (schema) {
            write_schema(w);
        }
        clp_jw_end_object(jw);
    }
    if (w->c->verbosity.s.n) {
        clp_jw_ktext(jw, "verbosity", w->c->verbosity);
    }
    clp_jw_end_object(jw);
}

static void write_parameters(clp_writing *w)
{
    const clp_conversation *c = w->c;

    if (c->max_tokens >= 0) {
        clp_jw_kint(&w->jw, "max_output_tokens", c->max_tokens < CAP_MIN ? CAP_MIN : c->max_tokens);
    }
    if (!(w->takes & CLP_MODEL_NO_SAMPLING)) {
        clp_writing_number(w, "temperature", c->temperature);
        clp_writing_number(w, "top_p", c->top_p);
    }
}

static void write_storage(clp_writing *w)
{
    clp_jw_kbool(&w->jw, "store", 0);
    if (w->takes & CLP_MODEL_REASONS) {
        clp_jw_kraw(&w->jw, "include", CLP_SPAN_LIT("[\"reasoning.encrypted_content\"]"));
    }
}

static void write_tier(clp_writing *w)
{
    clp_text tier = w->c->tier;

    if (!tier.s.n) {
        return;
    }
    if (w->c->dialect == &clp_dialect_messages) {
        clp_jw_kstr(&w->jw, "service_tier",
                    clp_text_is(tier, "standard_only") ? "default" : "auto");
    }
    else {
        clp_jw_ktext(&w->jw, "service_tier", tier);
    }
}

static void write_identity(clp_writing *w)
{
    clp_text user = clp_writing_user(w);
    clp_text key = w->c->cache_key.s.n ? w->c->cache_key : user;

    if (user.s.n) {
        clp_jw_ktext(&w->jw, "safety_identifier", user);
    }
    if (key.s.n) {
        clp_jw_ktext(&w->jw, "prompt_cache_key", key);
    }
}

clp_problem *clp_responses_write_request(const clp_conversation *c, const clp_target *target,
                                         clp_buffer *out, apr_table_t **names, apr_pool_t *pool)
{
    clp_writing w;
    clp_problem *p = clp_writing_begin(&w, c, target, &rules, out, pool);

    *names = NULL;
    if (!p && !w.complete && c->n > 1) {
        p = clp_problem_at(pool, CLP_BAD_REQUEST, "n", "this model gives one answer at a time");
    }
    if (p || w.complete) {
        return p;
    }
    clp_jw_object(&w.jw);
    clp_jw_kstr(&w.jw, "model", target->model);
    write_instructions(&w);
    write_tools(&w);
    clp_responses_write_input(&w);
    if (!target->counting) {
        write_parameters(&w);
    }
    write_reasoning(&w);
    write_text_member(&w);
    if (!target->counting) {
        write_storage(&w);
        write_tier(&w);
        write_identity(&w);
        clp_writing_number(&w, "metadata", c->metadata);
        if (c->stream) {
            clp_jw_kbool(&w.jw, "stream", 1);
        }
    }
    clp_jw_end_object(&w.jw);
    *names = clp_tool_names_changed(w.names);
    return w.problem;
}
