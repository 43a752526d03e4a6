/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/demo.h"

#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "demo_asked.h"
#include "demo_values.h"
#include "dialect/dialect.h"
#include "gateway/count.h"
#include "wire/buffer.h"
#include "wire/text.h"

/* A run of letters longer than this is more than one token. */
#define TOKEN_BYTES 24
/* So much of a call's arguments comes in one piece. */
#define ARGUMENT_BYTES 16

#define CHUNKS_MODEL "demo-chunks-"
#define ERROR_MODEL  "demo-error-"
#define SLOW_MODEL   "demo-slow"
#define MAX_CHUNKS   10000

#define THOUGHT   "The demo upstream was asked to think, so it shows what thinking looks like. "
#define SIGNATURE "ZGVtbyBzaWduYXR1cmU="

const char *const clp_demo_models[] = {
    "demo",           "demo-chunks-200", "demo-slow",      "demo-error-400",
    "demo-error-429", "demo-error-500",  "demo-error-529", NULL,
};

typedef struct answer {
    const clp_conversation *c;
    clp_sink sink;
    apr_pool_t *pool;
    apr_int64_t left; /* tokens that may still be said */
    apr_int64_t said;
    apr_int64_t thought;
    clp_stop stop;
    const char *stop_string;
} answer;

/* --- events ----------------------------------------------------------------------- */

static void put_open(const answer *a, clp_part_kind part, const char *id, clp_text name)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_OPEN);
    e.part = part;
    e.id = clp_text_str(id);
    e.name = name;
    clp_sink_put(&a->sink, &e);
}

static void put_delta(const answer *a, clp_part_kind part, clp_delta_kind delta, clp_span text)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);
    e.part = part;
    e.delta = delta;
    e.text = clp_text_plain(text);
    clp_sink_put(&a->sink, &e);
}

static void put_close(const answer *a, clp_part_kind part)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_CLOSE);
    e.part = part;
    clp_sink_put(&a->sink, &e);
}

static void put_start(const answer *a)
{
    clp_event e = clp_event_of(CLP_EVENT_START);
    e.model = clp_text_str(a->c->model);
    e.usage.input = clp_count_conversation(a->c);
    e.usage.output = 1;
    clp_sink_put(&a->sink, &e);
}

static void put_end(const answer *a)
{
    clp_event e = clp_event_of(CLP_EVENT_USAGE);
    e.usage.output = a->said;
    e.usage.reasoning = a->thought;
    clp_sink_put(&a->sink, &e);
    e = clp_event_of(CLP_EVENT_FINISH);
    e.stop = a->stop;
    e.stop_string = clp_text_str(a->stop_string);
    clp_sink_put(&a->sink, &e);
}

/* --- saying something ---------------------------------------------------------------- */

/* The first token of a text: a word and the blanks behind it. */
static clp_span token_of(clp_span text)
{
    apr_size_t n = 0;
    while (n < text.n && !apr_isspace(text.p[n])) {
        n++;
    }
    if (n > TOKEN_BYTES) {
        return clp_utf8_cut(text, TOKEN_BYTES);
    }
    while (n < text.n && apr_isspace(text.p[n])) {
        n++;
    }
    return clp_span_of(text.p, n);
}

/* One more token, if it may still be said. */
static int spend(answer *a)
{
    if (a->left <= 0) {
        a->stop = CLP_STOP_LENGTH;
        return 0;
    }
    a->left--;
    a->said++;
    return 1;
}

static void say_words(answer *a, clp_part_kind part, clp_span text)
{
    while (text.n && spend(a)) {
        clp_span token = token_of(text);
        put_delta(a, part, CLP_DELTA_TEXT, token);
        text = clp_span_of(text.p + token.n, text.n - token.n);
    }
}

/* Up to the first stop string, if there is one. */
static clp_span before_stop(answer *a, const char *text)
{
    const char *end = text + strlen(text);
    for (int i = 0; i < a->c->stop->nelts; i++) {
        const char *stop = clp_text_cstr(APR_ARRAY_IDX(a->c->stop, i, clp_text), a->pool);
        const char *at = *stop ? strstr(text, stop) : NULL;
        if (at && at < end) {
            end = at;
            a->stop = CLP_STOP_SEQUENCE;
            a->stop_string = stop;
        }
    }
    return clp_span_of(text, (apr_size_t)(end - text));
}

static void say_text(answer *a, const char *text)
{
    clp_span whole = before_stop(a, text);
    put_open(a, CLP_PART_TEXT, NULL, clp_text_str(NULL));
    say_words(a, CLP_PART_TEXT, whole);
    put_close(a, CLP_PART_TEXT);
    if (a->stop == CLP_STOP_LENGTH) {
        a->stop_string = NULL;
    }
}

static void say_chunks(answer *a, int n)
{
    put_open(a, CLP_PART_TEXT, NULL, clp_text_str(NULL));
    for (int i = 1; i <= n && spend(a); i++) {
        char chunk[32];
        apr_size_t len = (apr_size_t)apr_snprintf(chunk, sizeof(chunk), "chunk %d of %d. ", i, n);
        put_delta(a, CLP_PART_TEXT, CLP_DELTA_TEXT, clp_span_of(chunk, len));
    }
    put_close(a, CLP_PART_TEXT);
}

/* State as the dialect's own provider would give it. */
static void put_state(const answer *a)
{
    int openai = a->c->dialect == &clp_dialect_responses;
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);
    e.part = CLP_PART_REASONING;
    e.delta = CLP_DELTA_SIGNATURE;
    e.provider = openai ? CLP_PROVIDER_OPENAI : CLP_PROVIDER_CLAUDE;
    e.state_kind = CLP_STATE_BLOCK;
    e.text = clp_text_plain(openai ? CLP_SPAN_LIT("{\"encrypted_content\":\"" SIGNATURE "\"}")
                                   : CLP_SPAN_LIT(SIGNATURE));
    clp_sink_put(&a->sink, &e);
}

static void think(answer *a)
{
    clp_thinking mode = a->c->reasoning.mode;
    if (mode != CLP_THINKING_ON && mode != CLP_THINKING_ADAPTIVE) {
        return;
    }
    put_open(a, CLP_PART_REASONING, NULL, clp_text_str(NULL));
    if (!clp_text_is(a->c->reasoning.display, "omitted")) {
        say_words(a, CLP_PART_REASONING, CLP_SPAN_LIT(THOUGHT));
    }
    put_state(a);
    put_close(a, CLP_PART_REASONING);
    a->thought = a->said;
}

/* --- tools ----------------------------------------------------------------------------- */

static int count_turns(const clp_conversation *c)
{
    int n = 0;
    for (const clp_turn *t = c->turns; t; t = t->next) {
        n++;
    }
    return n;
}

static void call_tool(answer *a, const clp_tool *t, int number)
{
    clp_part_kind part = t->kind == CLP_TOOL_CUSTOM ? CLP_PART_CUSTOM_CALL : CLP_PART_TOOL_CALL;
    const char *prefix = a->c->dialect == &clp_dialect_messages ? "toolu" : "call";
    clp_buffer *input = clp_buffer_make(a->pool, 0);
    clp_span rest;

    if (part == CLP_PART_CUSTOM_CALL) {
        clp_buffer_puts(input, "demo");
    }
    else {
        clp_demo_object(input, t->schema, a->pool);
    }
    put_open(a, part, apr_psprintf(a->pool, "%s_demo_%d_%d", prefix, count_turns(a->c), number),
             t->name);
    for (rest = clp_buffer_all(input); rest.n;) {
        clp_span piece = clp_utf8_cut(rest, ARGUMENT_BYTES);
        put_delta(a, part, CLP_DELTA_TEXT, piece);
        rest = clp_span_of(rest.p + piece.n, rest.n - piece.n);
    }
    put_close(a, part);
    a->said += 1 + (apr_int64_t)input->n / 4;
    a->stop = CLP_STOP_TOOL;
}

static void call_tools(answer *a, const clp_tool *t, int all)
{
    int number = 0;
    if (!all) {
        call_tool(a, t, 0);
        return;
    }
    for (int i = 0; i < a->c->tools->nelts; i++) {
        const clp_tool *each = &APR_ARRAY_IDX(a->c->tools, i, clp_tool);
        if (clp_demo_is_callable(each)) {
            call_tool(a, each, number++);
        }
    }
}

/* --- the whole ------------------------------------------------------------------------- */

static const char *json_text(const answer *a)
{
    clp_buffer *json = clp_buffer_make(a->pool, 0);
    if (a->c->format == CLP_FORMAT_JSON) {
        clp_buffer_puts(json, "{\"demo\":true}");
    }
    else {
        clp_demo_object(json, a->c->format_schema, a->pool);
    }
    return clp_buffer_cstr(json, a->pool);
}

static int chunks_of(const char *model)
{
    int n;
    if (strncmp(model, CHUNKS_MODEL, strlen(CHUNKS_MODEL)) != 0) {
        return 0;
    }
    n = atoi(model + strlen(CHUNKS_MODEL));
    return n > MAX_CHUNKS ? MAX_CHUNKS : n;
}

void clp_demo_answer(const clp_conversation *c, const clp_sink *sink, apr_pool_t *pool)
{
    clp_demo_asked asked;
    answer a;
    const clp_tool *tool;
    const char *text;
    int chunks = chunks_of(c->model);
    int all;

    memset(&a, 0, sizeof(a));
    a.c = c;
    a.sink = *sink;
    a.pool = pool;
    a.left = c->max_tokens >= 0 ? c->max_tokens : APR_INT64_MAX;
    a.stop = CLP_STOP_END;
    clp_demo_asked_read(&asked, c, pool);
    put_start(&a);
    think(&a);
    text = clp_demo_results(&asked);
    tool = text ? NULL : clp_demo_tool(&asked, &all);
    if (chunks > 0) {
        say_chunks(&a, chunks);
    }
    else if (tool) {
        call_tools(&a, tool, all);
    }
    else if (c->format == CLP_FORMAT_JSON || c->format == CLP_FORMAT_JSON_SCHEMA) {
        say_text(&a, json_text(&a));
    }
    else {
        say_text(&a, text ? text : clp_demo_echo(&asked));
    }
    put_end(&a);
}

clp_problem *clp_demo_problem(const char *model, apr_pool_t *pool)
{
    static const struct {
        int status;
        clp_problem_class cls;
    } errors[] = {
        {400, CLP_BAD_REQUEST},  {401, CLP_UNAUTHENTICATED}, {402, CLP_BILLING},
        {403, CLP_FORBIDDEN},    {404, CLP_NOT_FOUND},       {413, CLP_TOO_LARGE},
        {429, CLP_RATE_LIMITED}, {500, CLP_INTERNAL},        {503, CLP_OVERLOADED},
        {504, CLP_TIMED_OUT},    {529, CLP_OVERLOADED},
    };
    int status;

    if (strncmp(model, ERROR_MODEL, strlen(ERROR_MODEL)) != 0) {
        return NULL;
    }
    status = atoi(model + strlen(ERROR_MODEL));
    for (apr_size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].status == status) {
            clp_problem *p = clp_problem_make(
                pool, errors[i].cls, "The demo upstream was asked for an error %d.", status);
            p->status = status;
            p->retry_after_ms = status == 429 ? 2000 : -1;
            return p;
        }
    }
    return clp_problem_make(pool, CLP_NOT_FOUND, "The demo upstream has no error of that status.");
}

void clp_demo_pace(const char *model, apr_interval_time_t *first, apr_interval_time_t *each)
{
    int slow = !strcmp(model, SLOW_MODEL);
    *first = slow ? apr_time_from_sec(2) : 0;
    *each = slow ? apr_time_from_msec(100) : 0;
}
