/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAI's oldest endpoint, /v1/completions, for clients only: the prompt
 * becomes a user's message, and the answer's text comes back. Upstreams are
 * never asked this way.
 */
#include "dialect/dialect.h"

#include "answer_output.h"
#include "chat.h"
#include "chat_answer.h"
#include "dialect/fold.h"
#include "problems.h"
#include "reading.h"
#include "wire/json_write.h"
#include "wire/text.h"

/* prompt[0], stop[0], stream_options.include_usage */
#define RECORD_DEPTH 2

#define ID_PREFIX "cmpl-"

/* --- requests ------------------------------------------------------------------ */

static clp_problem *sniff(clp_sniffed *out, clp_span body, const clp_intake *intake,
                          apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p;
    clp_jval root;
    const char *user;

    memset(out, 0, sizeof(*out));
    p = clp_reading_sniff(&r, out, body, intake, &clp_dialect_completions, pool);
    if (p) {
        return p;
    }
    root = clp_json_root(out->doc);
    out->max_tokens = clp_read_count(&r, root, "max_tokens");
    user = clp_read_text(&r, root, "user").s.n ? clp_jval_cstr(clp_jval_get(root, "user"), pool)
                                               : NULL;
    out->user = user && *user ? user : NULL;
    return r.problem;
}

/* What no upstream of another protocol can do must not be left out in silence. */
static void refuse_others(clp_reading *r, clp_jval root)
{
    static const char *const never[] = {"suffix", "logprobs"};

    for (apr_size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        if (!clp_jval_nil(clp_jval_get(root, never[i]))) {
            clp_reject_member(r, root, never[i], "is not supported here");
        }
    }
    if (clp_read_flag(r, root, "echo") == 1) {
        clp_reject_member(r, root, "echo", "is not supported here");
    }
    if (clp_read_count(r, root, "best_of") > 1) {
        clp_reject_member(r, root, "best_of", "more than 1 is not supported here");
    }
    if (clp_read_count(r, root, "n") > 1) {
        clp_reject_member(r, root, "n", "more than 1 is not supported here");
    }
}

static clp_jval read_prompt(clp_reading *r, clp_jval root)
{
    clp_jval prompt = clp_jval_get(root, "prompt");

    if (clp_jval_is_array(prompt)) {
        clp_jval first = clp_jval_first(prompt);
        if (clp_jval_count(prompt) != 1 || !clp_jval_is_string(first)) {
            clp_reject(r, prompt,
                       "expected one text; several prompts and tokens are not "
                       "supported here");
        }
        return first;
    }
    if (!clp_jval_is_string(prompt)) {
        clp_reject_member(r, root, "prompt", "a string is required");
    }
    return prompt;
}

static void read_stop(clp_reading *r, clp_jval stop)
{
    if (clp_jval_is_string(stop)) {
        APR_ARRAY_PUSH(r->c->stop, clp_text) = clp_jval_text(stop);
    }
    else if (clp_jval_is_array(stop)) {
        clp_read_texts(r, stop, r->c->stop);
    }
    else if (!clp_jval_nil(stop)) {
        clp_reject(r, stop, "expected a string or an array");
    }
}

static void read_parameters(clp_reading *r, clp_jval root)
{
    clp_conversation *c = r->c;

    c->stream = clp_read_flag(r, root, "stream") == 1;
    c->max_tokens = clp_read_count(r, root, "max_tokens");
    c->temperature = clp_read_number(r, root, "temperature");
    c->top_p = clp_read_number(r, root, "top_p");
    c->seed = clp_read_number(r, root, "seed");
    c->presence_penalty = clp_read_number(r, root, "presence_penalty");
    c->frequency_penalty = clp_read_number(r, root, "frequency_penalty");
    c->logit_bias = clp_read_object_raw(r, root, "logit_bias");
    c->user = clp_read_text(r, root, "user");
    c->include_usage =
        clp_read_flag(r, clp_read_object(r, root, "stream_options"), "include_usage") == 1;
    read_stop(r, clp_jval_get(root, "stop"));
}

static clp_problem *read_request(clp_conversation **out, clp_span body, const clp_intake *intake,
                                 apr_pool_t *pool)
{
    clp_reading r;
    clp_problem *p =
        clp_reading_begin(&r, body, intake, RECORD_DEPTH, &clp_dialect_completions, pool);
    clp_jval root;
    clp_jval prompt;

    if (p) {
        return p;
    }
    root = clp_json_root(r.c->doc);
    r.c->model = clp_read_model(&r, root);
    prompt = read_prompt(&r, root);
    refuse_others(&r, root);
    read_parameters(&r, root);
    if (!r.problem) {
        clp_turn *turn = clp_conversation_turn(r.c, CLP_ROLE_USER, prompt);
        clp_turn_block(turn, pool, CLP_BLOCK_TEXT, prompt)->text = clp_jval_text(prompt);
    }
    *out = r.c;
    return r.problem;
}

/* --- answers --------------------------------------------------------------------- */

typedef struct completions_writer {
    clp_writer writer;
    apr_pool_t *pool;
    clp_buffer *out;
    clp_writer_options options;
    clp_usage usage;
    clp_fold *fold;  /* documents */
    clp_buffer head; /* of every chunk, up to its choices */
} completions_writer;

static const char *finish_reason(clp_stop stop)
{
    switch (stop) {
    case CLP_STOP_LENGTH:
    case CLP_STOP_WINDOW: return "length";
    case CLP_STOP_FILTER: return "content_filter";
    default: return "stop";
    }
}

static void write_usage(clp_jw *w, const completions_writer *c, const clp_usage *u)
{
    clp_jw_object(w);
    clp_chat_usage_totals(w, u, c->options.input_estimate);
    clp_jw_end_object(w);
}

static void make_head(completions_writer *c, const clp_event *event)
{
    clp_buffer *h = &c->head;
    clp_buffer_lit(h, "{\"id\":\"");
    clp_buffer_span(h, clp_answer_id(ID_PREFIX, event->id, &c->options, c->pool));
    clp_buffer_printf(
        h, "\",\"object\":\"text_completion\",\"created\":%" APR_INT64_T_FMT ",\"model\":\"",
        c->options.created);
    clp_buffer_span(h, clp_answer_model(event->model, &c->options, c->pool));
    clp_buffer_lit(h, "\",\"choices\":[");
}

static void chunk(completions_writer *c, clp_span text, const char *reason)
{
    clp_buffer_lit(c->out, "data: ");
    clp_buffer_span(c->out, clp_buffer_all(&c->head));
    clp_buffer_lit(c->out, "{\"text\":\"");
    clp_answer_text(c->out, text);
    clp_buffer_lit(c->out, "\",\"index\":0,\"logprobs\":null,\"finish_reason\":");
    if (reason) {
        clp_buffer_putc(c->out, '"');
        clp_buffer_puts(c->out, reason);
        clp_buffer_putc(c->out, '"');
    }
    else {
        clp_buffer_lit(c->out, "null");
    }
    clp_buffer_puts(c->out, c->options.include_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n");
}

static void put_finish(completions_writer *c, const clp_event *event)
{
    chunk(c, CLP_SPAN_LIT(""), finish_reason(event->stop));
    if (c->options.include_usage) {
        clp_jw w;
        clp_buffer_lit(c->out, "data: ");
        clp_buffer_span(c->out, clp_buffer_all(&c->head));
        clp_buffer_lit(c->out, "],\"usage\":");
        clp_jw_init(&w, c->out);
        write_usage(&w, c, &c->usage);
        clp_buffer_lit(c->out, "}\n\n");
    }
    clp_buffer_lit(c->out, "data: [DONE]\n\n");
}

/* A refusal is what the model said; reasoning and calls have no place here. */
static int is_text(clp_part_kind part)
{
    return part == CLP_PART_TEXT || part == CLP_PART_REFUSAL;
}

static void stream_put(clp_writer *writer, const clp_event *event)
{
    completions_writer *c = (completions_writer *)writer;
    switch (event->kind) {
    case CLP_EVENT_START:
        clp_usage_merge(&c->usage, &event->usage);
        make_head(c, event);
        break;
    case CLP_EVENT_BLOCK_DELTA:
        if (is_text(event->part) && event->delta == CLP_DELTA_TEXT) {
            chunk(c, event->text.s, NULL);
        }
        break;
    case CLP_EVENT_USAGE: clp_usage_merge(&c->usage, &event->usage); break;
    case CLP_EVENT_FINISH: put_finish(c, event); break;
    case CLP_EVENT_PROBLEM:
        clp_buffer_lit(c->out, "data: ");
        clp_problems_write_openai(event->problem, c->out);
        clp_buffer_lit(c->out, "\n\n");
        break;
    case CLP_EVENT_PING: clp_buffer_puts(c->out, clp_chat_keepalive); break;
    case CLP_EVENT_LOGPROBS:
    case CLP_EVENT_BLOCK_OPEN:
    case CLP_EVENT_BLOCK_CLOSE: break;
    }
}

static void write_document(completions_writer *c)
{
    const clp_fold *f = c->fold;
    clp_jw w;
    clp_jw_init(&w, c->out);
    clp_jw_object(&w);
    clp_jw_ktext(&w, "id", clp_text_escaped(clp_answer_id(ID_PREFIX, f->id, &c->options, c->pool)));
    clp_jw_kstr(&w, "object", "text_completion");
    clp_jw_kint(&w, "created", c->options.created);
    clp_jw_ktext(&w, "model", clp_text_escaped(clp_answer_model(f->model, &c->options, c->pool)));
    clp_jw_key(&w, "choices");
    clp_jw_array(&w);
    clp_jw_object(&w);
    clp_jw_key(&w, "text");
    clp_jw_text_open(&w);
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (is_text(b->part)) {
            clp_jw_text_part(&w, clp_text_escaped(clp_buffer_all(&b->text)));
        }
    }
    clp_jw_text_close(&w);
    clp_jw_kint(&w, "index", 0);
    clp_jw_knull(&w, "logprobs");
    clp_jw_kstr(&w, "finish_reason", finish_reason(f->stop));
    clp_jw_end_object(&w);
    clp_jw_end_array(&w);
    clp_jw_key(&w, "usage");
    write_usage(&w, c, &f->usage);
    clp_jw_end_object(&w);
}

static void document_put(clp_writer *writer, const clp_event *event)
{
    completions_writer *c = (completions_writer *)writer;
    clp_fold_put(c->fold, event);
    if (event->kind == CLP_EVENT_FINISH) {
        write_document(c);
    }
    else if (event->kind == CLP_EVENT_PROBLEM) {
        clp_problems_write_openai(event->problem, c->out);
    }
}

static clp_writer *open_writer(const clp_writer_options *options, clp_buffer *out, apr_pool_t *pool)
{
    completions_writer *c = apr_pcalloc(pool, sizeof(*c));
    c->writer.put = options->stream ? stream_put : document_put;
    c->pool = pool;
    c->out = out;
    c->options = *options;
    c->usage = CLP_USAGE_NONE;
    if (!options->stream) {
        c->fold = clp_fold_make(pool);
    }
    clp_buffer_init(&c->head, pool, 0);
    return &c->writer;
}

const clp_dialect clp_dialect_completions = {
    .name = "completions",
    .path_style = CLP_JSON_PATH_BRACKETS,
    .sniff = sniff,
    .read_request = read_request,
    .open_writer = open_writer,
    .read_problem = clp_problems_read,
    .write_problem = clp_problems_write_openai,
    .problem_status = clp_problems_openai_status,
    .keepalive = clp_chat_keepalive,
};
