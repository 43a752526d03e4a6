/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat.h"

#include "chat_state.h"
#include "chat_write.h"
#include "gemini.h"
#include "models.h"
#include "reasoning.h"
#include "texts.h"
#include "wire/text.h"

static const clp_writing_rules rules = {
    .dialect = &clp_dialect_chat,
    .name_max = CLP_TOOL_NAME_CHAT,
    .id_max = CLP_TOOL_ID_CHAT,
    .filter_tools = 0,
    .refusal_is_text = 0,
    .searches_web = 1,
    .limits_search = 0,
    .knows_builtin = clp_chat_knows_builtin,
};

static const char *system_role(const clp_writing *w)
{
    return w->target->traits->developer_role ? "developer" : "system";
}

static unsigned native(const clp_writing *w)
{
    return CLP_NATIVE_JSON | (w->target->traits->json_schema ? CLP_NATIVE_JSON_SCHEMA : 0);
}

static int has_words(const clp_round *round, clp_block_kind kind)
{
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (b->kind == kind && b->text.s.n) {
                return 1;
            }
        }
    }
    return 0;
}

static int has_kind(const clp_round *round, clp_block_kind kind)
{
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (b->kind == kind) {
                return 1;
            }
        }
    }
    return 0;
}

/* Member that joins the texts of all blocks of a kind. */
static void write_joined(clp_writing *w, const clp_round *round, clp_block_kind kind,
                         const char *name)
{
    clp_jw *jw = &w->jw;

    if (!has_words(round, kind)) {
        return;
    }
    clp_jw_key(jw, name);
    clp_jw_text_open(jw);
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (b->kind == kind) {
                clp_jw_text_part(jw, b->text);
            }
        }
    }
    clp_jw_text_close(jw);
}

/* Google's own state goes to Google only: to the models of that name, or where the channel says so.
 */
static int takes_state(const clp_writing *w)
{
    int told = w->target->traits->thought_signatures;
    return told < 0 ? clp_model_gemini(w->target->model) > 0 : told;
}

static int is_state(const clp_writing *w, const clp_block *b)
{
    return b->kind == CLP_BLOCK_REASONING && b->state.provider == CLP_PROVIDER_GEMINI &&
           takes_state(w);
}

static void write_state(clp_writing *w, const clp_block *state)
{
    clp_chat_state_write(&w->jw, clp_text_plain(state->state.payload));
}

/* @param state what stands on it, or NULL */
static void write_call(clp_writing *w, const clp_block *b, const clp_block *state, int mark)
{
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "id", clp_tool_id_fit(b->id, w->id_max, w->pool));
    clp_jw_kstr(jw, "type", "function");
    clp_jw_key(jw, "function");
    clp_chat_write_call(w, b);
    if (state) {
        write_state(w, state);
    }
    else if (mark) {
        clp_chat_state_write(jw, clp_text_str(CLP_GEMINI_SKIP_MARK));
    }
    clp_jw_end_object(jw);
}

/* @param mark Google's mark stands on the first call if nothing else does */
static void write_calls(clp_writing *w, const clp_round *round, int mark)
{
    const clp_block *state = NULL;

    clp_jw_key(&w->jw, "tool_calls");
    clp_jw_array(&w->jw);
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (b->kind == CLP_BLOCK_TOOL_CALL) {
                write_call(w, b, state, mark);
                state = NULL;
                mark = 0;
            }
            else if (is_state(w, b) && b->state.kind == CLP_STATE_NEXT_CALL) {
                state = b;
            }
        }
    }
    clp_jw_end_array(&w->jw);
}

/* A message has one place for the state of its text: the last one counts. */
static void write_text_state(clp_writing *w, const clp_round *round)
{
    const clp_block *state = NULL;

    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (is_state(w, b) &&
                (b->state.kind == CLP_STATE_PREV_TEXT || b->state.kind == CLP_STATE_EMPTY_TEXT)) {
                state = b;
            }
        }
    }
    if (state) {
        write_state(w, state);
    }
}

/*
 * All of a round is one message; one of reasoning only is none.
 * @param current it belongs to the turn that is still going on
 */
static void write_assistant_round(clp_writing *w, const clp_round *round, int current)
{
    clp_jw *jw = &w->jw;
    int calls = has_kind(round, CLP_BLOCK_TOOL_CALL);

    if (!calls && !clp_chat_has_text(w, round) && !has_kind(round, CLP_BLOCK_REFUSAL)) {
        return;
    }
    clp_jw_object(jw);
    clp_jw_kstr(jw, "role", "assistant");
    clp_chat_write_text(w, round);
    write_joined(w, round, CLP_BLOCK_REFUSAL, "refusal");
    if (w->target->traits->reasoning_content) {
        write_joined(w, round, CLP_BLOCK_REASONING, "reasoning_content");
    }
    write_text_state(w, round);
    if (calls) {
        write_calls(w, round, current && w->target->traits->thought_signatures == 1);
    }
    clp_jw_end_object(jw);
}

/* Chat wants a tool message for every call, before anything else. */
static void write_results(clp_writing *w, const clp_round *round)
{
    clp_jw *jw = &w->jw;

    for (int i = 0; i < round->told->nelts; i++) {
        const clp_answered *a = APR_ARRAY_IDX(round->told, i, const clp_answered *);
        clp_jw_object(jw);
        clp_jw_kstr(jw, "role", "tool");
        clp_jw_kstr(jw, "tool_call_id", clp_tool_id_fit(a->call->id, w->id_max, w->pool));
        clp_jw_key(jw, "content");
        clp_chat_write_result(w, a);
        clp_jw_end_object(jw);
    }
}

static void write_turns(clp_writing *w)
{
    int current = clp_rounds_current(w->rounds);

    clp_jw_key(&w->jw, "messages");
    clp_jw_array(&w->jw);
    clp_chat_write_instructions(w, system_role(w), native(w));
    for (int i = 0; i < w->rounds->nelts && !w->problem; i++) {
        const clp_round *round = &APR_ARRAY_IDX(w->rounds, i, clp_round);
        if (round->assistant) {
            write_assistant_round(w, round, i >= current);
        }
        else {
            write_results(w, round);
            clp_chat_write_user_round(w, round, system_role(w));
        }
    }
    clp_jw_end_array(&w->jw);
}

static void write_tool(clp_writing *w, const clp_tool *t)
{
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "function");
    clp_jw_key(jw, "function");
    clp_jw_object(jw);
    clp_chat_write_function(w, t);
    if (t->strict >= 0 && t->kind == CLP_TOOL_FUNCTION) {
        clp_jw_kbool(jw, "strict", t->strict);
    }
    clp_jw_end_object(jw);
    clp_jw_end_object(jw);
}

static void write_chosen(clp_writing *w, clp_text name)
{
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "function");
    clp_jw_key(jw, "function");
    clp_jw_object(jw);
    clp_jw_kstr(jw, "name", clp_tool_names_fit(w->names, name));
    clp_jw_end_object(jw);
    clp_jw_end_object(jw);
}

static void write_allowed(clp_writing *w, const char *mode)
{
    clp_jw *jw = &w->jw;

    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "allowed_tools");
    clp_jw_key(jw, "allowed_tools");
    clp_jw_object(jw);
    clp_jw_kstr(jw, "mode", mode);
    clp_jw_key(jw, "tools");
    clp_jw_array(jw);
    for (int i = 0; i < w->c->choice_names->nelts; i++) {
        write_chosen(w, APR_ARRAY_IDX(w->c->choice_names, i, clp_text));
    }
    clp_jw_end_array(jw);
    clp_jw_end_object(jw);
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
    clp_jw *jw = &w->jw;

    if (!w->web_search) {
        return;
    }
    if (clp_text_is(w->web_search->type, "web_search_options")) {
        clp_jw_kraw(jw, "web_search_options", clp_jval_raw(w->web_search->origin));
        return;
    }
    clp_jw_key(jw, "web_search_options");
    clp_jw_object(jw);
    if (w->search.context_size.s.n) {
        clp_jw_ktext(jw, "search_context_size", w->search.context_size);
    }
    clp_web_search_write_location(jw, &w->search, 1);
    clp_jw_end_object(jw);
}

static void write_tools(clp_writing *w)
{
    clp_jw *jw = &w->jw;

    if (!w->tools->nelts) {
        return;
    }
    clp_jw_key(jw, "tools");
    clp_jw_array(jw);
    for (int i = 0; i < w->tools->nelts; i++) {
        write_tool(w, APR_ARRAY_IDX(w->tools, i, const clp_tool *));
    }
    clp_jw_end_array(jw);
    write_choice(w);
    if (w->c->parallel_tools >= 0) {
        clp_jw_kbool(jw, "parallel_tool_calls", w->c->parallel_tools);
    }
}

static void write_reasoning(clp_writing *w)
{
    const char *effort = clp_reasoning_chat(&w->c->reasoning, w->takes);

    if (effort) {
        clp_jw_kstr(&w->jw, "reasoning_effort", effort);
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

static void write_stream(clp_writing *w)
{
    clp_jw *jw = &w->jw;

    if (!w->c->stream) {
        return;
    }
    clp_jw_kbool(jw, "stream", 1);
    if (w->target->traits->stream_usage != 0) {
        clp_jw_key(jw, "stream_options");
        clp_jw_object(jw);
        if (w->c->obfuscation >= 0) {
            clp_jw_kbool(jw, "include_obfuscation", w->c->obfuscation);
        }
        clp_jw_kbool(jw, "include_usage", 1);
        clp_jw_end_object(jw);
    }
}

clp_problem *clp_chat_write_request(const clp_conversation *c, const clp_target *target,
                                    clp_buffer *out, apr_table_t **names, apr_pool_t *pool)
{
    clp_writing w;
    clp_problem *p = clp_writing_begin(&w, c, target, &rules, out, pool);

    *names = NULL;
    if (p || w.complete) {
        return p;
    }
    clp_jw_object(&w.jw);
    clp_jw_kstr(&w.jw, "model", target->model);
    write_turns(&w);
    write_tools(&w);
    write_search(&w);
    clp_chat_write_parameters(&w, target->traits->max_tokens_field ? "max_tokens"
                                                                   : "max_completion_tokens");
    write_reasoning(&w);
    clp_chat_write_format(&w, native(&w));
    if (c->verbosity.s.n) {
        clp_jw_ktext(&w.jw, "verbosity", c->verbosity);
    }
    write_tier(&w);
    write_identity(&w);
    clp_writing_number(&w, "metadata", c->metadata);
    write_stream(&w);
    clp_jw_end_object(&w.jw);
    *names = clp_tool_names_changed(w.names);
    return w.problem;
}
