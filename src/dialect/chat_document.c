/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_document.h"

#include "answer_output.h"
#include "call_text.h"
#include "chat.h"
#include "chat_answer.h"
#include "chat_state.h"
#include "dialect/fold.h"
#include "dialect/tools.h"
#include "logprobs.h"
#include "wire/json_write.h"
#include "wire/text.h"

typedef struct chat_document {
    clp_writer writer;
    clp_chat_answer answer;
    clp_fold *fold;
    int calls; /* written so far */
} chat_document;

static int has_part(const clp_fold *f, clp_part_kind part)
{
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == part) {
            return 1;
        }
    }
    return 0;
}

/* Blocks without a word are as good as none: thinking that is not shown has only a signature. */
static int has_words(const clp_fold *f, clp_part_kind part)
{
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == part && b->text.n) {
            return 1;
        }
    }
    return 0;
}

static int has_call(const clp_fold *f)
{
    return has_part(f, CLP_PART_TOOL_CALL) || has_part(f, CLP_PART_CUSTOM_CALL);
}

/* All blocks of one kind as one string: they are one answer, nothing goes between. */
static void write_joined(clp_jw *w, const clp_fold *f, clp_part_kind part)
{
    clp_jw_text_open(w);
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == part) {
            clp_jw_text_part(w, clp_text_escaped(clp_buffer_all(&b->text)));
        }
    }
    clp_jw_text_close(w);
}

static void write_arguments(clp_jw *w, chat_document *d, const clp_folded_block *b)
{
    clp_tool_input input;
    memset(&input, 0, sizeof(input));
    input.arguments = clp_text_escaped(clp_buffer_all(&b->text));
    if (clp_chat_is_wrapped(&d->answer, b->part)) {
        clp_buffer *object = clp_buffer_make(d->answer.pool, 0);
        clp_answer_wrap(object, clp_buffer_all(&b->text));
        input.object = clp_buffer_all(object);
    }
    else if (clp_span_starts(input.arguments.s, CLP_CALL_TEXT_WRAPPED)) {
        /* as an object it is unwrapped: this client gets the text that the model wrote */
        clp_buffer *object = clp_buffer_make(d->answer.pool, 0);
        clp_text_append_plain(object, input.arguments);
        input.object = clp_buffer_all(object);
    }
    clp_jw_ktext(w, "name", b->name);
    clp_jw_key(w, "arguments");
    clp_tool_input_text(w, &input, d->answer.pool);
}

static void write_state(clp_jw *w, chat_document *d, const clp_folded_block *state)
{
    if (state && clp_chat_answer_seal(&d->answer, state->provider, state->state_kind,
                                      clp_buffer_all(&state->signature))) {
        clp_chat_state_write(w, clp_text_escaped(clp_buffer_all(&d->answer.state)));
    }
}

/* A message has one place for the state of its text: the last one counts. */
static const clp_folded_block *state_of_text(const clp_fold *f)
{
    const clp_folded_block *state = NULL;
    for (const clp_folded_block *b = f->blocks; b; b = b->next) {
        if (b->part == CLP_PART_REASONING && clp_chat_is_of_text(b->state_kind)) {
            state = b;
        }
    }
    return state;
}

/* @param state what stands on it, or NULL */
static void write_call(clp_jw *w, chat_document *d, const clp_folded_block *b,
                       const clp_folded_block *state)
{
    int custom = b->part == CLP_PART_CUSTOM_CALL;
    clp_jw_object(w);
    clp_jw_kstr(w, "id",
                clp_answer_call_id("call_", b->id, d->calls++, CLP_TOOL_ID_CHAT, &d->answer.options,
                                   d->answer.pool));
    clp_jw_kstr(w, "type", custom ? "custom" : "function");
    clp_jw_key(w, custom ? "custom" : "function");
    clp_jw_object(w);
    if (custom) {
        clp_jw_ktext(w, "name", b->name);
        clp_jw_ktext(w, "input", clp_text_escaped(clp_buffer_all(&b->text)));
    }
    else {
        write_arguments(w, d, b);
    }
    clp_jw_end_object(w);
    write_state(w, d, state);
    clp_jw_end_object(w);
}

static void write_calls(clp_jw *w, chat_document *d)
{
    const clp_folded_block *b = d->fold->blocks, *state = NULL;
    if (d->answer.options.legacy_functions) {
        while (!clp_chat_is_call(b->part)) {
            b = b->next;
        }
        clp_jw_key(w, "function_call");
        clp_jw_object(w);
        write_arguments(w, d, b);
        clp_jw_end_object(w);
        return;
    }
    clp_jw_key(w, "tool_calls");
    clp_jw_array(w);
    for (; b; b = b->next) {
        if (clp_chat_is_call(b->part)) {
            write_call(w, d, b, state);
            state = NULL;
        }
        else if (b->part == CLP_PART_REASONING && b->state_kind == CLP_STATE_NEXT_CALL) {
            state = b;
        }
    }
    clp_jw_end_array(w);
}

static void write_message(clp_jw *w, chat_document *d)
{
    const clp_fold *f = d->fold;
    clp_jw_object(w);
    clp_jw_kstr(w, "role", "assistant");
    clp_jw_key(w, "content");
    if (has_words(f, CLP_PART_TEXT) || !(has_call(f) || has_words(f, CLP_PART_REFUSAL))) {
        write_joined(w, f, CLP_PART_TEXT);
    }
    else {
        clp_jw_null(w);
    }
    write_state(w, d, state_of_text(f));
    if (has_words(f, CLP_PART_REASONING)) {
        clp_jw_key(w, "reasoning_content");
        write_joined(w, f, CLP_PART_REASONING);
    }
    clp_jw_key(w, "refusal");
    if (has_words(f, CLP_PART_REFUSAL)) {
        write_joined(w, f, CLP_PART_REFUSAL);
    }
    else {
        clp_jw_null(w);
    }
    if (has_call(f)) {
        write_calls(w, d);
    }
    clp_jw_end_object(w);
}

static void write_document(chat_document *d)
{
    const clp_fold *f = d->fold;
    clp_jw w;
    clp_jw_init(&w, d->answer.out);
    clp_jw_object(&w);
    clp_jw_ktext(
        &w, "id",
        clp_text_escaped(clp_answer_id("chatcmpl-", f->id, &d->answer.options, d->answer.pool)));
    clp_jw_kstr(&w, "object", "chat.completion");
    clp_jw_kint(&w, "created", d->answer.options.created);
    clp_jw_ktext(&w, "model",
                 clp_text_escaped(clp_answer_model(f->model, &d->answer.options, d->answer.pool)));
    clp_jw_key(&w, "choices");
    clp_jw_array(&w);
    clp_jw_object(&w);
    clp_jw_kint(&w, "index", 0);
    clp_jw_key(&w, "message");
    write_message(&w, d);
    clp_jw_key(&w, "logprobs");
    clp_logprobs_write_chat(&w, clp_buffer_all(&f->logprobs));
    clp_jw_kstr(&w, "finish_reason", clp_chat_answer_finish(&d->answer, f->stop));
    clp_jw_end_object(&w);
    clp_jw_end_array(&w);
    clp_jw_key(&w, "usage");
    clp_chat_answer_usage(&d->answer, &w, &f->usage);
    clp_jw_end_object(&w);
}

static void document_put(clp_writer *writer, const clp_event *event)
{
    chat_document *d = (chat_document *)writer;
    clp_chat_memo_put(d->answer.memo, event);
    clp_fold_put(d->fold, event);
    if (event->kind == CLP_EVENT_FINISH) {
        write_document(d);
    }
    else if (event->kind == CLP_EVENT_PROBLEM) {
        clp_chat_write_problem(event->problem, d->answer.out);
    }
}

clp_writer *clp_chat_open_document(const clp_writer_options *options, clp_buffer *out,
                                   apr_pool_t *pool)
{
    chat_document *d = apr_pcalloc(pool, sizeof(*d));
    d->writer.put = document_put;
    clp_chat_answer_init(&d->answer, options, out, pool);
    d->fold = clp_fold_make(pool);
    return &d->writer;
}
