/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"

#include "answer_input.h"
#include "dialect/tools.h"
#include "lanes.h"
#include "problems.h"
#include "wire/text.h"

/*
 * Blocks come one behind the other, but nothing in the protocol says so: events
 * carry the index of their block, and relays are seen that interleave blocks,
 * leave out stops or give every block index 0. So each index has a lane.
 */

/* message_start.message.usage.input_tokens, usage.output_tokens_details.thinking_tokens */
#define RECORD_DEPTH 3

typedef struct messages_reader {
    clp_reader reader;
    apr_pool_t *pool;
    clp_sink sink;
    apr_table_t *names;
    clp_answer_input *input;
    clp_lanes *lanes;
    clp_stop stop;
    clp_buffer stop_string;  /* escaped */
    clp_buffer stop_details; /* raw JSON */
    unsigned passive : 1;    /* blocks need not be told apart, and none is a problem */
    unsigned stopped : 1;    /* a stop reason was told */
    unsigned ended : 1;      /* FINISH or PROBLEM is out */
} messages_reader;

static void end_with(messages_reader *r, const clp_problem *p)
{
    if (!r->ended) {
        clp_event e = clp_event_of(CLP_EVENT_PROBLEM);
        r->ended = 1;
        e.problem = p;
        clp_answer_input_stop(r->input);
        clp_sink_put(&r->sink, &e);
    }
}

static void finish(messages_reader *r)
{
    clp_lanes_close_all(r->lanes);
    clp_event e = clp_event_of(CLP_EVENT_FINISH);
    e.stop = r->stop;
    if (r->stop_string.n) {
        e.stop_string = clp_text_escaped(clp_buffer_all(&r->stop_string));
    }
    if (r->stop_details.n) {
        e.stop_details = clp_buffer_all(&r->stop_details);
    }
    r->ended = 1;
    clp_answer_input_stop(r->input);
    clp_sink_put(&r->sink, &e);
}

static clp_usage read_usage(clp_jval u)
{
    clp_usage usage = CLP_USAGE_NONE;
    usage.input = clp_answer_count(clp_jval_get(u, "input_tokens"));
    usage.cache_read = clp_answer_count(clp_jval_get(u, "cache_read_input_tokens"));
    usage.cache_write = clp_answer_count(clp_jval_get(u, "cache_creation_input_tokens"));
    usage.output = clp_answer_count(clp_jval_get(u, "output_tokens"));
    usage.reasoning =
        clp_answer_count(clp_jval_get(clp_jval_get(u, "output_tokens_details"), "thinking_tokens"));
    return usage;
}

static void put_start(messages_reader *r, clp_jval message)
{
    clp_event e = clp_event_of(CLP_EVENT_START);
    e.id = clp_jval_text(clp_jval_get(message, "id"));
    e.model = clp_jval_text(clp_jval_get(message, "model"));
    e.usage = read_usage(clp_jval_get(message, "usage"));
    clp_sink_put(&r->sink, &e);
}

static void put_usage(messages_reader *r, clp_jval usage)
{
    if (clp_jval_is_object(usage)) {
        clp_event e = clp_event_of(CLP_EVENT_USAGE);
        e.usage = read_usage(usage);
        clp_sink_put(&r->sink, &e);
    }
}

static clp_stop stop_of(clp_jval reason)
{
    static const struct {
        const char *word;
        clp_stop stop;
    } words[] = {
        {"max_tokens", CLP_STOP_LENGTH}, {"stop_sequence", CLP_STOP_SEQUENCE},
        {"tool_use", CLP_STOP_TOOL},     {"refusal", CLP_STOP_FILTER},
        {"pause_turn", CLP_STOP_PAUSE},  {"model_context_window_exceeded", CLP_STOP_WINDOW},
    };
    for (apr_size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (clp_jval_str_is(reason, words[i].word)) {
            return words[i].stop;
        }
    }
    return CLP_STOP_END;
}

/* `from` is a message, or the delta of a message_delta. */
static void read_stop(messages_reader *r, clp_jval from)
{
    clp_jval reason = clp_jval_get(from, "stop_reason");
    clp_text string = clp_jval_text(clp_jval_get(from, "stop_sequence"));
    clp_jval details = clp_jval_get(from, "stop_details");
    if (!clp_jval_is_string(reason) || clp_jval_text(reason).s.n == 0) {
        return;
    }
    r->stopped = 1;
    r->stop = stop_of(reason);
    clp_buffer_clear(&r->stop_string);
    clp_buffer_span(&r->stop_string, string.s);
    clp_buffer_clear(&r->stop_details);
    if (clp_jval_is_object(details)) {
        clp_buffer_span(&r->stop_details, clp_jval_raw(details));
        /* it goes out within a line; in JSON a raw line end can only be white space */
        for (apr_size_t i = 0; i < r->stop_details.n; i++) {
            if (r->stop_details.p[i] == '\n' || r->stop_details.p[i] == '\r') {
                r->stop_details.p[i] = ' ';
            }
        }
    }
}

static int ends_with(clp_span s, const char *tail)
{
    apr_size_t n = strlen(tail);
    return s.n >= n && memcmp(s.p + s.n - n, tail, n) == 0;
}

static clp_part_kind part_of(clp_jval type)
{
    clp_span t = clp_jval_text(type).s;
    if (clp_span_is(t, "text")) {
        return CLP_PART_TEXT;
    }
    if (clp_span_is(t, "thinking")) {
        return CLP_PART_REASONING;
    }
    if (clp_span_is(t, "redacted_thinking")) {
        return CLP_PART_REDACTED;
    }
    if (clp_span_is(t, "tool_use")) {
        return CLP_PART_TOOL_CALL;
    }
    return ends_with(t, "_tool_use") || ends_with(t, "_tool_result") ? CLP_PART_SERVER_TOOL
                                                                     : CLP_PART_OPAQUE;
}

static void lane_text(messages_reader *r, clp_lane *lane, clp_jval text)
{
    clp_lanes_text(r->lanes, lane, clp_jval_text(text).s);
}

static void name_call(messages_reader *r, clp_lane *lane, clp_jval block)
{
    int custom = 0;
    clp_text name = clp_jval_text(clp_jval_get(block, "name"));
    clp_text id = clp_jval_text(clp_jval_get(block, "id"));
    clp_buffer_span(&lane->id, id.s);
    clp_text_append_plain(&lane->name, name);
    if (r->names && lane->part == CLP_PART_TOOL_CALL) {
        const char *known = clp_tool_names_lookup(r->names, clp_text_cstr(name, r->pool), &custom);
        clp_buffer_clear(&lane->name);
        clp_buffer_puts(&lane->name, known);
    }
    if (custom) {
        lane->part = CLP_PART_CUSTOM_CALL;
        lane->whole = 1;
    }
}

static int is_call(const clp_lane *lane)
{
    return lane->part == CLP_PART_TOOL_CALL || lane->part == CLP_PART_CUSTOM_CALL;
}

static int is_empty_object(clp_span s)
{
    for (apr_size_t i = 1; i + 1 < s.n; i++) {
        if (!strchr(" \t\r\n", s.p[i])) {
            return 0;
        }
    }
    return 1;
}

/* Input that came with its block: what counts if no deltas bring it. */
static void keep_input(clp_lane *lane, clp_jval input)
{
    clp_span raw = clp_jval_raw(input);
    if (clp_jval_is_string(input)) {
        clp_buffer_span(&lane->fallback, clp_jval_text(input).s);
    }
    else if (clp_jval_is_object(input) && !is_empty_object(raw)) {
        clp_text_escape(&lane->fallback, raw, 0);
    }
}

static clp_lane *add_lane(messages_reader *r, apr_int64_t key, clp_part_kind part)
{
    clp_lane *lane = clp_lanes_add(r->lanes, part);
    lane->key = key;
    if (part == CLP_PART_REASONING || part == CLP_PART_REDACTED) {
        lane->provider = CLP_PROVIDER_CLAUDE;
        lane->state_kind = part == CLP_PART_REASONING ? CLP_STATE_BLOCK : CLP_STATE_REDACTED;
    }
    return lane;
}

static clp_lane *open_lane(messages_reader *r, apr_int64_t key, clp_part_kind part)
{
    clp_lane *lane = add_lane(r, key, part);
    clp_lanes_ready(r->lanes, lane);
    return lane;
}

/* A block as it stands at its start, or in a document. */
static clp_lane *open_block(messages_reader *r, apr_int64_t key, clp_jval block)
{
    clp_lane *lane = add_lane(r, key, part_of(clp_jval_get(block, "type")));
    if (is_call(lane)) {
        keep_input(lane, clp_jval_get(block, "input"));
    }
    name_call(r, lane, block);
    clp_lanes_ready(r->lanes, lane);
    switch (lane->part) {
    case CLP_PART_TEXT: lane_text(r, lane, clp_jval_get(block, "text")); break;
    case CLP_PART_REASONING:
        lane_text(r, lane, clp_jval_get(block, "thinking"));
        clp_lanes_signature(r->lanes, lane, clp_jval_text(clp_jval_get(block, "signature")).s);
        break;
    case CLP_PART_REDACTED: lane_text(r, lane, clp_jval_get(block, "data")); break;
    default: break;
    }
    return lane;
}

static clp_lane *find_lane(const messages_reader *r, apr_int64_t key)
{
    for (clp_lane *lane = clp_lanes_first(r->lanes); lane; lane = lane->next) {
        if (lane->key == key && !lane->closed) {
            return lane;
        }
    }
    return NULL;
}

/* Relays that leave out the index send one block at a time. */
static apr_int64_t key_of(clp_jval root)
{
    return clp_jval_count_or(clp_jval_get(root, "index"), 0);
}

static void on_block_start(messages_reader *r, clp_jval root)
{
    apr_int64_t key = key_of(root);
    clp_lane *lane = find_lane(r, key);
    if (lane) {
        clp_lanes_close(r->lanes, lane);
    }
    open_block(r, key, clp_jval_get(root, "content_block"));
}

static void on_block_delta(messages_reader *r, clp_jval root)
{
    clp_jval delta = clp_jval_get(root, "delta");
    clp_span type = clp_jval_text(clp_jval_get(delta, "type")).s;
    clp_part_kind part;
    const char *member;
    if (clp_span_is(type, "text_delta")) {
        part = CLP_PART_TEXT;
        member = "text";
    }
    else if (clp_span_is(type, "input_json_delta")) {
        part = CLP_PART_TOOL_CALL;
        member = "partial_json";
    }
    else if (clp_span_is(type, "thinking_delta")) {
        part = CLP_PART_REASONING;
        member = "thinking";
    }
    else if (clp_span_is(type, "signature_delta")) {
        part = CLP_PART_REASONING;
        member = "signature";
    }
    else {
        return;
    }
    clp_span text = clp_jval_text(clp_jval_get(delta, member)).s;
    apr_int64_t key = key_of(root);
    clp_lane *lane = find_lane(r, key);
    if (text.n == 0 || (lane && lane->part == CLP_PART_SERVER_TOOL)) {
        return;
    }
    if (part == CLP_PART_TOOL_CALL) {
        if (!lane || !is_call(lane)) {
            end_with(r, clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                         "The upstream sent input for a tool call that is not "
                                         "open."));
            return;
        }
    }
    else if (!lane || lane->part != part) {
        /* thinking inside a text block and the like: the delta knows what it is */
        if (lane) {
            clp_lanes_close(r->lanes, lane);
        }
        lane = open_lane(r, key, part);
    }
    if (member[0] == 's') {
        clp_lanes_signature(r->lanes, lane, text);
    }
    else {
        clp_lanes_text(r->lanes, lane, text);
    }
}

/* For passthrough: what opens and what is said, wherever it belongs. */
static void put_passive(messages_reader *r, clp_event_kind kind, clp_part_kind part, clp_text text)
{
    clp_event e = clp_event_of(kind);
    e.part = part;
    e.text = text;
    clp_sink_put(&r->sink, &e);
}

static void on_block_start_passive(messages_reader *r, clp_jval root)
{
    clp_jval type = clp_jval_get(clp_jval_get(root, "content_block"), "type");
    put_passive(r, CLP_EVENT_BLOCK_OPEN, part_of(type), clp_text_str(NULL));
}

static void on_block_delta_passive(messages_reader *r, clp_jval root)
{
    clp_jval delta = clp_jval_get(root, "delta");
    clp_jval text = clp_jval_get(delta, "text");
    clp_jval thinking = clp_jval_get(delta, "thinking");
    if (clp_jval_is_string(text)) {
        put_passive(r, CLP_EVENT_BLOCK_DELTA, CLP_PART_TEXT, clp_jval_text(text));
    }
    else if (clp_jval_is_string(thinking)) {
        put_passive(r, CLP_EVENT_BLOCK_DELTA, CLP_PART_REASONING, clp_jval_text(thinking));
    }
}

static void on_event(void *ctx, clp_jval root)
{
    messages_reader *r = ctx;
    clp_span type = clp_jval_text(clp_jval_get(root, "type")).s;
    if (clp_span_is(type, "content_block_delta")) {
        (r->passive ? on_block_delta_passive : on_block_delta)(r, root);
    }
    else if (clp_span_is(type, "error") || (type.n == 0 && clp_problems_told(root))) {
        end_with(r, clp_messages_read_problem(200, root.doc->text, r->pool));
    }
    else if (clp_span_is(type, "content_block_start")) {
        (r->passive ? on_block_start_passive : on_block_start)(r, root);
    }
    else if (clp_span_is(type, "content_block_stop")) {
        clp_lane *lane = find_lane(r, key_of(root));
        if (lane) {
            clp_lanes_close(r->lanes, lane);
        }
    }
    else if (clp_span_is(type, "message_start")) {
        put_start(r, clp_jval_get(root, "message"));
    }
    else if (clp_span_is(type, "message_delta")) {
        read_stop(r, clp_jval_get(root, "delta"));
        put_usage(r, clp_jval_get(root, "usage"));
    }
    else if (clp_span_is(type, "message_stop")) {
        finish(r);
    }
    else if (clp_span_is(type, "ping")) {
        clp_event e = clp_event_of(CLP_EVENT_PING);
        clp_sink_put(&r->sink, &e);
    }
    if (clp_lanes_overflow(r->lanes)) {
        end_with(r, clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                     "The upstream sent more interleaved content than this "
                                     "gateway takes."));
    }
}

/* Some relays end every stream this way; it says nothing about the message. */
static void on_done(void *ctx)
{
    (void)ctx;
}

static void on_document(void *ctx, clp_jval root)
{
    messages_reader *r = ctx;
    clp_jval content = clp_jval_get(root, "content");
    if (!clp_jval_is_array(content)) {
        end_with(r, clp_problems_told(root)
                        ? clp_messages_read_problem(200, root.doc->text, r->pool)
                        : clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                           "The upstream sent a document that is no answer."));
        return;
    }
    put_start(r, root);
    CLP_JVAL_EACH (block, content) {
        clp_lanes_close(r->lanes, open_block(r, 0, block));
    }
    read_stop(r, root);
    finish(r);
}

static void on_broken(void *ctx, clp_problem *p)
{
    end_with(ctx, p);
}

static void on_ended(void *ctx, clp_ending how)
{
    messages_reader *r = ctx;
    if (r->stopped) {
        finish(r);
        return;
    }
    end_with(
        r, clp_problem_because(clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                                "The upstream's answer broke off before its end."),
                               r->pool, "%s", how == CLP_ENDED_CUT ? "cut" : "no message_stop"));
}

static void reader_feed(clp_reader *reader, const char *p, apr_size_t n)
{
    messages_reader *r = (messages_reader *)reader;
    clp_answer_input_feed(r->input, p, n);
}

static void reader_finish(clp_reader *reader, clp_ending how)
{
    messages_reader *r = (messages_reader *)reader;
    clp_answer_input_finish(r->input, how);
}

clp_reader *clp_messages_open_reader(const clp_reader_options *options, clp_sink sink,
                                     apr_pool_t *pool)
{
    static const clp_answer_handler handler = {on_event, on_done, on_document, on_broken, on_ended};
    messages_reader *r = apr_pcalloc(pool, sizeof(*r));
    r->reader.feed = reader_feed;
    r->reader.finish = reader_finish;
    r->pool = pool;
    r->sink = sink;
    r->names = options->names;
    r->passive = options->passive ? 1 : 0;
    r->stop = CLP_STOP_END;
    r->input = clp_answer_input_make(pool, options, RECORD_DEPTH, &handler, r);
    r->lanes = clp_lanes_make(sink, options->max_event, pool);
    clp_buffer_init(&r->stop_string, pool, 0);
    clp_buffer_init(&r->stop_details, pool, 0);
    return &r->reader;
}
