/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses.h"

#include <apr_strings.h>

#include "answer_output.h"
#include "dialect/tools.h"
#include "problems.h"
#include "responses_echo.h"
#include "wire/json_write.h"
#include "wire/text.h"

/*
 * What the strictest clients ask of a stream: response.created first; items added in the order of
 * their output_index; nothing before its part or item; sequence numbers without a gap; every item
 * whole in its output_item.done; one last event that holds the whole output. Items are written
 * when they are whole, and kept for that last event. A document is that event's response.
 */

/* How clp_call_text_object() begins what was no object. */
#define WRAPPED "{\\\"_invalid_arguments\\\":"

const char clp_responses_keepalive[] = ": keepalive\n\n";

typedef struct responses_writer {
    clp_writer writer;
    apr_pool_t *pool;
    clp_buffer *out;
    clp_writer_options options;
    clp_usage usage;
    clp_responses_echo *echo;
    clp_span id;       /* of the response, escaped */
    clp_span model;    /* likewise */
    clp_buffer output; /* the whole items so far, between commas */
    clp_buffer item;   /* the open item, as it will be when it is whole */
    clp_buffer text;   /* of the open item, escaped */
    clp_buffer state;  /* likewise: an envelope, or encrypted content */
    clp_buffer where;  /* members of the open item's events that name it */
    clp_buffer item_id;
    const clp_tool *tool; /* what the open call calls, if that is known */
    int items;            /* opened so far */
    int sequence;
    clp_part_kind closes; /* what the item is that waits for its end */
    unsigned started : 1;
    unsigned parted : 1;  /* the open item's part was added */
    unsigned waiting : 1; /* the item's block was closed, its end is not yet told */
} responses_writer;

static void put_int(clp_buffer *out, int n)
{
    char digits[12];
    int at = (int)sizeof(digits);
    unsigned v = (unsigned)n;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    clp_buffer_append(out, digits + at, sizeof(digits) - (apr_size_t)at);
}

/* An event up to behind its sequence number; `type` is a literal. */
static void event(responses_writer *w, const char *type)
{
    clp_buffer_lit(w->out, "event: ");
    clp_buffer_puts(w->out, type);
    clp_buffer_lit(w->out, "\ndata: {\"type\":\"");
    clp_buffer_puts(w->out, type);
    clp_buffer_lit(w->out, "\",\"sequence_number\":");
    put_int(w->out, w->sequence++);
}

static void end_event(responses_writer *w)
{
    clp_buffer_lit(w->out, "}\n\n");
}

/* --- the response object ----------------------------------------------------- */

static void write_usage(clp_buffer *out, const clp_usage *u)
{
    apr_int64_t prompt = clp_usage_prompt(u);
    apr_int64_t told = u->output > 0 ? u->output : 0;
    clp_jw jw;
    clp_jw_init(&jw, out);
    clp_jw_object(&jw);
    clp_jw_kint(&jw, "input_tokens", prompt);
    clp_jw_key(&jw, "input_tokens_details");
    clp_jw_object(&jw);
    clp_jw_kint(&jw, "cached_tokens", u->cache_read > 0 ? u->cache_read : 0);
    if (u->cache_write >= 0) {
        clp_jw_kint(&jw, "cache_write_tokens", u->cache_write);
    }
    clp_jw_end_object(&jw);
    clp_jw_kint(&jw, "output_tokens", told);
    clp_jw_key(&jw, "output_tokens_details");
    clp_jw_object(&jw);
    clp_jw_kint(&jw, "reasoning_tokens", u->reasoning > 0 ? u->reasoning : 0);
    clp_jw_end_object(&jw);
    clp_jw_kint(&jw, "total_tokens", prompt + told);
    clp_jw_end_object(&jw);
}

/* The error as it stands in a response; clients find "try again in N s" in the message. */
static void write_error(clp_buffer *out, const clp_problem *p)
{
    const char *code = clp_problems_openai_code(p);
    clp_jw jw;
    clp_jw_init(&jw, out);
    jw.ascii_lines = 1;
    clp_jw_object(&jw);
    clp_jw_kstr(&jw, "code", code ? code : "server_error");
    clp_jw_key(&jw, "message");
    clp_jw_text_open(&jw);
    clp_jw_text_part(&jw, clp_text_str(p->message));
    if (p->cls == CLP_RATE_LIMITED && p->retry_after_ms >= 0 &&
        !strstr(p->message, "try again in")) {
        clp_buffer_printf(out, " Please try again in %" APR_INT64_T_FMT ".%03ds.",
                          p->retry_after_ms / 1000, (int)(p->retry_after_ms % 1000));
    }
    clp_jw_text_close(&jw);
    clp_jw_end_object(&jw);
}

typedef enum phase { IN_PROGRESS, COMPLETED, INCOMPLETE, FAILED } phase;

static void write_response(responses_writer *w, phase now, const char *reason,
                           const clp_problem *problem)
{
    static const char *const words[] = {"in_progress", "completed", "incomplete", "failed"};
    clp_buffer *out = w->out;

    clp_buffer_lit(out, "{\"id\":\"");
    clp_buffer_span(out, w->id);
    clp_buffer_printf(out, "\",\"object\":\"response\",\"created_at\":%" APR_INT64_T_FMT,
                      w->options.created);
    clp_buffer_printf(out, ",\"status\":\"%s\",\"background\":false,\"error\":", words[now]);
    if (problem) {
        write_error(out, problem);
    }
    else {
        clp_buffer_lit(out, "null");
    }
    if (reason) {
        clp_buffer_printf(out, ",\"incomplete_details\":{\"reason\":\"%s\"}", reason);
    }
    else {
        clp_buffer_lit(out, ",\"incomplete_details\":null");
    }
    clp_buffer_lit(out, ",\"model\":\"");
    clp_buffer_span(out, w->model);
    clp_buffer_lit(out, "\",\"output\":[");
    clp_buffer_span(out, clp_buffer_all(&w->output));
    clp_buffer_lit(out, "],\"usage\":");
    if (now == IN_PROGRESS || problem) {
        clp_buffer_lit(out, "null");
    }
    else {
        write_usage(out, &w->usage);
    }
    clp_buffer_span(out, clp_responses_echo_members(w->echo));
    clp_buffer_putc(out, '}');
}

static void put_response(responses_writer *w, const char *type, phase now, const char *reason,
                         const clp_problem *problem)
{
    event(w, type);
    clp_buffer_lit(w->out, ",\"response\":");
    write_response(w, now, reason, problem);
    end_event(w);
}

static void start(responses_writer *w, const clp_event *e)
{
    clp_usage_merge(&w->usage, &e->usage);
    w->started = 1;
    w->id = clp_answer_id("resp_", e->id, &w->options, w->pool);
    w->model = clp_answer_model(e->model, &w->options, w->pool);
    if (w->options.stream) {
        put_response(w, "response.created", IN_PROGRESS, NULL, NULL);
        put_response(w, "response.in_progress", IN_PROGRESS, NULL, NULL);
    }
}

/* --- items --------------------------------------------------------------------- */

static void begin_item(responses_writer *w, const char *prefix, clp_text native)
{
    clp_buffer_clear(&w->item_id);
    if (native.s.n && native.s.n <= 128 && clp_span_starts(native.s, prefix)) {
        clp_buffer_span(&w->item_id, clp_answer_escape(native, w->pool));
    }
    else {
        clp_buffer_puts(&w->item_id, prefix);
        clp_buffer_puts(&w->item_id, w->options.id);
        clp_buffer_putc(&w->item_id, '_');
        put_int(&w->item_id, w->items);
    }
    clp_buffer_clear(&w->where);
    clp_buffer_lit(&w->where, ",\"item_id\":\"");
    clp_buffer_span(&w->where, clp_buffer_all(&w->item_id));
    clp_buffer_lit(&w->where, "\",\"output_index\":");
    put_int(&w->where, w->items);
    w->items++;
    w->parted = 0;
}

static void item_head(responses_writer *w, clp_buffer *to, const char *type)
{
    clp_buffer_lit(to, "{\"id\":\"");
    clp_buffer_span(to, clp_buffer_all(&w->item_id));
    clp_buffer_lit(to, "\",\"type\":\"");
    clp_buffer_puts(to, type);
    clp_buffer_putc(to, '"');
}

/* The event of an item that begins; its JSON follows. */
static void added(responses_writer *w)
{
    event(w, "response.output_item.added");
    clp_buffer_lit(w->out, ",\"output_index\":");
    put_int(w->out, w->items - 1);
    clp_buffer_lit(w->out, ",\"item\":");
}

/* The item in w->item is whole. */
static void done(responses_writer *w)
{
    if (w->output.n) {
        clp_buffer_putc(&w->output, ',');
    }
    clp_buffer_span(&w->output, clp_buffer_all(&w->item));
    if (w->options.stream) {
        event(w, "response.output_item.done");
        clp_buffer_lit(w->out, ",\"output_index\":");
        put_int(w->out, w->items - 1);
        clp_buffer_lit(w->out, ",\"item\":");
        clp_buffer_span(w->out, clp_buffer_all(&w->item));
        end_event(w);
    }
    clp_buffer_clear(&w->item);
    clp_buffer_clear(&w->text);
    clp_buffer_clear(&w->state);
}

/* An event about the open item's text: `rest` closes what the text stands in. */
static void text_event(responses_writer *w, const char *type, const char *index, clp_span text,
                       const char *rest)
{
    event(w, type);
    clp_buffer_span(w->out, clp_buffer_all(&w->where));
    clp_buffer_puts(w->out, index);
    clp_buffer_span(w->out, text);
    clp_buffer_puts(w->out, rest);
    end_event(w);
}

static void add_text(responses_writer *w, clp_span escaped)
{
    clp_answer_text(&w->text, escaped);
}

/* A delta goes out as it came and is kept for the whole text. */
static void delta(responses_writer *w, const char *type, const char *index, clp_span escaped,
                  const char *rest)
{
    apr_size_t from = w->text.n;
    add_text(w, escaped);
    if (w->options.stream) {
        text_event(w, type, index, clp_span_of(w->text.p + from, w->text.n - from), rest);
    }
}

/* --- messages --------------------------------------------------------------- */

#define TEXT_PART(text)                                                                            \
    "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"" text
#define REFUSAL_PART(text) "{\"type\":\"refusal\",\"refusal\":\"" text

static void open_message(responses_writer *w, int refusal)
{
    begin_item(w, "msg_", clp_text_str(NULL));
    if (w->options.stream) {
        added(w);
        item_head(w, w->out, "message");
        clp_buffer_lit(w->out,
                       ",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}");
        end_event(w);
        text_event(w, "response.content_part.added", ",\"content_index\":0,\"part\":",
                   refusal ? CLP_SPAN_LIT(REFUSAL_PART("")) : CLP_SPAN_LIT(TEXT_PART("")), "\"}");
    }
}

static void close_message(responses_writer *w, int refusal, int whole)
{
    clp_span text = clp_buffer_all(&w->text);
    if (w->options.stream) {
        if (refusal) {
            text_event(w, "response.refusal.done", ",\"content_index\":0,\"refusal\":\"", text,
                       "\"");
        }
        else {
            text_event(w, "response.output_text.done",
                       ",\"content_index\":0,\"logprobs\":[],\"text\":\"", text, "\"");
        }
        text_event(w, "response.content_part.done",
                   refusal ? ",\"content_index\":0,\"part\":" REFUSAL_PART("")
                           : ",\"content_index\":0,\"part\":" TEXT_PART(""),
                   text, "\"}");
    }
    item_head(w, &w->item, "message");
    clp_buffer_puts(&w->item, whole ? ",\"status\":\"completed\"" : ",\"status\":\"incomplete\"");
    clp_buffer_lit(&w->item, ",\"role\":\"assistant\",\"content\":[");
    clp_buffer_puts(&w->item, refusal ? REFUSAL_PART("") : TEXT_PART(""));
    clp_buffer_span(&w->item, text);
    clp_buffer_lit(&w->item, "\"}]}");
    done(w);
}

/* --- reasoning ---------------------------------------------------------------- */

#define SUMMARY_PART "{\"type\":\"summary_text\",\"text\":\""

static void open_reasoning(responses_writer *w, const clp_event *e)
{
    begin_item(w, "rs_", e->id);
    if (w->options.stream) {
        added(w);
        item_head(w, w->out, "reasoning");
        clp_buffer_lit(w->out, ",\"summary\":[]}");
        end_event(w);
    }
}

static void put_thought(responses_writer *w, clp_span escaped)
{
    if (!w->parted && w->options.stream) {
        text_event(w, "response.reasoning_summary_part.added",
                   ",\"summary_index\":0,\"part\":", CLP_SPAN_LIT(SUMMARY_PART), "\"}");
    }
    w->parted = 1;
    delta(w, "response.reasoning_summary_text.delta", ",\"summary_index\":0,\"delta\":\"", escaped,
          "\"");
}

/* OpenAI's own state is what its item held; others' goes in an envelope. */
static void keep_state(responses_writer *w, clp_provider provider, clp_state_kind kind,
                       clp_text text)
{
    const clp_state state = {provider, kind, {NULL, 0}};
    clp_buffer_clear(&w->state);
    if (provider == CLP_PROVIDER_OPENAI) {
        clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
        clp_json *j = clp_json_make(w->pool);
        clp_buffer *plain = clp_buffer_make(w->pool, 0);
        clp_text_append_plain(plain, text);
        if (clp_json_scan(j, clp_buffer_all(plain), &limits, NULL) == CLP_JSON_OK) {
            clp_answer_text(&w->state,
                            clp_jval_text(clp_jval_get(clp_json_root(j), "encrypted_content")).s);
        }
        clp_buffer_release(plain);
    }
    else if (provider != CLP_PROVIDER_NONE) {
        clp_state_carry(&w->state, &state, text, w->options.envelope_key);
    }
}

static void close_reasoning(responses_writer *w)
{
    clp_span text = clp_buffer_all(&w->text);
    if (w->parted && w->options.stream) {
        text_event(w, "response.reasoning_summary_text.done", ",\"summary_index\":0,\"text\":\"",
                   text, "\"");
        text_event(w, "response.reasoning_summary_part.done",
                   ",\"summary_index\":0,\"part\":" SUMMARY_PART, text, "\"}");
    }
    item_head(w, &w->item, "reasoning");
    clp_buffer_lit(&w->item, ",\"summary\":[");
    if (w->parted) {
        clp_buffer_lit(&w->item, SUMMARY_PART);
        clp_buffer_span(&w->item, text);
        clp_buffer_lit(&w->item, "\"}");
    }
    clp_buffer_putc(&w->item, ']');
    if (w->state.n) {
        clp_buffer_lit(&w->item, ",\"encrypted_content\":\"");
        clp_buffer_span(&w->item, clp_buffer_all(&w->state));
        clp_buffer_putc(&w->item, '"');
    }
    clp_buffer_putc(&w->item, '}');
    done(w);
}

/* --- calls ------------------------------------------------------------------- */

static clp_tool_bridge bridge_of(const responses_writer *w, clp_part_kind part)
{
    if (part == CLP_PART_CUSTOM_CALL) {
        return CLP_BRIDGE_CUSTOM;
    }
    return w->tool ? w->tool->bridge : CLP_BRIDGE_NONE;
}

/* Members of a call that do not depend on what it says. */
static void call_head(responses_writer *w, clp_buffer *to, clp_tool_bridge bridge,
                      const clp_event *e, const char *call_id)
{
    static const char *const types[] = {
        [CLP_BRIDGE_NONE] = "function_call",
        [CLP_BRIDGE_CUSTOM] = "custom_tool_call",
        [CLP_BRIDGE_LOCAL_SHELL] = "local_shell_call",
        [CLP_BRIDGE_SHELL] = "shell_call",
        [CLP_BRIDGE_APPLY_PATCH] = "apply_patch_call",
        [CLP_BRIDGE_TOOL_SEARCH] = "tool_search_call",
    };
    item_head(w, to, types[bridge]);
    clp_buffer_lit(to, ",\"call_id\":\"");
    clp_buffer_puts(to, call_id);
    clp_buffer_putc(to, '"');
    if (bridge > CLP_BRIDGE_CUSTOM) {
        return;
    }
    clp_buffer_lit(to, ",\"name\":\"");
    if (w->tool && w->tool->space.s.n) {
        clp_buffer_span(to, clp_answer_escape(w->tool->inner, w->pool));
        clp_buffer_lit(to, "\",\"namespace\":\"");
        clp_buffer_span(to, clp_answer_escape(w->tool->space, w->pool));
    }
    else {
        clp_buffer_span(to, clp_answer_escape(e->name, w->pool));
    }
    clp_buffer_putc(to, '"');
}

static const char *id_prefix(clp_tool_bridge bridge)
{
    static const char *const prefixes[] = {
        [CLP_BRIDGE_NONE] = "fc_",         [CLP_BRIDGE_CUSTOM] = "ctc_",
        [CLP_BRIDGE_LOCAL_SHELL] = "lsh_", [CLP_BRIDGE_SHELL] = "sh_",
        [CLP_BRIDGE_APPLY_PATCH] = "apc_", [CLP_BRIDGE_TOOL_SEARCH] = "tsc_",
    };
    return prefixes[bridge];
}

static void open_call(responses_writer *w, const clp_event *e)
{
    clp_tool_bridge bridge;
    w->tool = clp_responses_echo_tool(w->echo, e->name);
    bridge = bridge_of(w, e->part);
    begin_item(w, id_prefix(bridge), clp_text_str(NULL));
    /* the whole item begins with it */
    call_head(w, &w->item, bridge, e,
              clp_answer_call_id("call_", e->id, w->items - 1, CLP_TOOL_ID_RESPONSES, &w->options,
                                 w->pool));
    if (w->options.stream && bridge <= CLP_BRIDGE_CUSTOM) {
        added(w);
        clp_buffer_span(w->out, clp_buffer_all(&w->item));
        clp_buffer_puts(w->out, bridge == CLP_BRIDGE_CUSTOM
                                    ? ",\"input\":\"\",\"status\":\"in_progress\"}"
                                    : ",\"arguments\":\"\",\"status\":\"in_progress\"}");
        end_event(w);
    }
}

static void put_arguments(responses_writer *w, clp_part_kind part, clp_span escaped)
{
    if (part == CLP_PART_CUSTOM_CALL) {
        delta(w, "response.custom_tool_call_input.delta", ",\"delta\":\"", escaped, "\"");
    }
    else if (bridge_of(w, part) != CLP_BRIDGE_NONE) {
        add_text(w, escaped);
    }
    else {
        delta(w, "response.function_call_arguments.delta", ",\"delta\":\"", escaped, "\"");
    }
}

/* A client of a document gets arguments that were no object as the model wrote them. */
static clp_span whole_arguments(responses_writer *w, int custom)
{
    clp_tool_input input;
    clp_buffer *object, *text;
    clp_jw jw;
    if (custom || w->options.stream || !clp_span_starts(clp_buffer_all(&w->text), WRAPPED)) {
        return clp_buffer_all(&w->text);
    }
    object = clp_buffer_make(w->pool, 0);
    text = clp_buffer_make(w->pool, 0);
    memset(&input, 0, sizeof(input));
    clp_text_append_plain(object, clp_text_escaped(clp_buffer_all(&w->text)));
    input.object = clp_buffer_all(object);
    clp_jw_init(&jw, text);
    clp_tool_input_text(&jw, &input, w->pool);
    return clp_span_of(text->p + 1, text->n - 2);
}

static void close_bridged(responses_writer *w, clp_tool_bridge bridge, const char *status)
{
    clp_responses_echo_action(w->echo, bridge, clp_buffer_all(&w->text), &w->item);
    clp_buffer_printf(&w->item, ",\"status\":\"%s\"}", status);
    if (w->options.stream) {
        added(w);
        clp_buffer_span(w->out, clp_buffer_all(&w->item));
        end_event(w);
    }
    done(w);
}

static void close_call(responses_writer *w, clp_part_kind part, int whole)
{
    clp_tool_bridge bridge = bridge_of(w, part);
    int custom = bridge == CLP_BRIDGE_CUSTOM;
    const char *status = whole ? "completed" : "incomplete";
    if (bridge > CLP_BRIDGE_CUSTOM) {
        close_bridged(w, bridge, status);
        return;
    }
    if (!custom && !w->text.n) {
        /* clients parse the text they have put together, and the empty text is no JSON */
        put_arguments(w, part, CLP_SPAN_LIT("{}"));
    }
    clp_span text = whole_arguments(w, custom);
    if (w->options.stream) {
        if (custom) {
            text_event(w, "response.custom_tool_call_input.done", ",\"input\":\"", text, "\"");
        }
        else {
            text_event(w, "response.function_call_arguments.done", ",\"arguments\":\"", text, "\"");
        }
    }
    clp_buffer_puts(&w->item, custom ? ",\"input\":\"" : ",\"arguments\":\"");
    clp_buffer_span(&w->item, text);
    clp_buffer_printf(&w->item, "\",\"status\":\"%s\"}", status);
    done(w);
}

/* --- events ------------------------------------------------------------------- */

/* Whether an item is whole shows when the answer goes on, or ends: of one that was cut off, the
 * last item is what the cut went through. */
static void settle(responses_writer *w, int whole)
{
    if (!w->waiting) {
        return;
    }
    w->waiting = 0;
    if (w->closes == CLP_PART_TEXT || w->closes == CLP_PART_REFUSAL) {
        close_message(w, w->closes == CLP_PART_REFUSAL, whole);
    }
    else {
        close_call(w, w->closes, whole);
    }
}

static void open_block(responses_writer *w, const clp_event *e)
{
    settle(w, 1);
    switch (e->part) {
    case CLP_PART_TEXT: open_message(w, 0); break;
    case CLP_PART_REFUSAL: open_message(w, 1); break;
    case CLP_PART_REASONING:
    case CLP_PART_REDACTED: open_reasoning(w, e); break;
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL: open_call(w, e); break;
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: break;
    }
}

static void block_delta(responses_writer *w, const clp_event *e)
{
    if (e->delta == CLP_DELTA_SIGNATURE) {
        keep_state(w, e->provider, e->state_kind, e->text);
        return;
    }
    switch (e->part) {
    case CLP_PART_TEXT:
        delta(w, "response.output_text.delta", ",\"content_index\":0,\"logprobs\":[],\"delta\":\"",
              e->text.s, "\"");
        break;
    case CLP_PART_REFUSAL:
        delta(w, "response.refusal.delta", ",\"content_index\":0,\"delta\":\"", e->text.s, "\"");
        break;
    case CLP_PART_REASONING: put_thought(w, e->text.s); break;
    case CLP_PART_REDACTED: add_text(w, e->text.s); break;
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL: put_arguments(w, e->part, e->text.s); break;
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: break;
    }
}

static void close_block(responses_writer *w, const clp_event *e)
{
    switch (e->part) {
    case CLP_PART_TEXT:
    case CLP_PART_REFUSAL:
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL:
        w->waiting = 1;
        w->closes = e->part;
        break;
    case CLP_PART_REDACTED:
        keep_state(w, e->provider, e->state_kind, clp_text_escaped(clp_buffer_all(&w->text)));
        clp_buffer_clear(&w->text);
        close_reasoning(w);
        break;
    case CLP_PART_REASONING: close_reasoning(w); break;
    case CLP_PART_SERVER_TOOL:
    case CLP_PART_OPAQUE: break;
    }
}

static void finish(responses_writer *w, const clp_event *e)
{
    const char *reason = e->stop == CLP_STOP_LENGTH || e->stop == CLP_STOP_WINDOW
                             ? "max_output_tokens"
                         : e->stop == CLP_STOP_FILTER ? "content_filter"
                                                      : NULL;
    phase now = reason ? INCOMPLETE : COMPLETED;
    settle(w, !reason);
    if (w->options.stream) {
        put_response(w, reason ? "response.incomplete" : "response.completed", now, reason, NULL);
    }
    else {
        write_response(w, now, reason, NULL);
    }
}

/* Before response.created there is no response that could fail. */
static void problem(responses_writer *w, const clp_problem *p)
{
    clp_buffer *error;
    settle(w, 1);
    if (!w->options.stream) {
        clp_problems_write_openai(p, w->out);
        return;
    }
    if (w->started) {
        put_response(w, "response.failed", FAILED, NULL, p);
        return;
    }
    error = clp_buffer_make(w->pool, 0);
    write_error(error, p);
    event(w, "error");
    clp_buffer_putc(w->out, ',');
    clp_buffer_append(w->out, error->p + 1, error->n - 2);
    clp_buffer_lit(w->out, ",\"param\":");
    if (p->param) {
        clp_buffer_putc(w->out, '"');
        clp_buffer_span(w->out, clp_answer_escape(clp_text_str(p->param), w->pool));
        clp_buffer_putc(w->out, '"');
    }
    else {
        clp_buffer_lit(w->out, "null");
    }
    end_event(w);
}

static void writer_put(clp_writer *writer, const clp_event *e)
{
    responses_writer *w = (responses_writer *)writer;
    switch (e->kind) {
    case CLP_EVENT_START: start(w, e); break;
    case CLP_EVENT_BLOCK_OPEN: open_block(w, e); break;
    case CLP_EVENT_BLOCK_DELTA: block_delta(w, e); break;
    case CLP_EVENT_BLOCK_CLOSE: close_block(w, e); break;
    case CLP_EVENT_USAGE: clp_usage_merge(&w->usage, &e->usage); break;
    case CLP_EVENT_FINISH: finish(w, e); break;
    case CLP_EVENT_PROBLEM: problem(w, e->problem); break;
    case CLP_EVENT_PING:
        if (w->options.stream) {
            clp_buffer_puts(w->out, clp_responses_keepalive);
        }
        break;
    case CLP_EVENT_LOGPROBS: break;
    }
}

clp_writer *clp_responses_open_writer(const clp_writer_options *options, clp_buffer *out,
                                      apr_pool_t *pool)
{
    responses_writer *w = apr_pcalloc(pool, sizeof(*w));
    w->writer.put = writer_put;
    w->pool = pool;
    w->out = out;
    w->options = *options;
    w->usage = CLP_USAGE_NONE;
    w->id = w->model = clp_span_of("", 0);
    w->echo = clp_responses_echo_make(options, pool);
    clp_buffer_init(&w->output, pool, 0);
    clp_buffer_init(&w->item, pool, 0);
    clp_buffer_init(&w->text, pool, 0);
    clp_buffer_init(&w->state, pool, 0);
    clp_buffer_init(&w->where, pool, 0);
    clp_buffer_init(&w->item_id, pool, 0);
    return &w->writer;
}
