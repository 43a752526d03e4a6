/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_content.h"

#include "gemini.h"
#include "carrier.h"
#include "gemini_calls.h"
#include "gemini_media.h"
#include "gemini_names.h"
#include "texts.h"
#include "wire/text.h"

typedef struct contents {
    clp_reading *r;
    const clp_envelope_key *key;
    clp_turn *turn; /* the last one */
    clp_gemini_calls calls;
} contents;

/* --- parts ---------------------------------------------------------------------------- */

static int is_model(const contents *c)
{
    return c->turn->role == CLP_ROLE_ASSISTANT;
}

static clp_block *add(contents *c, clp_block_kind kind, clp_jval origin)
{
    return clp_turn_block(c->turn, c->r->pool, kind, origin);
}

/* A signature of Gemini's own: where it stood is what its kind says. */
static void add_state(contents *c, clp_text signature, clp_state_kind kind, clp_jval origin)
{
    clp_block *b;

    if (!signature.s.n || clp_envelope_like(signature)) {
        return;
    }
    b = add(c, CLP_BLOCK_REASONING, origin);
    b->text = clp_text_str("");
    clp_state_read(&b->state, signature, CLP_PROVIDER_GEMINI, kind, NULL, c->r->pool);
}

static void read_thought(contents *c, clp_jval v, clp_text signature)
{
    clp_block *b = add(c, CLP_BLOCK_REASONING, v);

    b->text = clp_read_text(c->r, v, "text");
    if (signature.s.n && !clp_envelope_like(signature)) {
        clp_state_read(&b->state, signature, CLP_PROVIDER_GEMINI, CLP_STATE_BLOCK, NULL,
                       c->r->pool);
    }
}

static void read_text(contents *c, clp_jval v, clp_text signature)
{
    clp_text text = clp_read_text(c->r, v, "text");

    if (text.s.n) {
        add(c, CLP_BLOCK_TEXT, v)->text = text;
    }
    add_state(c, signature, text.s.n ? CLP_STATE_PREV_TEXT : CLP_STATE_EMPTY_TEXT, v);
}

static const struct {
    const char *name;
    clp_block_kind kind;
} members[] = {
    {"functionCall", CLP_BLOCK_TOOL_CALL}, {"functionResponse", CLP_BLOCK_TOOL_RESULT},
    {"inlineData", CLP_BLOCK_IMAGE},       {"fileData", CLP_BLOCK_DOCUMENT},
    {"executableCode", CLP_BLOCK_SERVER},  {"codeExecutionResult", CLP_BLOCK_OPAQUE},
};

static void read_member(contents *c, clp_jval part, clp_jval v, clp_block_kind kind)
{
    clp_block *b = add(c, kind, part);

    switch (kind) {
    case CLP_BLOCK_TOOL_CALL: clp_gemini_read_call(&c->calls, v, b); break;
    case CLP_BLOCK_TOOL_RESULT: clp_gemini_read_result(&c->calls, v, b); break;
    case CLP_BLOCK_SERVER: clp_gemini_read_code(c->r, v, b); break;
    case CLP_BLOCK_OPAQUE:
        b->kind = CLP_BLOCK_SERVER;
        clp_gemini_read_code_result(c->r, v, b);
        break;
    default: clp_gemini_read_media(c->r, v, b, kind == CLP_BLOCK_DOCUMENT, is_model(c));
    }
}

/* A call in a user's content, or a response in a model's, fits no protocol. */
static int fits_role(const contents *c, clp_block_kind kind)
{
    return kind == CLP_BLOCK_TOOL_CALL     ? is_model(c)
           : kind == CLP_BLOCK_TOOL_RESULT ? !is_model(c)
                                           : 1;
}

/*
 * The member that holds the data of a part, none if that is its text. A part is
 * one thing; of two the one not looked at would be lost.
 */
static clp_jval find_member(contents *c, clp_jval part, clp_block_kind *kind)
{
    clp_jval found = CLP_JVAL_NONE;
    int things = clp_jval_text(clp_jval_get(part, "text")).s.n > 0;

    for (apr_size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        clp_jval m = clp_gemini_get(part, members[i].name);
        if (!clp_jval_nil(m)) {
            found = m;
            *kind = members[i].kind;
            things++;
        }
    }
    if (things > 1) {
        clp_reject(c->r, part, "holds more than one kind of data");
    }
    return found;
}

/* Is there more than a text and notes about it? It is data of a kind that is not known. */
static int holds_unknown(clp_jval part)
{
    static const char *const notes[] = {"text", "thought", "thoughtSignature", "partMetadata"};

    CLP_JVAL_EACH (m, part) {
        int known = clp_jval_nil(m);
        for (apr_size_t i = 0; !known && i < sizeof(notes) / sizeof(notes[0]); i++) {
            known = clp_gemini_named(m, notes[i]);
        }
        if (!known) {
            return 1;
        }
    }
    return 0;
}

static void read_data(contents *c, clp_jval part, clp_jval m, clp_block_kind kind,
                      clp_text signature)
{
    if (!clp_jval_is_object(m)) {
        clp_reject(c->r, m, "expected an object");
        return;
    }
    if (!fits_role(c, kind)) {
        clp_reject(c->r, m, "cannot stand in a content of this role");
        return;
    }
    if (kind == CLP_BLOCK_TOOL_CALL) {
        add_state(c, signature, CLP_STATE_NEXT_CALL, part);
    }
    read_member(c, part, m, kind);
}

static void read_part_object(contents *c, clp_jval v)
{
    clp_text signature = clp_read_text(c->r, v, clp_gemini_name(v, "thoughtSignature", c->r->pool));
    int thought = clp_read_flag(c->r, v, "thought") == 1 && is_model(c);
    clp_block_kind kind = CLP_BLOCK_TEXT;
    clp_jval data = find_member(c, v, &kind);

    if (c->r->problem) {
        return;
    }
    if (clp_text_is(signature, CLP_GEMINI_SKIP_MARK) || !is_model(c)) {
        signature = clp_text_str("");
    }
    clp_carrier_open(c->r, c->turn, signature, c->key, v);
    if (!clp_jval_ok(data) && !clp_jval_text(clp_jval_get(v, "text")).s.n && holds_unknown(v)) {
        clp_reject(c->r, v, "this kind of part is not known");
    }
    else if (thought && kind != CLP_BLOCK_TOOL_CALL) {
        read_thought(c, v, signature);
    }
    else if (clp_jval_ok(data)) {
        read_data(c, v, data, kind, signature);
    }
    else {
        read_text(c, v, signature);
    }
}

static void read_part(contents *c, clp_jval v)
{
    if (clp_jval_is_string(v)) {
        if (clp_jval_text(v).s.n) {
            add(c, CLP_BLOCK_TEXT, v)->text = clp_jval_text(v);
        }
    }
    else if (clp_jval_is_object(v)) {
        read_part_object(c, v);
    }
    else {
        clp_reject(c->r, v, "expected a part");
    }
    c->calls.part++;
}

/* --- contents ---------------------------------------------------------------------------- */

/* Chunks of a stream come back as contents of their own: one turn to all others. */
static void turn_of(contents *c, clp_role role, clp_jval origin)
{
    if (c->turn && c->turn->role == role) {
        return;
    }
    c->turn = clp_conversation_turn(c->r->c, role, origin);
    if (role == CLP_ROLE_ASSISTANT) {
        clp_gemini_calls_forget(&c->calls);
    }
}

static int read_role(clp_reading *r, clp_jval v, clp_role *role)
{
    clp_jval name = clp_jval_get(v, "role");

    *role = CLP_ROLE_USER;
    if (clp_jval_nil(name) || clp_jval_str_is(name, "user") || clp_jval_str_is(name, "function") ||
        clp_jval_str_is(name, "tool") || clp_jval_str_is(name, "")) {
        return 1;
    }
    *role = CLP_ROLE_ASSISTANT;
    if (clp_jval_str_is(name, "model")) {
        return 1;
    }
    clp_reject(r, name, "expected \"user\" or \"model\"");
    return 0;
}

static int is_content(clp_jval v)
{
    return clp_jval_is_object(v) &&
           (clp_jval_ok(clp_jval_get(v, "parts")) || clp_jval_ok(clp_jval_get(v, "role")));
}

static void read_content(contents *c, clp_jval v)
{
    clp_jval parts = clp_jval_get(v, "parts");
    clp_role role;

    if (!read_role(c->r, v, &role)) {
        return;
    }
    turn_of(c, role, v);
    c->calls.part = 0;
    if (clp_jval_is_array(parts)) {
        CLP_JVAL_EACH (part, parts) {
            if (c->r->problem) {
                return;
            }
            read_part(c, part);
        }
    }
    else if (!clp_jval_nil(parts)) {
        read_part(c, parts);
    }
}

static void read_element(contents *c, clp_jval v)
{
    if (is_content(v)) {
        read_content(c, v);
    }
    else {
        turn_of(c, CLP_ROLE_USER, v);
        c->calls.part = 0;
        read_part(c, v);
    }
    c->calls.content++;
}

void clp_gemini_read_turns(clp_reading *r, clp_jval value, const clp_envelope_key *key)
{
    contents c;

    memset(&c, 0, sizeof(c));
    c.r = r;
    c.key = key;
    clp_gemini_calls_init(&c.calls, r);
    if (!clp_jval_is_array(value)) {
        read_element(&c, value);
        return;
    }
    CLP_JVAL_EACH (v, value) {
        if (r->problem) {
            return;
        }
        read_element(&c, v);
    }
}

/* --- systemInstruction ---------------------------------------------------------------------- */

static clp_block **system_part(clp_reading *r, clp_jval v, clp_block **tail)
{
    clp_jval text = clp_jval_is_string(v) ? v : clp_jval_get(v, "text");

    if (!clp_jval_is_string(text)) {
        clp_reject(r, v, "expected a text");
        return tail;
    }
    *tail = clp_block_append(tail, r->pool, CLP_BLOCK_TEXT, v);
    (*tail)->text = clp_jval_text(text);
    return &(*tail)->next;
}

static clp_block **system_element(clp_reading *r, clp_jval v, clp_block **tail)
{
    clp_jval parts = clp_jval_get(v, "parts");

    if (clp_jval_is_array(parts)) {
        CLP_JVAL_EACH (part, parts) {
            tail = system_part(r, part, tail);
            if (r->problem) {
                break;
            }
        }
        return tail;
    }
    if (is_content(v)) {
        return clp_jval_nil(parts) ? tail : system_part(r, parts, tail);
    }
    return system_part(r, v, tail);
}

void clp_gemini_read_system(clp_reading *r, clp_jval system)
{
    clp_block **tail = &r->c->system;

    if (clp_jval_nil(system)) {
        return;
    }
    if (!clp_jval_is_array(system)) {
        system_element(r, system, tail);
        return;
    }
    CLP_JVAL_EACH (v, system) {
        tail = system_element(r, v, tail);
        if (r->problem) {
            return;
        }
    }
}
