/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_echo.h"

#include "answer_output.h"
#include "wire/json_write.h"
#include "wire/text.h"

struct clp_responses_echo {
    apr_pool_t *pool;
    const clp_conversation *request; /* NULL if it is no Responses request */
    clp_buffer members;
};

/* Each with what stands there when the request does not say. */
static const struct {
    const char *name;
    const char *otherwise;
} members[] = {
    {"instructions", "null"},        {"max_output_tokens", "null"},
    {"max_tool_calls", "null"},      {"metadata", "{}"},
    {"parallel_tool_calls", "true"}, {"previous_response_id", "null"},
    {"prompt_cache_key", "null"},    {"reasoning", "{\"effort\":null,\"summary\":null}"},
    {"safety_identifier", "null"},   {"service_tier", "null"},
    {"temperature", "null"},         {"text", "{\"format\":{\"type\":\"text\"}}"},
    {"tool_choice", "\"auto\""},     {"tools", "[]"},
    {"top_logprobs", "null"},        {"top_p", "null"},
    {"truncation", "\"disabled\""},  {"user", "null"},
};

/* In JSON a raw line end can only be white space. */
static void append_line(clp_buffer *out, clp_span json)
{
    apr_size_t from = out->n;
    clp_answer_text(out, json);
    for (apr_size_t i = from; i < out->n; i++) {
        if (out->p[i] == '\n' || out->p[i] == '\r') {
            out->p[i] = ' ';
        }
    }
}

clp_span clp_responses_echo_members(clp_responses_echo *echo)
{
    clp_jval root = echo->request ? clp_json_root(echo->request->doc) : CLP_JVAL_NONE;
    if (echo->members.n) {
        return clp_buffer_all(&echo->members);
    }
    clp_buffer_lit(&echo->members, ",\"store\":false");
    for (apr_size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        clp_jval v = clp_jval_get(root, members[i].name);
        clp_buffer_lit(&echo->members, ",\"");
        clp_buffer_puts(&echo->members, members[i].name);
        clp_buffer_lit(&echo->members, "\":");
        append_line(&echo->members,
                    clp_jval_nil(v) ? clp_span_str(members[i].otherwise) : clp_jval_raw(v));
    }
    return clp_buffer_all(&echo->members);
}

const clp_tool *clp_responses_echo_tool(const clp_responses_echo *echo, clp_text name)
{
    const char *plain;
    if (!echo->request) {
        return NULL;
    }
    plain = clp_text_cstr(name, echo->pool);
    for (int i = 0; i < echo->request->tools->nelts; i++) {
        const clp_tool *t = &APR_ARRAY_IDX(echo->request->tools, i, clp_tool);
        if (t->name.s.p && clp_text_is(t->name, plain)) {
            return t;
        }
    }
    return NULL;
}

/* A command that the model gave as one string is one for the shell. */
static void write_command(clp_jw *w, clp_jval command)
{
    clp_jw_key(w, "command");
    if (clp_jval_is_array(command)) {
        clp_jw_raw(w, clp_jval_raw(command));
        return;
    }
    clp_jw_array(w);
    if (clp_jval_is_string(command)) {
        clp_jw_str(w, "bash");
        clp_jw_str(w, "-lc");
        clp_jw_text(w, clp_jval_text(command));
    }
    clp_jw_end_array(w);
}

static void write_member(clp_jw *w, const char *name, clp_jval v, const char *otherwise)
{
    clp_jw_key(w, name);
    if (clp_jval_nil(v)) {
        clp_jw_raw(w, clp_span_str(otherwise));
    }
    else {
        clp_jw_raw(w, clp_jval_raw(v));
    }
}

static void write_exec(clp_jw *w, clp_jval arguments)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "type", "exec");
    write_command(w, clp_jval_get(arguments, "command"));
    write_member(w, "env", clp_jval_get(arguments, "env"), "{}");
    write_member(w, "timeout_ms", clp_jval_get(arguments, "timeout_ms"), "null");
    write_member(w, "working_directory", clp_jval_get(arguments, "workdir"), "null");
    clp_jw_end_object(w);
}

void clp_responses_echo_action(clp_responses_echo *echo, clp_tool_bridge bridge, clp_span arguments,
                               clp_buffer *out)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
    clp_buffer *plain = clp_buffer_make(echo->pool, 0), *json = clp_buffer_make(echo->pool, 0);
    clp_json *j = clp_json_make(echo->pool);
    clp_jval root = CLP_JVAL_NONE;
    clp_jw w;

    clp_text_unescape(plain, arguments);
    if (clp_json_scan(j, clp_buffer_all(plain), &limits, NULL) == CLP_JSON_OK &&
        clp_jval_is_object(clp_json_root(j))) {
        root = clp_json_root(j);
    }
    clp_jw_init(&w, json);
    switch (bridge) {
    case CLP_BRIDGE_LOCAL_SHELL: write_exec(&w, root); break;
    default: clp_jw_raw(&w, clp_jval_ok(root) ? clp_jval_raw(root) : CLP_SPAN_LIT("{}"));
    }
    switch (bridge) {
    case CLP_BRIDGE_APPLY_PATCH: clp_buffer_lit(out, ",\"operation\":"); break;
    case CLP_BRIDGE_TOOL_SEARCH:
        clp_buffer_lit(out, ",\"execution\":\"client\",\"arguments\":");
        break;
    default: clp_buffer_lit(out, ",\"action\":");
    }
    append_line(out, clp_buffer_all(json));
    clp_buffer_release(plain);
    clp_buffer_release(json);
}

clp_responses_echo *clp_responses_echo_make(const clp_writer_options *options, apr_pool_t *pool)
{
    clp_responses_echo *echo = apr_pcalloc(pool, sizeof(*echo));
    echo->pool = pool;
    if (options->request && options->request->dialect == &clp_dialect_responses) {
        echo->request = options->request;
    }
    clp_buffer_init(&echo->members, pool, 0);
    return echo;
}
