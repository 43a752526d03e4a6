/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "writing.h"

#include <stdarg.h>

#include <apr_strings.h>

#include "models.h"
#include "texts.h"
#include "wire/log.h"
#include "wire/text.h"

#define USER_MAX 64

/* As many as OpenAI takes, and Anthropic. */
#define CACHE_BREAKPOINTS_MAX 4

#define BILLING_PREFIX "x-anthropic-billing-header:"

/* Names of the tools that a choice allows; NULL if it does not tell. */
static apr_hash_t *allowed_names(const clp_writing *w)
{
    const clp_conversation *c = w->c;
    apr_hash_t *names;

    if (c->choice == CLP_CHOICE_TOOL || c->choice == CLP_CHOICE_NONE || !c->choice_names->nelts) {
        return NULL;
    }
    names = apr_hash_make(w->pool);
    for (int i = 0; i < c->choice_names->nelts; i++) {
        const char *name = clp_text_cstr(APR_ARRAY_IDX(c->choice_names, i, clp_text), w->pool);
        apr_hash_set(names, name, APR_HASH_KEY_STRING, name);
    }
    return names;
}

static int is_allowed(const clp_writing *w, apr_hash_t *names, const clp_tool *tool)
{
    return !names || apr_hash_get(names, clp_text_cstr(tool->name, w->pool), APR_HASH_KEY_STRING);
}

/* Does the tool ask for what the target can do: search the web? */
static int is_search(const clp_writing *w, const clp_tool *t)
{
    return w->rules->searches_web && w->target->traits->web_search &&
           clp_text_starts(t->type, "web_search");
}

/* Whether the search is taken: not if it would go to domains that it must keep away from. */
static int take_search(clp_writing *w, const clp_tool *t)
{
    clp_web_search s;

    if (!is_search(w, t)) {
        return 0;
    }
    clp_web_search_read(&s, t, w->pool);
    if (!w->rules->limits_search && (clp_jval_ok(s.allowed) || clp_jval_ok(s.blocked))) {
        return 0;
    }
    w->web_search = t;
    w->search = s;
    return 1;
}

/* A tool that the target does not know. */
static void leave_out(clp_writing *w, const clp_tool *t)
{
    const char *type = clp_text_cstr(t->type, w->pool);

    if (w->target->traits->drop_tools || t->optional) {
        clp_log(NULL, CLP_LOG_DEBUG, 0, 1100, "left out a tool of type %s", type);
    }
    else {
        clp_writing_refuse(w, t->origin, "a tool of type \"%s\"%s cannot be used with this model",
                           type, is_search(w, t) ? " that says which domains to search" : "");
    }
}

static void choose_tools(clp_writing *w)
{
    apr_hash_t *allowed = w->rules->filter_tools ? allowed_names(w) : NULL;

    w->tools = apr_array_make(w->pool, w->c->tools->nelts, sizeof(const clp_tool *));
    for (int i = 0; i < w->c->tools->nelts; i++) {
        const clp_tool *t = &APR_ARRAY_IDX(w->c->tools, i, clp_tool);
        int sendable = t->kind == CLP_TOOL_FUNCTION || t->kind == CLP_TOOL_CUSTOM ||
                       (t->kind == CLP_TOOL_BUILTIN && w->rules->knows_builtin(t));
        if (!sendable) {
            if (!take_search(w, t)) {
                leave_out(w, t);
            }
        }
        else if (is_allowed(w, allowed, t)) {
            APR_ARRAY_PUSH(w->tools, const clp_tool *) = t;
        }
    }
}

clp_problem *clp_writing_begin(clp_writing *w, const clp_conversation *c, const clp_target *target,
                               const clp_writing_rules *rules, clp_buffer *out, apr_pool_t *pool)
{
    int own = c->dialect == rules->dialect;

    memset(w, 0, sizeof(*w));
    w->rules = rules;
    w->c = c;
    w->target = target;
    w->pool = pool;
    w->id_max = rules->id_max;
    w->takes = clp_model_takes(target);
    if (c->thread.s.p && !(own && target->traits->threads)) {
        w->problem = clp_problem_at(pool, CLP_BAD_REQUEST, "thread",
                                    "message threads are not available with this model");
        w->problem->details = CLP_SPAN_LIT(
            "{\"error_code\":\"thread_unsupported_request\",\"unsupported\":[\"thread\"]}");
        return w->problem;
    }
    if (own) {
        clp_sniffed sniffed = {.model_raw =
                                   clp_jval_raw(clp_jval_get(clp_json_root(c->doc), "model"))};
        clp_dialect_splice_model(out, c->doc->text, &sniffed, target->model);
        w->complete = 1;
        return NULL;
    }
    w->problem = clp_tool_names_make(&w->names, c, rules->name_max, pool);
    if (w->problem) {
        return w->problem;
    }
    w->rounds = clp_rounds_make(c, pool);
    choose_tools(w);
    /* Conversions stay near the size of the body: one allocation, no doubling. */
    clp_buffer_reserve(out, c->doc->text.n + c->doc->text.n / 8 + 1024);
    clp_jw_init(&w->jw, out);
    return w->problem;
}

void clp_writing_refuse(clp_writing *w, clp_jval at, const char *fmt, ...)
{
    va_list ap;

    if (w->problem) {
        return;
    }
    va_start(ap, fmt);
    w->problem = clp_problem_at(w->pool, CLP_BAD_REQUEST,
                                clp_jval_path(at, w->c->dialect->path_style, w->pool), "%s",
                                apr_pvsprintf(w->pool, fmt, ap));
    va_end(ap);
}

clp_choice clp_writing_choice(const clp_writing *w)
{
    const char *name;

    if (!w->tools->nelts) {
        return CLP_CHOICE_UNSET;
    }
    if (w->c->choice != CLP_CHOICE_TOOL) {
        return w->c->choice;
    }
    name = clp_text_cstr(APR_ARRAY_IDX(w->c->choice_names, 0, clp_text), w->pool);
    for (int i = 0; i < w->tools->nelts; i++) {
        if (clp_text_is(APR_ARRAY_IDX(w->tools, i, const clp_tool *)->name, name)) {
            return CLP_CHOICE_TOOL;
        }
    }
    return CLP_CHOICE_AUTO;
}

int clp_writing_breaks_cache(const clp_writing *w, const clp_block *b)
{
    return b->cache.p && w->target->traits->cache_breakpoints == 1 &&
           w->cache_marks < CACHE_BREAKPOINTS_MAX;
}

void clp_writing_cache_breakpoint(clp_writing *w, const clp_block *b)
{
    if (clp_writing_breaks_cache(w, b)) {
        w->cache_marks++;
        clp_jw_kraw(&w->jw, "prompt_cache_breakpoint", CLP_SPAN_LIT("{\"mode\":\"explicit\"}"));
    }
}

void clp_writing_number(clp_writing *w, const char *name, clp_span raw)
{
    if (raw.p) {
        clp_jw_kraw(&w->jw, name, raw);
    }
}

clp_text clp_writing_user(const clp_writing *w)
{
    clp_text user = w->c->user;
    clp_buffer *plain;
    char *hex;

    if (!user.s.p || user.s.n <= USER_MAX) {
        return user.s.n ? user : clp_text_plain(clp_span_of(NULL, 0));
    }
    /* What is over the limit by its spelling may still be under it by its bytes. */
    plain = clp_buffer_make(w->pool, 0);
    clp_text_append_plain(plain, user);
    if (plain->n <= USER_MAX) {
        return user;
    }
    hex = apr_palloc(w->pool, 65);
    clp_sha256_hex(clp_buffer_all(plain), hex);
    return clp_text_str(hex);
}

apr_array_header_t *clp_writing_instructions(const clp_writing *w)
{
    apr_array_header_t *texts = apr_array_make(w->pool, 4, sizeof(clp_text));

    for (const clp_block *b = w->c->system; b; b = b->next) {
        clp_text t = b->text;
        if (b == w->c->system && clp_text_starts(t, BILLING_PREFIX)) {
            /* As a block the header is all of it, as a string the prompt follows it. */
            t = clp_jval_is_string(b->origin) ? clp_text_after_line(t) : clp_text_str("");
        }
        if (!clp_text_blank(t)) {
            APR_ARRAY_PUSH(texts, clp_text) = t;
        }
    }
    return texts;
}

int clp_writing_json_wish(const clp_writing *w, unsigned native, clp_text parts[2])
{
    if (w->c->format == CLP_FORMAT_JSON && !(native & CLP_NATIVE_JSON)) {
        parts[0] = clp_text_str("Answer with a single JSON object and nothing else: no text "
                                "around it, no code fence.");
        return 1;
    }
    if (w->c->format == CLP_FORMAT_JSON_SCHEMA && !(native & CLP_NATIVE_JSON_SCHEMA)) {
        parts[0] = clp_text_str("Answer with a single JSON value and nothing else: no text around "
                                "it, no code fence. It must conform to this JSON Schema: ");
        parts[1] = clp_text_plain(w->c->format_schema);
        return 2;
    }
    return 0;
}

/* Chat nests the grammar, Responses does not. */
static clp_text grammar_of(const clp_writing *w, const clp_tool *tool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_text none = {{NULL, 0}, 0};
    clp_json *j;
    clp_jval format;
    clp_jval nested;

    if (!tool->format.p) {
        return none;
    }
    j = clp_json_make(w->pool);
    if (clp_json_scan(j, tool->format, &limits, NULL) != CLP_JSON_OK) {
        return none;
    }
    format = clp_json_root(j);
    nested = clp_jval_get(format, "grammar");
    return clp_jval_text(clp_jval_get(clp_jval_ok(nested) ? nested : format, "definition"));
}

void clp_writing_bridge_description(clp_writing *w, const clp_tool *tool)
{
    clp_text grammar = grammar_of(w, tool);

    if (!tool->description.s.n && !grammar.s.n) {
        return;
    }
    clp_jw_key(&w->jw, "description");
    clp_jw_text_open(&w->jw);
    clp_jw_text_part(&w->jw, tool->description);
    if (grammar.s.n) {
        clp_jw_text_part(&w->jw, clp_text_str(tool->description.s.n ? "\n\n" : ""));
        clp_jw_text_part(&w->jw, clp_text_str("The input must match this grammar:\n"));
        clp_jw_text_part(&w->jw, grammar);
    }
    clp_jw_text_close(&w->jw);
}

clp_text clp_writing_orphan_label(clp_writing *w, const clp_block *result)
{
    return clp_text_str(apr_pstrcat(w->pool, result->is_error ? CLP_TOOL_ERROR_PREFIX : "",
                                    "[result of tool call ",
                                    clp_tool_id_fit(result->id, w->id_max, w->pool), "]", NULL));
}
