/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_content.h"

#include "texts.h"
#include "wire/text.h"

/* What tools without a schema of their own look like as functions. */
#define LOCAL_SHELL_SCHEMA                                                                         \
    "{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"array\",\"items\":{\"type\":"    \
    "\"string\"},\"description\":\"The command and its arguments, one by one.\"},"                 \
    "\"timeout_ms\":{\"type\":\"integer\"},\"workdir\":{\"type\":\"string\"},\"env\":{\"type\":"   \
    "\"object\",\"additionalProperties\":{\"type\":\"string\"}}},\"required\":[\"command\"]}"
#define SHELL_SCHEMA                                                                               \
    "{\"type\":\"object\",\"properties\":{\"commands\":{\"type\":\"array\",\"items\":{\"type\":"   \
    "\"string\"},\"description\":\"Commands for the shell, run one after the other.\"},"           \
    "\"timeout_ms\":{\"type\":\"integer\"},\"max_output_length\":{\"type\":\"integer\"}},"         \
    "\"required\":[\"commands\"]}"
#define APPLY_PATCH_SCHEMA                                                                         \
    "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\",\"enum\":[\"create_"       \
    "file\","                                                                                      \
    "\"update_file\",\"delete_file\"]},\"path\":{\"type\":\"string\"},\"diff\":{\"type\":"         \
    "\"string\",\"description\":\"V4A diff; left out to delete a file.\"}},\"required\":["         \
    "\"type\",\"path\"]}"
#define TOOL_SEARCH_SCHEMA                                                                         \
    "{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\"}},\"required\":["         \
    "\"query\"]}"

static const struct {
    const char *type;
    clp_tool_bridge bridge;
    const char *description;
    const char *schema;
} bridged[] = {
    {"local_shell", CLP_BRIDGE_LOCAL_SHELL, "Run a command on the user's machine.",
     LOCAL_SHELL_SCHEMA},
    {"shell", CLP_BRIDGE_SHELL, "Run shell commands on the user's machine.", SHELL_SCHEMA},
    {"apply_patch", CLP_BRIDGE_APPLY_PATCH, "Create, change or delete a file.", APPLY_PATCH_SCHEMA},
    {"tool_search", CLP_BRIDGE_TOOL_SEARCH, "Search for tools that are not loaded yet.",
     TOOL_SEARCH_SCHEMA},
};

/* What every request of some clients offers, needed or not. */
static int is_optional(clp_text type)
{
    return clp_text_starts(type, "web_search") || clp_text_is(type, "image_generation");
}

clp_text clp_responses_qualified(clp_reading *r, clp_text space, clp_text inner)
{
    if (!space.s.n) {
        return inner;
    }
    clp_text_append_escaped(r->scratch, space);
    clp_buffer_lit(r->scratch, "__");
    clp_text_append_escaped(r->scratch, inner);
    return clp_reading_take(r);
}

static int is_there(const clp_reading *r, clp_text name)
{
    const char *plain = clp_text_cstr(name, r->pool);
    for (int i = 0; i < r->c->tools->nelts; i++) {
        const clp_tool *t = &APR_ARRAY_IDX(r->c->tools, i, clp_tool);
        if (t->name.s.p && t->kind != CLP_TOOL_SERVER && clp_text_is(t->name, plain)) {
            return 1;
        }
    }
    return 0;
}

static void add(clp_reading *r, const clp_tool *t, int again)
{
    if (!r->problem && !(again && is_there(r, t->name))) {
        APR_ARRAY_PUSH(r->c->tools, clp_tool) = *t;
    }
}

static clp_tool tool_of(clp_reading *r, clp_jval v)
{
    clp_tool t;
    memset(&t, 0, sizeof(t));
    t.origin = v;
    t.strict = -1;
    t.type = clp_read_name_needed(r, v, "type");
    return t;
}

static void read_named(clp_reading *r, clp_jval v, clp_tool *t, clp_text space)
{
    clp_text name = clp_read_name_needed(r, v, "name");
    t->description = clp_read_text(r, v, "description");
    if (clp_text_is(t->type, "custom")) {
        t->kind = CLP_TOOL_CUSTOM;
        t->format = clp_read_object_raw(r, v, "format");
    }
    else {
        t->kind = CLP_TOOL_FUNCTION;
        t->schema = clp_read_object_raw(r, v, "parameters");
        t->strict = clp_read_flag(r, v, "strict");
    }
    t->name = name;
    if (space.s.n && !r->problem) {
        t->space = space;
        t->inner = name;
        t->name = clp_responses_qualified(r, space, name);
    }
}

static int is_named(clp_text type)
{
    return clp_text_is(type, "function") || clp_text_is(type, "custom");
}

static void read_namespace(clp_reading *r, clp_jval v, int again)
{
    clp_text space = clp_read_name_needed(r, v, "name");
    CLP_JVAL_EACH (inner, clp_read_array(r, v, "tools")) {
        clp_tool t = tool_of(r, inner);
        if (!r->problem && !is_named(t.type)) {
            clp_reject_member(r, inner, "type", "expected \"function\" or \"custom\"");
        }
        if (r->problem) {
            return;
        }
        read_named(r, inner, &t, space);
        add(r, &t, again);
    }
}

/* One of the client's machine; its own words for it go before ours. */
static int read_bridged(clp_reading *r, clp_jval v, clp_tool *t)
{
    for (apr_size_t i = 0; i < sizeof(bridged) / sizeof(bridged[0]); i++) {
        if (!clp_text_is(t->type, bridged[i].type)) {
            continue;
        }
        t->kind = CLP_TOOL_FUNCTION;
        t->bridge = bridged[i].bridge;
        t->name = clp_text_str(bridged[i].type);
        t->description = clp_text_str(bridged[i].description);
        t->schema = clp_span_str(bridged[i].schema);
        if (t->bridge == CLP_BRIDGE_TOOL_SEARCH) {
            clp_text words = clp_read_text(r, v, "description");
            clp_span schema = clp_read_object_raw(r, v, "parameters");
            t->description = words.s.n ? words : t->description;
            t->schema = schema.p ? schema : t->schema;
        }
        return 1;
    }
    return 0;
}

static void read_tool(clp_reading *r, clp_jval v, int again)
{
    clp_tool t = tool_of(r, v);
    if (r->problem) {
        return;
    }
    if (clp_text_is(t.type, "namespace")) {
        read_namespace(r, v, again);
        return;
    }
    if (is_named(t.type)) {
        read_named(r, v, &t, clp_text_str(NULL));
    }
    else if (clp_text_is(t.type, "tool_search") &&
             !clp_jval_str_is(clp_jval_get(v, "execution"), "client")) {
        /* run by the provider, to spare it the tools that are all told here */
        t.kind = CLP_TOOL_SERVER;
        t.optional = 1;
    }
    else if (!read_bridged(r, v, &t)) {
        t.kind = CLP_TOOL_SERVER;
        t.optional = is_optional(t.type);
        t.name = clp_read_text(r, v, "name");
    }
    add(r, &t, again);
}

void clp_responses_read_tools(clp_reading *r, clp_jval tools, int again)
{
    CLP_JVAL_EACH (v, tools) {
        if (!clp_jval_is_object(v)) {
            clp_reject(r, v, "expected a tool");
        }
        if (r->problem) {
            return;
        }
        read_tool(r, v, again);
    }
}

int clp_responses_knows_tool(const clp_reading *r, clp_text type)
{
    static const char *const hosted[] = {"file_search", "code_interpreter",     "mcp",
                                         "computer",    "computer_use_preview", NULL};
    int known = is_named(type) || is_optional(type);

    for (apr_size_t i = 0; !known && i < sizeof(bridged) / sizeof(bridged[0]); i++) {
        known = clp_text_is(type, bridged[i].type);
    }
    for (const char *const *h = hosted; !known && *h; h++) {
        known = clp_text_is(type, *h);
    }
    for (int i = 0; !known && i < r->c->tools->nelts; i++) {
        known =
            clp_text_is(APR_ARRAY_IDX(r->c->tools, i, clp_tool).type, clp_text_cstr(type, r->pool));
    }
    return known;
}
