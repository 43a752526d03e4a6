/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/conversation.h"

#include "wire/text.h"

clp_conversation *clp_conversation_make(apr_pool_t *pool, const struct clp_dialect *dialect)
{
    clp_conversation *c = apr_pcalloc(pool, sizeof(*c));

    c->pool = pool;
    c->dialect = dialect;
    c->tools = apr_array_make(pool, 0, sizeof(clp_tool));
    c->choice_names = apr_array_make(pool, 0, sizeof(clp_text));
    c->stop = apr_array_make(pool, 0, sizeof(clp_text));
    c->parallel_tools = -1;
    c->max_tokens = -1;
    c->n = 1;
    c->reasoning.budget = -1;
    c->reasoning.show = -1;
    c->format_strict = -1;
    c->obfuscation = -1;
    return c;
}

clp_turn *clp_conversation_turn(clp_conversation *c, clp_role role, clp_jval origin)
{
    clp_turn *t = apr_pcalloc(c->pool, sizeof(*t));

    t->role = role;
    t->origin = origin;
    if (c->last_turn) {
        c->last_turn->next = t;
    }
    else {
        c->turns = t;
    }
    c->last_turn = t;
    return t;
}

static clp_block *block_make(apr_pool_t *pool, clp_block_kind kind, clp_jval origin)
{
    clp_block *b = apr_pcalloc(pool, sizeof(*b));
    b->kind = kind;
    b->origin = origin;
    return b;
}

clp_block *clp_turn_block(clp_turn *t, apr_pool_t *pool, clp_block_kind kind, clp_jval origin)
{
    clp_block *b = block_make(pool, kind, origin);

    if (t->last) {
        t->last->next = b;
    }
    else {
        t->blocks = b;
    }
    t->last = b;
    return b;
}

void clp_turn_end(clp_turn *t)
{
    for (t->last = t->blocks; t->last && t->last->next;) {
        t->last = t->last->next;
    }
}

clp_block *clp_block_append(clp_block **head, apr_pool_t *pool, clp_block_kind kind,
                            clp_jval origin)
{
    clp_block *b = block_make(pool, kind, origin);

    while (*head) {
        head = &(*head)->next;
    }
    *head = b;
    return b;
}

clp_text clp_conversation_call_name(const clp_conversation *c, clp_text id)
{
    const char *wanted = clp_text_cstr(id, c->pool);
    clp_text name = {{NULL, 0}, 0};

    for (const clp_turn *t = c->turns; t; t = t->next) {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (b->kind == CLP_BLOCK_TOOL_CALL && clp_text_is(b->id, wanted)) {
                name = b->name;
            }
        }
    }
    return name;
}
