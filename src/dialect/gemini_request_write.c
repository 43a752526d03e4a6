/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini.h"

#include <apr_strings.h>

#include "builtin_tools.h"
#include "gemini_schema.h"
#include "gemini_write.h"
#include "models.h"
#include "reasoning.h"
#include "schema.h"
#include "texts.h"
#include "wire/log.h"
#include "wire/text.h"

/* How many stop sequences Gemini takes. */
#define STOP_MAX 5

#define NAME_MAX_BYTES 128
#define ID_MAX         64

static int knows_builtin(const clp_tool *tool)
{
    return clp_builtin_tool_find(tool) != NULL;
}

static const clp_writing_rules rules = {
    .dialect = &clp_dialect_gemini,
    .name_max = NAME_MAX_BYTES,
    .id_max = ID_MAX,
    .filter_tools = 0,
    .refusal_is_text = 1,
    .searches_web = 1,
    .limits_search = 0,
    .knows_builtin = knows_builtin,
};

static void write_system(clp_gemini_writing *g)
{
    apr_array_header_t *texts = clp_writing_instructions(&g->w);
    clp_text wish[2];
    unsigned native =
        CLP_NATIVE_JSON | (g->w.target->traits->json_schema ? CLP_NATIVE_JSON_SCHEMA : 0);
    int wishes = clp_writing_json_wish(&g->w, native, wish);
    clp_jw *jw = &g->w.jw;

    if (!texts->nelts && !wishes) {
        return;
    }
    clp_jw_key(jw, "systemInstruction");
    clp_jw_object(jw);
    clp_jw_key(jw, "parts");
    clp_jw_array(jw);
    for (int i = 0; i < texts->nelts; i++) {
        clp_jw_object(jw);
        clp_jw_ktext(jw, "text", APR_ARRAY_IDX(texts, i, clp_text));
        clp_jw_end_object(jw);
    }
    if (wishes) {
        clp_jw_object(jw);
        clp_jw_key(jw, "text");
        clp_jw_text_open(jw);
        for (int i = 0; i < wishes; i++) {
            clp_jw_text_part(jw, wish[i]);
        }
        clp_jw_text_close(jw);
        clp_jw_end_object(jw);
    }
    clp_jw_end_array(jw);
    clp_jw_end_object(jw);
}

/* --- tools ------------------------------------------------------------------------ */

/* Names of properties that Google's form cannot hold leave JSON Schema as the only way. */
static void write_schema(clp_gemini_writing *g, clp_span schema)
{
    clp_jw *jw = &g->w.jw;
    clp_jw before = *jw;
    apr_size_t n = jw->out->n;

    if (g->w.target->traits->restricted_schema == 1 && clp_gemini_schema_fits(schema, g->w.pool)) {
        clp_jw_key(jw, "parameters");
        if (!clp_gemini_schema_write(jw, schema, g->w.pool)) {
            *jw = before;
            jw->out->n = n;
        }
        return;
    }
    clp_jw_key(jw, "parametersJsonSchema");
    clp_schema_write(jw, schema);
}

static void write_function(clp_gemini_writing *g, const clp_tool *t)
{
    const clp_builtin_tool *known = t->kind == CLP_TOOL_BUILTIN ? clp_builtin_tool_find(t) : NULL;
    clp_jw *jw = &g->w.jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "name", clp_tool_names_fit(g->w.names, t->name));
    if (known) {
        clp_jw_kstr(jw, "description", known->description);
        write_schema(g, clp_span_str(known->schema));
    }
    else if (t->kind == CLP_TOOL_CUSTOM) {
        clp_writing_bridge_description(&g->w, t);
        write_schema(g, CLP_SPAN_LIT(CLP_BRIDGE_SCHEMA));
        clp_tool_names_bridge(g->w.names, t->name);
    }
    else {
        if (t->description.s.n) {
            clp_jw_ktext(jw, "description", t->description);
        }
        write_schema(g, t->schema);
    }
    clp_jw_end_object(jw);
}

static void write_choice(clp_gemini_writing *g)
{
    static const char *const modes[] = {
        [CLP_CHOICE_UNSET] = NULL, [CLP_CHOICE_AUTO] = "AUTO", [CLP_CHOICE_ANY] = "ANY",
        [CLP_CHOICE_TOOL] = "ANY", [CLP_CHOICE_NONE] = "NONE",
    };
    const clp_conversation *c = g->w.c;
    clp_choice choice = clp_writing_choice(&g->w);
    int named = choice != CLP_CHOICE_NONE && choice == c->choice && c->choice_names->nelts > 0;
    clp_jw *jw = &g->w.jw;

    if (!modes[choice]) {
        return;
    }
    clp_jw_key(jw, "toolConfig");
    clp_jw_object(jw);
    clp_jw_key(jw, "functionCallingConfig");
    clp_jw_object(jw);
    /* AUTO takes no names */
    clp_jw_kstr(jw, "mode", named && choice == CLP_CHOICE_AUTO ? "VALIDATED" : modes[choice]);
    if (named) {
        clp_jw_key(jw, "allowedFunctionNames");
        clp_jw_array(jw);
        for (int i = 0; i < c->choice_names->nelts; i++) {
            clp_jw_str(jw,
                       clp_tool_names_fit(g->w.names, APR_ARRAY_IDX(c->choice_names, i, clp_text)));
        }
        clp_jw_end_array(jw);
    }
    clp_jw_end_object(jw);
    clp_jw_end_object(jw);
}

static void write_tools(clp_gemini_writing *g)
{
    clp_jw *jw = &g->w.jw;

    if (!g->w.tools->nelts && !g->w.web_search) {
        return;
    }
    clp_jw_key(jw, "tools");
    clp_jw_array(jw);
    if (g->w.tools->nelts) {
        clp_jw_object(jw);
        clp_jw_key(jw, "functionDeclarations");
        clp_jw_array(jw);
        for (int i = 0; i < g->w.tools->nelts; i++) {
            write_function(g, APR_ARRAY_IDX(g->w.tools, i, const clp_tool *));
        }
        clp_jw_end_array(jw);
        clp_jw_end_object(jw);
    }
    if (g->w.web_search) {
        clp_jw_raw(jw, CLP_SPAN_LIT("{\"googleSearch\":{}}"));
    }
    clp_jw_end_array(jw);
    write_choice(g);
}

/* --- generationConfig ----------------------------------------------------------------- */

static void write_stop(clp_gemini_writing *g)
{
    const apr_array_header_t *stop = g->w.c->stop;
    clp_jw *jw = &g->w.jw;
    int written = 0;

    for (int i = 0; i < stop->nelts; i++) {
        clp_text t = APR_ARRAY_IDX(stop, i, clp_text);
        if (!t.s.n) {
            continue;
        }
        if (written == STOP_MAX) {
            clp_log(NULL, CLP_LOG_DEBUG, 0, 1550, "of %d stop sequences the first %d go out",
                    stop->nelts, STOP_MAX);
            break;
        }
        if (!written++) {
            clp_jw_key(jw, "stopSequences");
            clp_jw_array(jw);
        }
        clp_jw_text(jw, t);
    }
    if (written) {
        clp_jw_end_array(jw);
    }
}

static void write_format(clp_gemini_writing *g)
{
    const clp_conversation *c = g->w.c;
    int schema = c->format == CLP_FORMAT_JSON_SCHEMA && g->w.target->traits->json_schema;
    clp_jw *jw = &g->w.jw;

    if (c->format != CLP_FORMAT_JSON && !schema) {
        return;
    }
    clp_jw_kstr(jw, "responseMimeType", "application/json");
    if (!schema) {
        return;
    }
    if (g->w.target->traits->restricted_schema == 1 &&
        clp_gemini_schema_fits(c->format_schema, g->w.pool)) {
        clp_jw before = *jw;
        apr_size_t n = jw->out->n;
        clp_jw_key(jw, "responseSchema");
        if (!clp_gemini_schema_write(jw, c->format_schema, g->w.pool)) {
            *jw = before;
            jw->out->n = n;
        }
        return;
    }
    clp_jw_kraw(jw, "responseJsonSchema", c->format_schema);
}

/* The effort asked for; a said one wins over what a budget amounts to. */
static clp_effort effort_of(const clp_reasoning *r)
{
    if (r->mode == CLP_THINKING_OFF) {
        return CLP_EFFORT_NONE;
    }
    return r->effort != CLP_EFFORT_UNSET ? r->effort : clp_budget_effort(r->budget, 0);
}

static const char *level_of(clp_effort effort)
{
    switch (effort) {
    case CLP_EFFORT_UNSET: return NULL;
    case CLP_EFFORT_NONE:
    case CLP_EFFORT_MINIMAL: return "MINIMAL";
    case CLP_EFFORT_LOW: return "LOW";
    case CLP_EFFORT_MEDIUM: return "MEDIUM";
    default: return "HIGH";
    }
}

/* What the models of the second generation take; -1 leaves it to them. */
static apr_int64_t budget_of(const clp_gemini_writing *g, const clp_reasoning *r)
{
    int pro = strstr(g->w.target->model, "-pro") != NULL;
    apr_int64_t least = pro ? 128 : 0, most = pro ? 32768 : 24576;
    clp_effort effort = effort_of(r);
    apr_int64_t budget = r->effort == CLP_EFFORT_UNSET && r->mode != CLP_THINKING_OFF
                             ? r->budget
                             : clp_effort_budget(effort);

    if (effort == CLP_EFFORT_MINIMAL) {
        budget = 512;
    }
    if (budget < 0) {
        return -1;
    }
    return budget < least ? least : budget > most ? most : budget;
}

static int shows_thoughts(const clp_reasoning *r)
{
    int on = effort_of(r) != CLP_EFFORT_NONE &&
             (r->mode == CLP_THINKING_ON || r->mode == CLP_THINKING_ADAPTIVE);
    return on && r->show != 0;
}

/* One of budget and level: both are refused. */
static void write_thinking(clp_gemini_writing *g)
{
    const clp_reasoning *r = &g->w.c->reasoning;
    clp_jw *jw = &g->w.jw;
    const char *level = level_of(effort_of(r));

    if (!(g->w.takes & CLP_MODEL_REASONS) ||
        (r->mode == CLP_THINKING_UNSET && r->effort == CLP_EFFORT_UNSET)) {
        return;
    }
    if (g->generation >= 3 && !level && !shows_thoughts(r)) {
        return;
    }
    clp_jw_key(jw, "thinkingConfig");
    clp_jw_object(jw);
    if (shows_thoughts(r)) {
        clp_jw_kbool(jw, "includeThoughts", 1);
    }
    if (g->generation < 3) {
        clp_jw_kint(jw, "thinkingBudget", budget_of(g, r));
    }
    else if (level) {
        clp_jw_kstr(jw, "thinkingLevel", level);
    }
    clp_jw_end_object(jw);
}

static void write_generation(clp_gemini_writing *g)
{
    const clp_conversation *c = g->w.c;

    if (!(g->w.takes & CLP_MODEL_NO_SAMPLING)) {
        clp_writing_number(&g->w, "temperature", c->temperature);
        clp_writing_number(&g->w, "topP", c->top_p);
        clp_writing_number(&g->w, "topK", c->top_k);
    }
    if (c->max_tokens >= 0) {
        clp_jw_kint(&g->w.jw, "maxOutputTokens", c->max_tokens ? c->max_tokens : 1);
    }
    write_stop(g);
    clp_writing_number(&g->w, "seed", c->seed);
    clp_writing_number(&g->w, "presencePenalty", c->presence_penalty);
    clp_writing_number(&g->w, "frequencyPenalty", c->frequency_penalty);
    if (clp_span_is(c->logprobs, "true")) {
        clp_jw_kbool(&g->w.jw, "responseLogprobs", 1);
        clp_writing_number(&g->w, "logprobs", c->top_logprobs);
    }
}

static void write_config(clp_gemini_writing *g)
{
    clp_jw *jw = &g->w.jw;
    clp_jw before = *jw;
    apr_size_t n = jw->out->n;
    apr_size_t begin;

    clp_jw_key(jw, "generationConfig");
    clp_jw_object(jw);
    begin = jw->out->n;
    if (!g->w.target->counting) {
        write_generation(g);
    }
    write_format(g);
    if (!g->w.target->counting) {
        write_thinking(g);
    }
    if (jw->out->n == begin) {
        *jw = before;
        jw->out->n = n;
        return;
    }
    clp_jw_end_object(jw);
}

static void write_tier(clp_gemini_writing *g)
{
    static const char *const tiers[][2] = {{"flex", "flex"},
                                           {"priority", "priority"},
                                           {"default", "standard"},
                                           {"standard_only", "standard"}};

    for (apr_size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (clp_text_is(g->w.c->tier, tiers[i][0])) {
            clp_jw_kstr(&g->w.jw, "serviceTier", tiers[i][1]);
        }
    }
}

static void write_prompt(clp_gemini_writing *g)
{
    write_system(g);
    write_tools(g);
    clp_gemini_write_contents(g);
    write_config(g);
}

/* A request inside the request: only so are instructions and tools counted. */
static void write_counted(clp_gemini_writing *g)
{
    clp_jw *jw = &g->w.jw;

    clp_jw_object(jw);
    clp_jw_key(jw, "generateContentRequest");
    clp_jw_object(jw);
    clp_jw_kstr(jw, "model", apr_pstrcat(g->w.pool, "models/", g->w.target->model, NULL));
    write_prompt(g);
    clp_jw_end_object(jw);
    clp_jw_end_object(jw);
}

clp_problem *clp_gemini_write_request(const clp_conversation *c, const clp_target *target,
                                      clp_buffer *out, apr_table_t **names, apr_pool_t *pool)
{
    clp_gemini_writing g;
    clp_problem *p;
    int signatures = target->traits->thought_signatures;

    memset(&g, 0, sizeof(g));
    p = clp_writing_begin(&g.w, c, target, &rules, out, pool);
    if (!p && !g.w.complete && c->n > 1) {
        p = clp_problem_at(pool, CLP_BAD_REQUEST, "n", "this model gives one answer at a time");
    }
    *names = NULL;
    if (p || g.w.complete) {
        return p;
    }
    g.generation = clp_model_gemini(target->model);
    g.signatures = signatures != 0;
    g.marks = signatures == 1 || (signatures < 0 && g.generation >= 3);
    if (target->counting) {
        write_counted(&g);
    }
    else {
        clp_jw_object(&g.w.jw);
        write_prompt(&g);
        write_tier(&g);
        clp_jw_end_object(&g.w.jw);
    }
    *names = clp_tool_names_changed(g.w.names);
    return g.w.problem;
}
