/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_content.h"

#include <apr_strings.h>

#include "chat_state.h"
#include "dialect/tools.h"
#include "openai_parts.h"
#include "texts.h"
#include "wire/text.h"

/* The function era has no ids: a call and its result find each other by name. */
typedef struct era {
    const clp_block *call; /* the last function call that has no result yet */
    int calls;             /* ids given so far */
} era;

static void read_image(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_jval image = clp_read_object(r, v, "image_url");
    clp_text url = clp_read_name_needed(r, image, "url");

    if (!clp_jval_ok(image)) {
        clp_reject_member(r, v, "image_url", "an object is required");
        return;
    }
    b->media.detail = clp_read_text(r, image, "detail");
    clp_part_read_image_url(r, image, "url", url, b);
}

static void read_file(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_jval file = clp_read_object(r, v, "file");
    clp_jval data = clp_jval_get(file, "file_data");

    b->media.filename = clp_read_text(r, file, "filename");
    if (clp_jval_nil(data)) {
        b->media.source = CLP_MEDIA_FILE;
        b->media.data = clp_read_name_needed(r, file, "file_id");
        return;
    }
    clp_part_read_file_data(r, file, clp_read_name_needed(r, file, "file_data"), b);
}

static const clp_part_type types[] = {
    {"text", CLP_BLOCK_TEXT, CLP_IN_USER | CLP_IN_ASSISTANT | CLP_IN_SYSTEM | CLP_IN_RESULT,
     clp_part_read_text},
    {"image_url", CLP_BLOCK_IMAGE, CLP_IN_USER | CLP_IN_RESULT, read_image},
    {"input_audio", CLP_BLOCK_AUDIO, CLP_IN_USER | CLP_IN_RESULT, clp_part_read_audio},
    {"file", CLP_BLOCK_DOCUMENT, CLP_IN_USER | CLP_IN_RESULT, read_file},
    {"refusal", CLP_BLOCK_REFUSAL, CLP_IN_ASSISTANT, clp_part_read_refusal},
    {NULL, CLP_BLOCK_TEXT, 0, NULL},
};

/*
 * `content` of a message: a string or parts, appended at `tail`.
 * @return the last block written, NULL for none
 */
static clp_block *read_content(clp_reading *r, clp_jval message, clp_place where, clp_block **tail)
{
    clp_jval content = clp_jval_get(message, "content");
    clp_block *last = NULL;

    if (clp_jval_nil(content)) {
        if (where & (CLP_IN_USER | CLP_IN_SYSTEM)) {
            clp_reject_member(r, message, "content", "a string or an array is required");
        }
        return NULL;
    }
    if (clp_jval_is_string(content)) {
        last = clp_block_append(tail, r->pool, CLP_BLOCK_TEXT, content);
        last->text = clp_jval_text(content);
    }
    else if (clp_jval_is_array(content)) {
        CLP_JVAL_EACH (v, content) {
            if (!clp_jval_is_object(v)) {
                clp_reject(r, v, "expected a content part");
                return NULL;
            }
            last = clp_part_read(r, v, types, where, tail);
            if (!last) {
                return NULL;
            }
            last->cache = clp_read_object_raw(r, v, "cache_control");
            tail = &last->next;
        }
    }
    else {
        clp_reject(r, content, "expected a string or an array");
    }
    if (last && !last->cache.p) {
        last->cache = clp_read_object_raw(r, message, "cache_control");
    }
    return last;
}

static void read_call(clp_reading *r, clp_jval v, clp_turn *t)
{
    clp_block *b;
    clp_jval function = clp_read_object(r, v, "function");
    clp_jval custom = clp_read_object(r, v, "custom");
    clp_jval arguments = clp_jval_get(function, "arguments");

    clp_chat_state_read(r, t, v, CLP_STATE_NEXT_CALL);
    b = clp_turn_block(t, r->pool, CLP_BLOCK_TOOL_CALL, v);
    b->id = clp_read_name_needed(r, v, "id");
    if (clp_jval_ok(custom)) {
        b->custom = 1;
        b->name = clp_read_name_needed(r, custom, "name");
        b->text = clp_read_text_needed(r, custom, "input");
    }
    else if (clp_jval_ok(function)) {
        b->name = clp_read_name_needed(r, function, "name");
        if (clp_jval_is_object(arguments)) {
            b->input.object = clp_jval_raw(arguments);
        }
        else {
            b->input.arguments = clp_read_text(r, function, "arguments");
        }
    }
    else {
        clp_reject_member(r, v, "type", "expected a call of type \"function\" or \"custom\"");
    }
    if (!b->input.object.p && !b->input.arguments.s.p) {
        b->input.arguments = clp_text_str("");
    }
}

static void read_era_call(clp_reading *r, clp_jval v, clp_turn *t, era *e)
{
    clp_block *b = clp_turn_block(t, r->pool, CLP_BLOCK_TOOL_CALL, v);

    b->id = clp_text_str(apr_psprintf(r->pool, "call_%d", ++e->calls));
    b->name = clp_read_name_needed(r, v, "name");
    b->input.arguments = clp_read_text(r, v, "arguments");
    if (!b->input.arguments.s.p) {
        b->input.arguments = clp_text_str("");
    }
    e->call = b;
    r->c->legacy_functions = 1;
}

static void read_assistant(clp_reading *r, clp_jval v, era *e)
{
    clp_turn *t = clp_conversation_turn(r->c, CLP_ROLE_ASSISTANT, v);
    clp_text reasoning = clp_read_text(r, v, "reasoning_content");
    clp_text refusal = clp_read_text(r, v, "refusal");
    clp_jval call = clp_read_object(r, v, "function_call");

    if (!reasoning.s.p && clp_jval_is_string(clp_jval_get(v, "reasoning"))) {
        reasoning = clp_jval_text(clp_jval_get(v, "reasoning"));
    }
    if (reasoning.s.n) {
        clp_turn_block(t, r->pool, CLP_BLOCK_REASONING, v)->text = reasoning;
    }
    read_content(r, v, CLP_IN_ASSISTANT, t->last ? &t->last->next : &t->blocks);
    clp_turn_end(t);
    clp_chat_state_read(r, t, v,
                        t->last && t->last->kind == CLP_BLOCK_TEXT && t->last->text.s.n
                            ? CLP_STATE_PREV_TEXT
                            : CLP_STATE_EMPTY_TEXT);
    if (refusal.s.n) {
        clp_turn_block(t, r->pool, CLP_BLOCK_REFUSAL, v)->text = refusal;
    }
    if (!clp_jval_nil(clp_jval_get(v, "audio"))) {
        clp_reject(r, clp_jval_get(v, "audio"), "audio of an earlier answer cannot be converted");
    }
    CLP_JVAL_EACH (c, clp_read_array(r, v, "tool_calls")) {
        if (r->problem) {
            return;
        }
        read_call(r, c, t);
    }
    if (clp_jval_ok(call)) {
        read_era_call(r, call, t, e);
    }
}

static clp_block *read_result(clp_reading *r, clp_jval v)
{
    clp_turn *t = clp_conversation_turn(r->c, CLP_ROLE_USER, v);
    clp_block *b = clp_turn_block(t, r->pool, CLP_BLOCK_TOOL_RESULT, v);

    read_content(r, v, CLP_IN_RESULT, &b->children);
    clp_part_read_failure(b);
    return b;
}

static void read_era_result(clp_reading *r, clp_jval v, era *e)
{
    clp_block *b = read_result(r, v);

    b->name = clp_read_name_needed(r, v, "name");
    if (e->call && !r->problem && clp_text_is(e->call->name, clp_text_cstr(b->name, r->pool))) {
        b->id = e->call->id;
        e->call = NULL;
    }
    else {
        b->id = clp_text_str(apr_psprintf(r->pool, "call_%d", ++e->calls));
    }
    r->c->legacy_functions = 1;
}

static void read_message(clp_reading *r, clp_jval v, era *e, clp_block **system)
{
    clp_jval role = clp_jval_get(v, "role");

    if (clp_jval_str_is(role, "user")) {
        clp_turn *t = clp_conversation_turn(r->c, CLP_ROLE_USER, v);
        read_content(r, v, CLP_IN_USER, &t->blocks);
        clp_turn_end(t);
    }
    else if (clp_jval_str_is(role, "assistant")) {
        read_assistant(r, v, e);
    }
    else if (clp_jval_str_is(role, "tool")) {
        read_result(r, v)->id = clp_read_name_needed(r, v, "tool_call_id");
    }
    else if (clp_jval_str_is(role, "function")) {
        read_era_result(r, v, e);
    }
    else if (!clp_jval_str_is(role, "system") && !clp_jval_str_is(role, "developer")) {
        clp_reject_member(r, v, "role", "this role is not known");
    }
    else if (r->c->turns) {
        clp_turn *t = clp_conversation_turn(r->c, CLP_ROLE_SYSTEM, v);
        read_content(r, v, CLP_IN_SYSTEM, &t->blocks);
        clp_turn_end(t);
    }
    else {
        read_content(r, v, CLP_IN_SYSTEM, system);
    }
}

void clp_chat_read_turns(clp_reading *r, clp_jval messages)
{
    clp_block **system = &r->c->system;
    era e = {NULL, 0};

    CLP_JVAL_EACH (v, messages) {
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected a message");
        }
        if (r->problem) {
            return;
        }
        read_message(r, v, &e, system);
        while (*system) {
            system = &(*system)->next;
        }
    }
}
