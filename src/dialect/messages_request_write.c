/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"

#include <stdlib.h>

#include <apr_strings.h>

#include "models.h"
#include "messages_write.h"
#include "schema.h"
#include "wire/text.h"

static int knows_builtin(const clp_tool *tool)
{
    (void)tool;
    return 1;
}

static const clp_writing_rules rules = {
    .dialect = &clp_dialect_messages,
    .name_max = CLP_TOOL_NAME_MESSAGES,
    .id_max = CLP_TOOL_ID_MESSAGES,
    .filter_tools = 1,
    .refusal_is_text = 1,
    .searches_web = 1,
    .limits_search = 1,
    .knows_builtin = knows_builtin,
};

static void write_system(clp_messages_writing *m)
{
    clp_jw *jw = &m->w.jw;
    clp_jw before = *jw;
    apr_size_t n = jw->out->n;
    clp_text wish[2];
    int parts = clp_writing_json_wish(
        &m->w, m->w.target->traits->json_schema ? CLP_NATIVE_JSON_SCHEMA : 0, wish);
    int blocks = 0;

    clp_jw_key(jw, "system");
    clp_jw_array(jw);
    for (const clp_block *b = m->w.c->system; b; b = b->next) {
        blocks += clp_messages_write_text(m, b->text, b->cache);
    }
    if (parts) {
        clp_jw_object(jw);
        clp_jw_kstr(jw, "type", "text");
        clp_jw_key(jw, "text");
        clp_jw_text_open(jw);
        for (int i = 0; i < parts; i++) {
            clp_jw_text_part(jw, wish[i]);
        }
        clp_jw_text_close(jw);
        clp_jw_end_object(jw);
        blocks++;
    }
    if (blocks) {
        clp_jw_end_array(jw);
    }
    else {
        *jw = before;
        jw->out->n = n;
    }
}

static void write_tool(clp_messages_writing *m, const clp_tool *t)
{
    clp_jw *jw = &m->w.jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "name", clp_tool_names_fit(m->w.names, t->name));
    if (t->kind == CLP_TOOL_CUSTOM) {
        clp_writing_bridge_description(&m->w, t);
        clp_jw_kraw(jw, "input_schema", CLP_SPAN_LIT(CLP_BRIDGE_SCHEMA));
        clp_tool_names_bridge(m->w.names, t->name);
    }
    else {
        if (t->description.s.n) {
            clp_jw_ktext(jw, "description", t->description);
        }
        clp_jw_key(jw, "input_schema");
        clp_schema_write_object(jw, t->schema, m->w.pool);
        if (t->strict >= 0) {
            clp_jw_kbool(jw, "strict", t->strict);
        }
    }
    clp_messages_write_cache(m, t->cache);
    clp_jw_end_object(jw);
}

static void write_choice(clp_messages_writing *m)
{
    static const char *const types[] = {
        [CLP_CHOICE_UNSET] = "auto", [CLP_CHOICE_AUTO] = "auto", [CLP_CHOICE_ANY] = "any",
        [CLP_CHOICE_TOOL] = "tool",  [CLP_CHOICE_NONE] = "none",
    };
    clp_choice choice = clp_writing_choice(&m->w);
    int one_by_one = m->w.c->parallel_tools == 0 && choice != CLP_CHOICE_NONE;
    clp_jw *jw = &m->w.jw;

    if (!m->w.tools->nelts || (choice == CLP_CHOICE_UNSET && !one_by_one)) {
        return;
    }
    clp_jw_key(jw, "tool_choice");
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", types[choice]);
    if (choice == CLP_CHOICE_TOOL) {
        clp_jw_kstr(
            jw, "name",
            clp_tool_names_fit(m->w.names, APR_ARRAY_IDX(m->w.c->choice_names, 0, clp_text)));
    }
    if (one_by_one) {
        clp_jw_kbool(jw, "disable_parallel_tool_use", 1);
    }
    clp_jw_end_object(jw);
}

static void write_search(clp_messages_writing *m)
{
    clp_jw *jw = &m->w.jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "web_search_20250305");
    clp_jw_kstr(jw, "name", "web_search");
    clp_web_search_write_domains(jw, &m->w.search);
    clp_web_search_write_location(jw, &m->w.search, 0);
    clp_jw_end_object(jw);
}

static void write_tools(clp_messages_writing *m)
{
    clp_jw *jw = &m->w.jw;

    if (m->w.tools->nelts || m->w.web_search) {
        clp_jw_key(jw, "tools");
        clp_jw_array(jw);
        for (int i = 0; i < m->w.tools->nelts; i++) {
            write_tool(m, APR_ARRAY_IDX(m->w.tools, i, const clp_tool *));
        }
        if (m->w.web_search) {
            write_search(m);
        }
        clp_jw_end_array(jw);
    }
    write_choice(m);
}

/*
 * Is a tool loop running whose assistant turn does not begin with its
 * thinking? With a budget Anthropic then refuses the request, and the state
 * cannot be made up.
 */
static int loop_lacks_state(const clp_messages_writing *m)
{
    const apr_array_header_t *rounds = m->w.rounds;
    const clp_round *asked;
    const clp_round *last;

    if (rounds->nelts < 2) {
        return 0;
    }
    last = &APR_ARRAY_IDX(rounds, rounds->nelts - 1, clp_round);
    asked = &APR_ARRAY_IDX(rounds, rounds->nelts - 2, clp_round);
    if (last->assistant || !last->answers->nelts) {
        return 0;
    }
    CLP_ROUND_EACH(t, asked)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (clp_messages_is_state(b)) {
                return 0;
            }
            if (b->kind == CLP_BLOCK_TOOL_CALL || !clp_text_blank(b->text)) {
                return 1;
            }
        }
    }
    return 1;
}

static int ends_in_assistant(const clp_messages_writing *m)
{
    const apr_array_header_t *rounds = m->w.rounds;
    return rounds->nelts && APR_ARRAY_IDX(rounds, rounds->nelts - 1, clp_round).assistant;
}

static void plan_thinking(clp_messages_writing *m, apr_int64_t max_tokens)
{
    clp_choice choice = clp_writing_choice(&m->w);
    clp_thinking_plan plan = clp_reasoning_messages(&m->w.c->reasoning, m->w.takes, max_tokens);

    if (plan.mode == CLP_THINKING_ON && loop_lacks_state(m)) {
        plan.mode = CLP_THINKING_OFF;
    }
    if ((plan.mode == CLP_THINKING_ON || plan.mode == CLP_THINKING_ADAPTIVE) &&
        (choice == CLP_CHOICE_ANY || choice == CLP_CHOICE_TOOL || ends_in_assistant(m))) {
        plan.mode = CLP_THINKING_UNSET;
    }
    m->thinking = plan;
}

static void write_thinking(clp_messages_writing *m)
{
    static const char *const types[] = {
        [CLP_THINKING_OFF] = "disabled",
        [CLP_THINKING_ON] = "enabled",
        [CLP_THINKING_ADAPTIVE] = "adaptive",
    };
    clp_jw *jw = &m->w.jw;

    if (m->thinking.mode == CLP_THINKING_UNSET) {
        return;
    }
    clp_jw_key(jw, "thinking");
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", types[m->thinking.mode]);
    if (m->thinking.mode == CLP_THINKING_ON) {
        clp_jw_kint(jw, "budget_tokens", m->thinking.budget);
    }
    if (m->thinking.mode == CLP_THINKING_ADAPTIVE && m->w.c->reasoning.show == 1) {
        clp_jw_kstr(jw, "display", "summarized");
    }
    clp_jw_end_object(jw);
}

static void write_output_config(clp_messages_writing *m)
{
    clp_jw *jw = &m->w.jw;
    int schema = m->w.c->format == CLP_FORMAT_JSON_SCHEMA && m->w.target->traits->json_schema;

    if (!m->thinking.effort && !schema) {
        return;
    }
    clp_jw_key(jw, "output_config");
    clp_jw_object(jw);
    if (m->thinking.effort) {
        clp_jw_kstr(jw, "effort", m->thinking.effort);
    }
    if (schema) {
        clp_jw_key(jw, "format");
        clp_jw_object(jw);
        clp_jw_kstr(jw, "type", "json_schema");
        clp_jw_kraw(jw, "schema", m->w.c->format_schema);
        clp_jw_end_object(jw);
    }
    clp_jw_end_object(jw);
}

static double number(clp_span raw)
{
    char text[64];

    apr_cpystrn(text, raw.p, (raw.n < sizeof(text) ? raw.n : sizeof(text) - 1) + 1);
    return strtod(text, NULL);
}

/* With thinking on, only the defaults are taken. */
static void write_sampling(clp_messages_writing *m)
{
    const clp_conversation *c = m->w.c;
    int thinks = m->thinking.mode == CLP_THINKING_ON || m->thinking.mode == CLP_THINKING_ADAPTIVE;

    if (m->w.takes & CLP_MODEL_NO_SAMPLING) {
        return;
    }
    if (c->temperature.p && !thinks) {
        clp_writing_number(&m->w, "temperature",
                           number(c->temperature) > 1.0 ? CLP_SPAN_LIT("1") : c->temperature);
    }
    if (c->top_p.p && (!thinks || number(c->top_p) >= 0.95)) {
        clp_writing_number(&m->w, "top_p", c->top_p);
    }
    if (!thinks) {
        clp_writing_number(&m->w, "top_k", c->top_k);
    }
}

static void write_stop(clp_messages_writing *m)
{
    clp_jw *jw = &m->w.jw;
    int open = 0;

    for (int i = 0; i < m->w.c->stop->nelts; i++) {
        clp_text t = APR_ARRAY_IDX(m->w.c->stop, i, clp_text);
        if (clp_text_blank(t)) {
            continue;
        }
        if (!open++) {
            clp_jw_key(jw, "stop_sequences");
            clp_jw_array(jw);
        }
        clp_jw_text(jw, t);
    }
    if (open) {
        clp_jw_end_array(jw);
    }
}

static void write_tier(clp_messages_writing *m)
{
    clp_text tier = m->w.c->tier;

    if (!tier.s.n) {
        return;
    }
    clp_jw_kstr(&m->w.jw, "service_tier", clp_text_is(tier, "default") ? "standard_only" : "auto");
}

static void write_user(clp_messages_writing *m)
{
    clp_jw *jw = &m->w.jw;

    if (m->w.c->user.s.n) {
        clp_jw_key(jw, "metadata");
        clp_jw_object(jw);
        clp_jw_ktext(jw, "user_id", m->w.c->user);
        clp_jw_end_object(jw);
    }
}

static void write_parameters(clp_messages_writing *m)
{
    const clp_conversation *c = m->w.c;
    apr_int64_t max = c->max_tokens >= 0 ? c->max_tokens : m->w.target->default_max_tokens;

    if (max == 0) {
        max = 1;
    }
    plan_thinking(m, max);
    if (!m->w.target->counting) {
        clp_jw_kint(&m->w.jw, "max_tokens", max);
        write_sampling(m);
        write_stop(m);
    }
    write_thinking(m);
    write_output_config(m);
}

clp_problem *clp_messages_write_request(const clp_conversation *c, const clp_target *target,
                                        clp_buffer *out, apr_table_t **names, apr_pool_t *pool)
{
    clp_messages_writing m;
    clp_problem *p;

    memset(&m, 0, sizeof(m));
    p = clp_writing_begin(&m.w, c, target, &rules, out, pool);
    if (!p && !m.w.complete && c->n > 1) {
        p = clp_problem_at(pool, CLP_BAD_REQUEST, "n", "this model gives one answer at a time");
    }
    *names = NULL;
    if (p || m.w.complete) {
        return p;
    }
    clp_jw_object(&m.w.jw);
    clp_jw_kstr(&m.w.jw, "model", target->model);
    write_parameters(&m);
    write_tools(&m);
    write_system(&m);
    clp_messages_write_turns(&m);
    if (!target->counting) {
        write_user(&m);
        write_tier(&m);
        if (c->stream) {
            clp_jw_kbool(&m.w.jw, "stream", 1);
        }
    }
    clp_jw_end_object(&m.w.jw);
    *names = clp_tool_names_changed(m.w.names);
    return m.w.problem;
}
