/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat.h"
#include "chat_legacy.h"

#include "answer_output.h"
#include "chat_answer.h"
#include "chat_document.h"
#include "chat_state.h"
#include "dialect/tools.h"
#include "logprobs.h"
#include "wire/json_write.h"
#include "wire/text.h"

const char clp_chat_keepalive[] = ": keepalive\n\n";
const char clp_chat_legacy_keepalive[] = ": keepalive\n\n";

typedef struct chat_writer {
    clp_writer writer;
    clp_chat_answer answer;
    clp_usage usage;
    clp_buffer head;     /* of every chunk: up to the delta */
    clp_buffer held;     /* function era: the open call's free text */
    const char *tail;    /* of a chunk that does not finish */
    int calls;           /* opened so far */
    unsigned mute : 1;   /* the open call is one that the client cannot take */
    unsigned argued : 1; /* the open call has had arguments */
} chat_writer;

static void make_head(chat_writer *c, const clp_event *event)
{
    clp_buffer *h = &c->head;
    clp_buffer_lit(h, "data: {\"id\":\"");
    clp_buffer_span(h, clp_answer_id("chatcmpl-", event->id, &c->answer.options, c->answer.pool));
    clp_buffer_printf(
        h, "\",\"object\":\"chat.completion.chunk\",\"created\":%" APR_INT64_T_FMT ",\"model\":\"",
        c->answer.options.created);
    clp_buffer_span(h, clp_answer_model(event->model, &c->answer.options, c->answer.pool));
    clp_buffer_lit(h, "\",\"choices\":[");
    c->tail = c->answer.options.include_usage
                  ? "},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"
                  : "},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
}

/* A chunk up to the inside of its delta, and from there to its end. */
static void chunk(chat_writer *c)
{
    clp_buffer_span(c->answer.out, clp_buffer_all(&c->head));
    clp_buffer_lit(c->answer.out, "{\"index\":0,\"delta\":{");
}

static void end_chunk(chat_writer *c)
{
    clp_buffer_puts(c->answer.out, c->tail);
}

static void put_sealed(chat_writer *c)
{
    clp_jw w;

    clp_buffer_putc(c->answer.out, ',');
    clp_jw_init(&w, c->answer.out);
    clp_chat_state_write(&w, clp_text_escaped(clp_buffer_all(&c->answer.state)));
    clp_buffer_clear(&c->answer.state);
}

/* State of a call waits for its chunk; that of a text has one of its own. */
static void put_state(chat_writer *c, const clp_event *event)
{
    if (event->state_kind == CLP_STATE_NEXT_CALL) {
        clp_chat_answer_seal(&c->answer, event->provider, event->state_kind, event->text.s);
    }
    else if (clp_chat_is_of_text(event->state_kind) &&
             clp_chat_answer_seal(&c->answer, event->provider, event->state_kind, event->text.s)) {
        chunk(c);
        clp_buffer_lit(c->answer.out, "\"content\":\"\"");
        put_sealed(c);
        end_chunk(c);
    }
}

static void put_open(chat_writer *c, const clp_event *event)
{
    clp_buffer *out = c->answer.out;
    if (!clp_chat_is_call(event->part)) {
        return;
    }
    /* A client of the function era can take one call; it asks again for the rest. */
    c->mute = c->answer.options.legacy_functions && c->calls > 0;
    c->argued = 0;
    if (c->mute) {
        return;
    }
    chunk(c);
    if (c->answer.options.legacy_functions) {
        clp_buffer_lit(out, "\"function_call\":{\"name\":\"");
        clp_buffer_span(out, clp_answer_escape(event->name, c->answer.pool));
        clp_buffer_lit(out, "\",\"arguments\":\"\"}");
    }
    else {
        int custom = event->part == CLP_PART_CUSTOM_CALL;
        clp_buffer_printf(out, "\"tool_calls\":[{\"index\":%d,\"id\":\"", c->calls);
        clp_buffer_puts(out, clp_answer_call_id("call_", event->id, c->calls, CLP_TOOL_ID_CHAT,
                                                &c->answer.options, c->answer.pool));
        clp_buffer_puts(out, custom ? "\",\"type\":\"custom\",\"custom\":{\"name\":\""
                                    : "\",\"type\":\"function\",\"function\":{\"name\":\"");
        clp_buffer_span(out, clp_answer_escape(event->name, c->answer.pool));
        clp_buffer_puts(out, custom ? "\",\"input\":\"\"}" : "\",\"arguments\":\"\"}");
        if (c->answer.state.n) {
            put_sealed(c);
        }
        clp_buffer_lit(out, "}]");
    }
    end_chunk(c);
    c->calls++;
}

static void put_arguments(chat_writer *c, clp_part_kind part, clp_span escaped)
{
    clp_buffer *out = c->answer.out;
    if (c->mute) {
        return;
    }
    c->argued = 1;
    chunk(c);
    if (c->answer.options.legacy_functions) {
        clp_buffer_lit(out, "\"function_call\":{\"arguments\":\"");
        clp_answer_text(out, escaped);
        clp_buffer_lit(out, "\"}");
    }
    else {
        clp_buffer_printf(out, "\"tool_calls\":[{\"index\":%d,", c->calls - 1);
        if (part == CLP_PART_CUSTOM_CALL) {
            clp_buffer_lit(out, "\"custom\":{\"input\":\"");
        }
        else {
            clp_buffer_lit(out, "\"function\":{\"arguments\":\"");
        }
        clp_answer_text(out, escaped);
        clp_buffer_lit(out, "\"}}]");
    }
    end_chunk(c);
}

static void put_delta(chat_writer *c, const clp_event *event)
{
    clp_buffer *out = c->answer.out;
    if (clp_chat_is_wrapped(&c->answer, event->part)) {
        clp_buffer_span(&c->held, event->text.s);
        return;
    }
    if (clp_chat_is_call(event->part)) {
        put_arguments(c, event->part, event->text.s);
        return;
    }
    if (event->delta == CLP_DELTA_SIGNATURE) {
        put_state(c, event);
        return;
    }
    switch (event->part) {
    case CLP_PART_TEXT:
        chunk(c);
        clp_buffer_lit(out, "\"content\":\"");
        break;
    case CLP_PART_REASONING:
        chunk(c);
        clp_buffer_lit(out, "\"reasoning_content\":\"");
        break;
    case CLP_PART_REFUSAL:
        chunk(c);
        clp_buffer_lit(out, "\"refusal\":\"");
        break;
    default: return;
    }
    clp_answer_text(out, event->text.s);
    clp_buffer_putc(out, '"');
    end_chunk(c);
}

static void put_close(chat_writer *c, const clp_event *event)
{
    if (clp_chat_is_wrapped(&c->answer, event->part)) {
        clp_buffer *object = clp_buffer_make(c->answer.pool, 0),
                   *escaped = clp_buffer_make(c->answer.pool, 0);
        clp_answer_wrap(object, clp_buffer_all(&c->held));
        clp_text_escape(escaped, clp_buffer_all(object), 0);
        put_arguments(c, event->part, clp_buffer_all(escaped));
        clp_buffer_clear(&c->held);
        clp_buffer_release(object);
        clp_buffer_release(escaped);
    }
    /* clients parse the text they have put together, and the empty text is no JSON */
    if (event->part == CLP_PART_TOOL_CALL && !c->argued) {
        put_arguments(c, event->part, CLP_SPAN_LIT("{}"));
    }
}

/* A chunk of their own: texts may have to wait, and clients join the elements. */
static void put_logprobs(chat_writer *c, clp_span elements)
{
    clp_buffer *out = c->answer.out;
    clp_buffer *line = clp_buffer_make(c->answer.pool, 0);
    clp_jw w;

    clp_answer_raw(line, elements);
    chunk(c);
    clp_buffer_lit(out, "},\"logprobs\":");
    clp_jw_init(&w, out);
    clp_logprobs_write_chat(&w, clp_buffer_all(line));
    clp_buffer_release(line);
    clp_buffer_puts(out, c->answer.options.include_usage
                             ? ",\"finish_reason\":null}],\"usage\":null}\n\n"
                             : ",\"finish_reason\":null}]}\n\n");
}

static void put_finish(chat_writer *c, const clp_event *event)
{
    clp_buffer *out = c->answer.out;
    chunk(c);
    clp_buffer_lit(out, "},\"logprobs\":null,\"finish_reason\":\"");
    clp_buffer_puts(out, clp_chat_answer_finish(&c->answer, event->stop));
    clp_buffer_puts(out,
                    c->answer.options.include_usage ? "\"}],\"usage\":null}\n\n" : "\"}]}\n\n");
    if (c->answer.options.include_usage) {
        clp_jw w;
        clp_buffer_span(out, clp_buffer_all(&c->head));
        clp_buffer_lit(out, "],\"usage\":");
        clp_jw_init(&w, out);
        clp_chat_answer_usage(&c->answer, &w, &c->usage);
        clp_buffer_lit(out, "}\n\n");
    }
    clp_buffer_lit(out, "data: [DONE]\n\n");
}

static void stream_put(clp_writer *writer, const clp_event *event)
{
    chat_writer *c = (chat_writer *)writer;
    clp_chat_memo_put(c->answer.memo, event);
    switch (event->kind) {
    case CLP_EVENT_START:
        clp_usage_merge(&c->usage, &event->usage);
        make_head(c, event);
        chunk(c);
        clp_buffer_lit(c->answer.out, "\"role\":\"assistant\",\"content\":\"\"");
        end_chunk(c);
        break;
    case CLP_EVENT_BLOCK_OPEN: put_open(c, event); break;
    case CLP_EVENT_BLOCK_DELTA: put_delta(c, event); break;
    case CLP_EVENT_BLOCK_CLOSE: put_close(c, event); break;
    case CLP_EVENT_USAGE: clp_usage_merge(&c->usage, &event->usage); break;
    case CLP_EVENT_LOGPROBS: put_logprobs(c, event->text.s); break;
    case CLP_EVENT_FINISH: put_finish(c, event); break;
    case CLP_EVENT_PROBLEM:
        /* and no [DONE], so that nothing looks finished */
        clp_buffer_lit(c->answer.out, "data: ");
        clp_chat_write_problem(event->problem, c->answer.out);
        clp_buffer_lit(c->answer.out, "\n\n");
        break;
    case CLP_EVENT_PING: clp_buffer_puts(c->answer.out, clp_chat_keepalive); break;
    }
}

clp_writer *clp_chat_open_writer(const clp_writer_options *options, clp_buffer *out,
                                 apr_pool_t *pool)
{
    chat_writer *c;
    if (!options->stream) {
        return clp_chat_open_document(options, out, pool);
    }
    c = apr_pcalloc(pool, sizeof(*c));
    c->writer.put = stream_put;
    clp_chat_answer_init(&c->answer, options, out, pool);
    c->usage = CLP_USAGE_NONE;
    clp_buffer_init(&c->head, pool, 0);
    clp_buffer_init(&c->held, pool, 0);
    return &c->writer;
}

clp_writer *clp_chat_legacy_open_writer(const clp_writer_options *options, clp_buffer *out,
                                        apr_pool_t *pool)
{
    return clp_chat_open_writer(options, out, pool);
}
