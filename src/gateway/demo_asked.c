/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "demo_asked.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "wire/text.h"

/* Bytes of what is quoted. */
#define QUOTED_TEXT   200
#define QUOTED_RESULT 120
#define MAX_RESULTS   8

/* A stretch of turns without the assistant: the last of the conversation, whatever follows it as
 * the beginning of an answer. */
static const clp_turn *tail_of(const clp_conversation *c)
{
    const clp_turn *tail = c->turns;
    for (const clp_turn *t = c->turns; t; t = t->next) {
        if (t->role == CLP_ROLE_ASSISTANT && t->next) {
            tail = t->next;
        }
    }
    return tail;
}

#define EACH_USER_BLOCK(b, a)                                                                      \
    for (const clp_turn *t_ = (a)->tail; t_ && t_->role != CLP_ROLE_ASSISTANT; t_ = t_->next)      \
        for (const clp_block *b = t_->role == CLP_ROLE_USER ? t_->blocks : NULL; b; b = b->next)

static const char *last_user_text(const clp_demo_asked *a)
{
    const clp_block *last = NULL;
    EACH_USER_BLOCK(b, a)
    {
        if (b->kind == CLP_BLOCK_TEXT && !clp_text_blank(b->text)) {
            last = b;
        }
    }
    return last ? clp_text_cstr(last->text, a->pool) : NULL;
}

static const char *shortened(const char *text, apr_size_t max, apr_pool_t *pool)
{
    clp_span whole = clp_span_str(text);
    clp_span cut = clp_utf8_cut(whole, max);
    return apr_pstrcat(pool, apr_pstrmemdup(pool, cut.p, cut.n), cut.n < whole.n ? "…" : "", NULL);
}

static const char *first_text(const clp_block *blocks, apr_pool_t *pool)
{
    for (const clp_block *b = blocks; b; b = b->next) {
        if (b->text.s.p) {
            return clp_text_cstr(b->text, pool);
        }
    }
    return blocks ? "(something that is no text)" : "(nothing)";
}

const char *clp_demo_results(const clp_demo_asked *a)
{
    const char *text = NULL;
    int n = 0;

    EACH_USER_BLOCK(b, a)
    {
        clp_text name;
        if (b->kind != CLP_BLOCK_TOOL_RESULT || ++n > MAX_RESULTS) {
            continue;
        }
        name = b->name.s.p ? b->name : clp_conversation_call_name(a->c, b->id);
        text = apr_pstrcat(a->pool, text ? text : "", text ? "\n" : "", "The tool ",
                           name.s.p ? clp_text_cstr(name, a->pool) : "(unknown)",
                           b->is_error ? " failed: " : " answered: ", "\"",
                           shortened(first_text(b->children, a->pool), QUOTED_RESULT, a->pool),
                           "\"", NULL);
    }
    return text;
}

const char *clp_demo_echo(const clp_demo_asked *a)
{
    const char *asked = last_user_text(a);
    if (!asked) {
        return "You said nothing that the demo upstream can read.";
    }
    return apr_pstrcat(a->pool, "You said: \"", shortened(asked, QUOTED_TEXT, a->pool),
                       "\"\nThis is the demo upstream of mod_claude_proxy. No model stands behind "
                       "it, so it can only repeat what it was told.",
                       NULL);
}

int clp_demo_is_callable(const clp_tool *t)
{
    return t->kind != CLP_TOOL_SERVER;
}

/* The tool of this name; with NULL or an unknown name the first; NULL if there is none. */
static const clp_tool *tool_named(const clp_conversation *c, const char *name)
{
    const clp_tool *first = NULL;
    for (int i = 0; i < c->tools->nelts; i++) {
        const clp_tool *t = &APR_ARRAY_IDX(c->tools, i, clp_tool);
        if (!clp_demo_is_callable(t)) {
            continue;
        }
        if (name && clp_text_is(t->name, name)) {
            return t;
        }
        first = first ? first : t;
    }
    return first;
}

static const char *word_at(const char *p, apr_pool_t *pool)
{
    const char *end;
    while (*p == ' ' || *p == '"' || *p == '`') {
        p++;
    }
    for (end = p; apr_isalnum(*end) || *end == '_' || *end == '-'; end++) {
    }
    return apr_pstrmemdup(pool, p, (apr_size_t)(end - p));
}

/* The tool that the user's words ask for; `*all` if they ask for every one. */
static const clp_tool *tool_in_words(const clp_demo_asked *a, int *all)
{
    static const char *const one[] = {"call the tool", "use the tool"};
    const char *text = last_user_text(a);

    *all = 0;
    if (!text) {
        return NULL;
    }
    if (strcasestr(text, "call all tools") || strcasestr(text, "use all tools")) {
        *all = a->c->parallel_tools != 0;
        return tool_named(a->c, NULL);
    }
    for (int i = 0; i < 2; i++) {
        const char *at = strcasestr(text, one[i]);
        if (at) {
            return tool_named(a->c, word_at(at + strlen(one[i]), a->pool));
        }
    }
    return NULL;
}

const clp_tool *clp_demo_tool(const clp_demo_asked *a, int *all)
{
    const clp_conversation *c = a->c;

    *all = 0;
    if (c->choice == CLP_CHOICE_NONE || !c->tools->nelts) {
        return NULL;
    }
    if (c->choice == CLP_CHOICE_ANY || c->choice == CLP_CHOICE_TOOL) {
        return tool_named(c,
                          c->choice_names->nelts
                              ? clp_text_cstr(APR_ARRAY_IDX(c->choice_names, 0, clp_text), a->pool)
                              : NULL);
    }
    return tool_in_words(a, all);
}

void clp_demo_asked_read(clp_demo_asked *a, const clp_conversation *c, apr_pool_t *pool)
{
    a->c = c;
    a->pool = pool;
    a->tail = tail_of(c);
}
