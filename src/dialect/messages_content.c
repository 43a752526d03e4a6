/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "messages_content.h"

#include "media.h"
#include "wire/text.h"

/* Where a block stands decides what it may be. */
typedef enum place {
    IN_USER = 1,
    IN_ASSISTANT = 2,
    IN_SYSTEM = 4,
    IN_RESULT = 8,   /* content of a tool result */
    IN_DOCUMENT = 16 /* content of a document */
} place;

static void read_content(clp_reading *r, clp_jval parent, place where, clp_block **tail);

static void read_text(clp_reading *r, clp_jval v, clp_block *b)
{
    b->text = clp_read_text_needed(r, v, "text");
}

static void read_source(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_jval source = clp_read_object(r, v, "source");
    clp_jval type = clp_jval_get(source, "type");
    clp_media *m = &b->media;

    if (!clp_jval_ok(source)) {
        clp_reject_member(r, v, "source", "an object is required");
        return;
    }
    if (clp_jval_str_is(type, "base64") || clp_jval_str_is(type, "text")) {
        m->source = clp_jval_str_is(type, "text") ? CLP_MEDIA_TEXT : CLP_MEDIA_BASE64;
        m->mime = clp_media_type(clp_read_name_needed(r, source, "media_type"), r->pool);
        m->data = clp_read_text_needed(r, source, "data");
    }
    else if (clp_jval_str_is(type, "url")) {
        m->source = CLP_MEDIA_URL;
        m->data = clp_read_name_needed(r, source, "url");
    }
    else if (clp_jval_str_is(type, "file")) {
        m->source = CLP_MEDIA_FILE;
        m->data = clp_read_name_needed(r, source, "file_id");
    }
    else if (clp_jval_str_is(type, "content") && b->kind == CLP_BLOCK_DOCUMENT) {
        m->source = CLP_MEDIA_TEXT;
        m->data = clp_text_str("");
        read_content(r, source, IN_DOCUMENT, &b->children);
    }
    else {
        clp_reject_member(r, source, "type", "this kind of source is not known");
    }
}

static void read_document(clp_reading *r, clp_jval v, clp_block *b)
{
    b->title = clp_read_text(r, v, "title");
    b->context = clp_read_text(r, v, "context");
    read_source(r, v, b);
}

static void read_thinking(clp_reading *r, clp_jval v, clp_block *b)
{
    b->text = clp_read_text(r, v, "thinking");
    clp_state_read(&b->state, clp_read_text(r, v, "signature"), CLP_PROVIDER_CLAUDE,
                   CLP_STATE_BLOCK, r->envelope_key, r->pool);
}

static void read_redacted(clp_reading *r, clp_jval v, clp_block *b)
{
    clp_state_read(&b->state, clp_read_text_needed(r, v, "data"), CLP_PROVIDER_CLAUDE,
                   CLP_STATE_REDACTED, r->envelope_key, r->pool);
}

static void read_call(clp_reading *r, clp_jval v, clp_block *b)
{
    b->id = clp_read_name_needed(r, v, "id");
    b->name = clp_read_name_needed(r, v, "name");
    b->input.object = clp_read_object_raw(r, v, "input");
    if (!b->input.object.p) {
        b->input.object = CLP_SPAN_LIT("{}");
    }
}

static void read_result(clp_reading *r, clp_jval v, clp_block *b)
{
    b->id = clp_read_name_needed(r, v, "tool_use_id");
    b->is_error = clp_read_flag(r, v, "is_error") == 1;
    if (!clp_jval_nil(clp_jval_get(v, "content"))) {
        read_content(r, v, IN_RESULT, &b->children);
    }
}

static void read_rendered(clp_reading *r, clp_jval v, clp_block *b)
{
    b->text = clp_messages_render(r, v);
}

static void read_search(clp_reading *r, clp_jval v, clp_block *b)
{
    b->text = clp_messages_render_search(r, v);
}

static const struct {
    const char *type;
    clp_block_kind kind;
    unsigned places;
    void (*read)(clp_reading *r, clp_jval v, clp_block *b);
} kinds[] = {
    {"text", CLP_BLOCK_TEXT, IN_USER | IN_ASSISTANT | IN_SYSTEM | IN_RESULT | IN_DOCUMENT,
     read_text},
    {"image", CLP_BLOCK_IMAGE, IN_USER | IN_RESULT | IN_DOCUMENT, read_source},
    {"document", CLP_BLOCK_DOCUMENT, IN_USER | IN_RESULT, read_document},
    {"tool_use", CLP_BLOCK_TOOL_CALL, IN_ASSISTANT, read_call},
    {"tool_result", CLP_BLOCK_TOOL_RESULT, IN_USER, read_result},
    {"thinking", CLP_BLOCK_REASONING, IN_ASSISTANT, read_thinking},
    {"redacted_thinking", CLP_BLOCK_REDACTED, IN_ASSISTANT, read_redacted},
    {"search_result", CLP_BLOCK_OPAQUE, IN_USER | IN_RESULT, read_search},
    {"tool_reference", CLP_BLOCK_OPAQUE, IN_USER | IN_RESULT | IN_SYSTEM, read_rendered},
    {"browser_state", CLP_BLOCK_OPAQUE, IN_USER | IN_RESULT, read_rendered},
    {"compaction", CLP_BLOCK_OPAQUE, IN_USER | IN_ASSISTANT, read_rendered},
    {"server_tool_use", CLP_BLOCK_SERVER, IN_ASSISTANT, read_rendered},
    {"mcp_tool_use", CLP_BLOCK_SERVER, IN_ASSISTANT, read_rendered},
    {"container_upload", CLP_BLOCK_SERVER, IN_USER | IN_ASSISTANT, read_rendered},
};

/* Results of a provider's tools are many, and all end in this. */
static int is_server_result(clp_text type)
{
    static const char suffix[] = "_tool_result";
    apr_size_t n = sizeof(suffix) - 1;
    return type.s.n > n && memcmp(type.s.p + type.s.n - n, suffix, n) == 0;
}

static void read_block(clp_reading *r, clp_jval v, place where, clp_block **tail)
{
    clp_jval type = clp_jval_get(v, "type");

    for (apr_size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (clp_jval_str_is(type, kinds[i].type)) {
            clp_block *b;
            if (!(kinds[i].places & where)) {
                clp_reject(r, type, "a block of type \"%s\" cannot stand here", kinds[i].type);
                return;
            }
            b = clp_block_append(tail, r->pool, kinds[i].kind, v);
            b->cache = clp_read_object_raw(r, v, "cache_control");
            kinds[i].read(r, v, b);
            return;
        }
    }
    if (clp_jval_is_string(type) && is_server_result(clp_jval_text(type)) &&
        (where & (IN_ASSISTANT | IN_USER))) {
        clp_block *b = clp_block_append(tail, r->pool, CLP_BLOCK_SERVER, v);
        read_rendered(r, v, b);
        return;
    }
    clp_reject_member(r, v, "type", "this type of content block is not known");
}

/* `content` of the parent, a string or blocks, appended to an empty list. */
static void read_content(clp_reading *r, clp_jval parent, place where, clp_block **tail)
{
    clp_jval content = clp_jval_get(parent, "content");

    if (clp_jval_is_string(content)) {
        clp_block *b = clp_block_append(tail, r->pool, CLP_BLOCK_TEXT, content);
        b->text = clp_jval_text(content);
        return;
    }
    if (!clp_jval_is_array(content)) {
        clp_reject_member(r, parent, "content", "expected a string or an array");
        return;
    }
    CLP_JVAL_EACH (v, content) {
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected a content block");
        }
        else {
            read_block(r, v, where, tail);
        }
        if (r->problem) {
            return;
        }
        while (*tail) {
            tail = &(*tail)->next;
        }
    }
}

void clp_messages_read_system(clp_reading *r, clp_jval system)
{
    clp_block **tail = &r->c->system;

    if (clp_jval_nil(system)) {
        return;
    }
    if (clp_jval_is_string(system)) {
        clp_block_append(tail, r->pool, CLP_BLOCK_TEXT, system)->text = clp_jval_text(system);
        return;
    }
    if (!clp_jval_is_array(system)) {
        clp_reject(r, system, "expected a string or an array");
        return;
    }
    CLP_JVAL_EACH (v, system) {
        clp_block *b;
        if (!clp_jval_str_is(clp_jval_get(v, "type"), "text")) {
            clp_reject_member(r, v, "type", "expected \"text\"");
            return;
        }
        b = clp_block_append(tail, r->pool, CLP_BLOCK_TEXT, v);
        b->cache = clp_read_object_raw(r, v, "cache_control");
        read_text(r, v, b);
        tail = &b->next;
    }
}

static int read_role(clp_reading *r, clp_jval v, clp_role *role, place *where)
{
    clp_jval name = clp_jval_get(v, "role");

    if (clp_jval_str_is(name, "user")) {
        *role = CLP_ROLE_USER;
        *where = IN_USER;
    }
    else if (clp_jval_str_is(name, "assistant")) {
        *role = CLP_ROLE_ASSISTANT;
        *where = IN_ASSISTANT;
    }
    else if (clp_jval_str_is(name, "system")) {
        *role = CLP_ROLE_SYSTEM;
        *where = IN_SYSTEM;
    }
    else {
        clp_reject_member(r, v, "role", "expected \"user\", \"assistant\" or \"system\"");
        return 0;
    }
    return 1;
}

void clp_messages_read_turns(clp_reading *r, clp_jval messages)
{
    CLP_JVAL_EACH (v, messages) {
        clp_role role;
        place where;
        clp_turn *t;

        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected a message");
        }
        if (r->problem || !read_role(r, v, &role, &where)) {
            return;
        }
        t = clp_conversation_turn(r->c, role, v);
        read_content(r, v, where, &t->blocks);
        clp_turn_end(t);
    }
}
