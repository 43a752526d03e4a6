/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_legacy.h"

#include "chat.h"
#include "chat_write.h"
#include "wire/text.h"

static const clp_writing_rules rules = {
    .dialect = &clp_dialect_chat_legacy,
    .name_max = CLP_TOOL_NAME_CHAT,
    .id_max = CLP_TOOL_ID_CHAT,
    .filter_tools = 1,
    .refusal_is_text = 1,
    .searches_web = 0,
    .limits_search = 0,
    .knows_builtin = clp_chat_knows_builtin,
};

clp_problem *clp_chat_legacy_read_request(clp_conversation **out, clp_span body,
                                          const clp_intake *intake, apr_pool_t *pool)
{
    clp_problem *p = clp_chat_read_request(out, body, intake, pool);

    if (!p) {
        (*out)->dialect = &clp_dialect_chat_legacy;
    }
    return p;
}

static void write_answer(clp_writing *w, const clp_round *round)
{
    if (clp_chat_has_text(w, round)) {
        clp_jw_object(&w->jw);
        clp_jw_kstr(&w->jw, "role", "assistant");
        clp_chat_write_text(w, round);
        clp_jw_end_object(&w->jw);
    }
}

/*
 * One call a message, each followed by its result: parallel calls are told as
 * if they had been made one after the other. The text goes with the first.
 */
static void write_calls(clp_writing *w, const clp_round *asked, const clp_round *round)
{
    clp_jw *jw = &w->jw;

    for (int i = 0; i < round->answers->nelts; i++) {
        const clp_answered *a = &APR_ARRAY_IDX(round->answers, i, const clp_answered);
        clp_jw_object(jw);
        clp_jw_kstr(jw, "role", "assistant");
        if (i == 0) {
            clp_chat_write_text(w, asked);
        }
        else {
            clp_jw_knull(jw, "content");
        }
        clp_jw_key(jw, "function_call");
        clp_chat_write_call(w, a->call);
        clp_jw_end_object(jw);

        clp_jw_object(jw);
        clp_jw_kstr(jw, "role", "function");
        clp_jw_kstr(jw, "name", clp_tool_names_fit(w->names, a->call->name));
        clp_jw_key(jw, "content");
        clp_chat_write_result(w, a);
        clp_jw_end_object(jw);
    }
}

static void write_turns(clp_writing *w)
{
    const clp_round *asked = NULL;

    clp_jw_key(&w->jw, "messages");
    clp_jw_array(&w->jw);
    clp_chat_write_instructions(w, "system", CLP_NATIVE_JSON);
    for (int i = 0; i < w->rounds->nelts && !w->problem; i++) {
        const clp_round *round = &APR_ARRAY_IDX(w->rounds, i, clp_round);
        const clp_round *next =
            i + 1 < w->rounds->nelts ? &APR_ARRAY_IDX(w->rounds, i + 1, clp_round) : NULL;
        if (!round->assistant) {
            write_calls(w, asked, round);
            clp_chat_write_user_round(w, round, "system");
        }
        else if (!next || !next->answers->nelts) {
            write_answer(w, round);
        }
        asked = round;
    }
    clp_jw_end_array(&w->jw);
}

static void write_choice(clp_writing *w)
{
    clp_choice choice = clp_writing_choice(w);
    clp_jw *jw = &w->jw;

    if (choice == CLP_CHOICE_UNSET) {
        return;
    }
    clp_jw_key(jw, "function_call");
    if (choice == CLP_CHOICE_TOOL) {
        clp_jw_object(jw);
        clp_jw_kstr(jw, "name",
                    clp_tool_names_fit(w->names, APR_ARRAY_IDX(w->c->choice_names, 0, clp_text)));
        clp_jw_end_object(jw);
    }
    else {
        clp_jw_str(jw, choice == CLP_CHOICE_NONE ? "none" : "auto");
    }
}

static void write_functions(clp_writing *w)
{
    clp_jw *jw = &w->jw;

    if (!w->tools->nelts) {
        return;
    }
    clp_jw_key(jw, "functions");
    clp_jw_array(jw);
    for (int i = 0; i < w->tools->nelts; i++) {
        clp_jw_object(jw);
        clp_chat_write_function(w, APR_ARRAY_IDX(w->tools, i, const clp_tool *));
        clp_jw_end_object(jw);
    }
    clp_jw_end_array(jw);
    write_choice(w);
}

clp_problem *clp_chat_legacy_write_request(const clp_conversation *c, const clp_target *target,
                                           clp_buffer *out, apr_table_t **names, apr_pool_t *pool)
{
    clp_writing w;
    clp_problem *p = clp_writing_begin(&w, c, target, &rules, out, pool);
    clp_text user;

    *names = NULL;
    if (p || w.complete) {
        return p;
    }
    user = clp_writing_user(&w);
    clp_jw_object(&w.jw);
    clp_jw_kstr(&w.jw, "model", target->model);
    write_turns(&w);
    write_functions(&w);
    clp_chat_write_parameters(&w, "max_tokens");
    clp_chat_write_format(&w, CLP_NATIVE_JSON);
    if (user.s.n) {
        clp_jw_ktext(&w.jw, "user", user);
    }
    if (c->stream) {
        clp_jw_kbool(&w.jw, "stream", 1);
    }
    if (c->stream && target->traits->stream_usage == 1) {
        clp_jw_kraw(&w.jw, "stream_options", CLP_SPAN_LIT("{\"include_usage\":true}"));
    }
    clp_jw_end_object(&w.jw);
    *names = clp_tool_names_changed(w.names);
    return w.problem;
}
