/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_content.h"

#include "responses_calls.h"
#include "responses_hosted.h"
#include "responses_parts.h"
#include "texts.h"
#include "wire/text.h"

/* --- turns -------------------------------------------------------------------- */

/* All that the assistant said and did until somebody else has the word is one turn. */
static clp_turn *assistant_turn(clp_reading *r, clp_jval v)
{
    clp_turn *t = r->c->last_turn;
    return t && t->role == CLP_ROLE_ASSISTANT ? t
                                              : clp_conversation_turn(r->c, CLP_ROLE_ASSISTANT, v);
}

clp_block *clp_responses_assistant_block(clp_reading *r, clp_jval v, clp_block_kind kind)
{
    return clp_turn_block(assistant_turn(r, v), r->pool, kind, v);
}

static void read_message(clp_reading *r, clp_jval v)
{
    clp_jval role = clp_jval_get(v, "role");
    clp_turn *t;

    if (clp_jval_str_is(role, "assistant")) {
        t = assistant_turn(r, v);
        clp_responses_read_parts(r, v, "content", CLP_IN_ASSISTANT, &t->blocks);
    }
    else if (clp_jval_str_is(role, "user")) {
        t = clp_conversation_turn(r->c, CLP_ROLE_USER, v);
        clp_responses_read_parts(r, v, "content", CLP_IN_USER, &t->blocks);
    }
    else if (!clp_jval_str_is(role, "system") && !clp_jval_str_is(role, "developer")) {
        clp_reject_member(r, v, "role", "this role is not known");
        return;
    }
    else if (!r->c->turns) {
        clp_responses_read_parts(r, v, "content", CLP_IN_SYSTEM, &r->c->system);
        return;
    }
    else {
        t = clp_conversation_turn(r->c, CLP_ROLE_SYSTEM, v);
        clp_responses_read_parts(r, v, "content", CLP_IN_SYSTEM, &t->blocks);
    }
    clp_turn_end(t);
}

/* --- reasoning ------------------------------------------------------------------ */

static clp_text joined_texts(clp_reading *r, clp_jval parts)
{
    int texts = 0;
    CLP_JVAL_EACH (part, parts) {
        clp_text t = clp_read_text(r, part, "text");
        if (t.s.n) {
            if (texts++) {
                clp_buffer_lit(r->scratch, "\\n\\n");
            }
            clp_text_append_escaped(r->scratch, t);
        }
    }
    return clp_reading_take(r);
}

static void read_reasoning(clp_reading *r, clp_jval v)
{
    clp_block *b = clp_responses_assistant_block(r, v, CLP_BLOCK_REASONING);

    b->text = joined_texts(r, clp_read_array(r, v, "summary"));
    if (!b->text.s.n) {
        b->text = joined_texts(r, clp_read_array(r, v, "content"));
    }
    clp_state_read(&b->state, clp_read_text(r, v, "encrypted_content"), CLP_PROVIDER_OPENAI,
                   CLP_STATE_BLOCK, r->envelope_key, r->pool);
    if (b->state.kind == CLP_STATE_REDACTED) {
        b->kind = CLP_BLOCK_REDACTED;
    }
}

/* --- items ---------------------------------------------------------------------- */

static void read_reference(clp_reading *r, clp_jval v)
{
    clp_reject_member(r, v, "id", "no item of this id is known here");
}

static const clp_responses_item own_items[] = {
    {"message", read_message},
    {"reasoning", read_reasoning},
    {"item_reference", read_reference},
    {NULL, NULL},
};

static const clp_responses_item *item_find(clp_jval type)
{
    const clp_responses_item *const lists[] = {own_items, clp_responses_calls,
                                               clp_responses_hosted};

    for (apr_size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (const clp_responses_item *item = lists[i]; item->type; item++) {
            if (clp_jval_str_is(type, item->type)) {
                return item;
            }
        }
    }
    return NULL;
}

static void read_item(clp_reading *r, clp_jval v)
{
    clp_jval type = clp_jval_get(v, "type");
    const clp_responses_item *item = item_find(type);

    if (clp_jval_nil(type)) {
        read_message(r, v);
    }
    else if (item) {
        item->read(r, v);
    }
    else {
        clp_reject(r, type, "this type of item cannot be converted for this model");
    }
}

void clp_responses_read_input(clp_reading *r, clp_jval root)
{
    clp_jval input = clp_jval_get(root, "input");

    if (clp_jval_is_string(input)) {
        clp_turn *t = clp_conversation_turn(r->c, CLP_ROLE_USER, input);
        clp_turn_block(t, r->pool, CLP_BLOCK_TEXT, input)->text = clp_jval_text(input);
        return;
    }
    if (!clp_jval_is_array(input)) {
        clp_reject_member(r, root, "input", "a string or an array is required");
        return;
    }
    CLP_JVAL_EACH (v, input) {
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected an item");
        }
        if (r->problem) {
            return;
        }
        read_item(r, v);
    }
}
