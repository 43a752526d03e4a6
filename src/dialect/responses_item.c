/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_item.h"

#include <apr_strings.h>

#include "dialect/tools.h"
#include "wire/json_write.h"
#include "wire/text.h"

void clp_responses_blocks_init(clp_responses_blocks *b, clp_sink sink, apr_table_t *names,
                               apr_size_t cap, apr_pool_t *pool)
{
    memset(b, 0, sizeof(*b));
    b->pool = pool;
    b->names = names;
    b->cap = cap;
    b->lanes = clp_lanes_make(sink, cap, pool);
    clp_buffer_init(&b->scratch, pool, 0);
    clp_buffer_init(&b->state, pool, 0);
}

static void refuse(clp_responses_blocks *b, const char *message)
{
    if (!b->problem) {
        b->problem = clp_problem_make(b->pool, CLP_BAD_GATEWAY, "%s", message);
    }
}

clp_responses_item *clp_responses_item_make(clp_responses_blocks *b, apr_int64_t index,
                                            clp_part_kind part)
{
    clp_responses_item *i = apr_pcalloc(b->pool, sizeof(*i));
    i->index = index;
    i->part = part;
    clp_buffer_init(&i->sent, b->pool, b->cap);
    clp_buffer_init(&i->id, b->pool, 0);
    clp_args_check_init(&i->check);
    return i;
}

static void open_lane(clp_responses_blocks *b, clp_responses_item *i, clp_part_kind part,
                      apr_int64_t place)
{
    i->lane = clp_lanes_add(b->lanes, part);
    i->place = place;
    i->spoke = 1;
    clp_buffer_clear(&i->sent);
    if (part == CLP_PART_REASONING) {
        i->lane->provider = CLP_PROVIDER_OPENAI;
        clp_buffer_span(&i->lane->id, clp_buffer_all(&i->id));
    }
}

void clp_responses_item_close(clp_responses_blocks *b, clp_responses_item *i)
{
    if (i->lane) {
        clp_lanes_close(b->lanes, i->lane);
        i->lane = NULL;
    }
}

/* The lane for a text of the item; another place or kind of text is another block. */
static clp_lane *text_lane(clp_responses_blocks *b, clp_responses_item *i, clp_part_kind part,
                           apr_int64_t place)
{
    if (i->lane && (i->lane->part != part || i->place != place)) {
        clp_responses_item_close(b, i);
    }
    if (!i->lane) {
        open_lane(b, i, part, place);
        clp_lanes_ready(b->lanes, i->lane);
    }
    return i->lane;
}

static void say(clp_responses_blocks *b, clp_responses_item *i, clp_span escaped)
{
    clp_lanes_text(b->lanes, i->lane, escaped);
    clp_buffer_span(&i->sent, escaped);
}

void clp_responses_item_text(clp_responses_blocks *b, clp_responses_item *i, clp_part_kind part,
                             apr_int64_t place, clp_span escaped)
{
    if (escaped.n) {
        text_lane(b, i, part, place);
        say(b, i, escaped);
    }
}

/* What a whole text has beyond what was told of it piece by piece. */
static clp_span rest_of(const clp_responses_item *i, clp_span whole)
{
    clp_span sent = clp_buffer_all(&i->sent);
    if (i->sent.overflow || whole.n <= sent.n || memcmp(whole.p, sent.p, sent.n) != 0) {
        return clp_span_of("", 0);
    }
    return clp_span_of(whole.p + sent.n, whole.n - sent.n);
}

void clp_responses_item_whole_text(clp_responses_blocks *b, clp_responses_item *i,
                                   clp_part_kind part, apr_int64_t place, clp_span whole)
{
    if (!i->spoke || place > i->place) {
        clp_responses_item_text(b, i, part, place, whole);
    }
    else if (i->lane && i->lane->part == part && i->place == place) {
        say(b, i, rest_of(i, whole));
    }
}

void clp_responses_item_summary(clp_responses_blocks *b, clp_responses_item *i, apr_int64_t place,
                                clp_span escaped)
{
    if (!escaped.n || i->content) {
        return;
    }
    if (!i->lane) {
        open_lane(b, i, CLP_PART_REASONING, place);
        clp_lanes_ready(b->lanes, i->lane);
    }
    if (i->summary && i->place != place) {
        clp_lanes_text(b->lanes, i->lane, CLP_SPAN_LIT("\\n\\n"));
        clp_buffer_clear(&i->sent);
    }
    i->summary = 1;
    i->place = place;
    say(b, i, escaped);
}

static void complete_summary(clp_responses_blocks *b, clp_responses_item *i, apr_int64_t place,
                             clp_span whole)
{
    if (i->content) {
        return;
    }
    if (i->summary && i->place == place) {
        clp_responses_item_summary(b, i, place, rest_of(i, whole));
    }
    else if (!i->summary || place > i->place) {
        clp_responses_item_summary(b, i, place, whole);
    }
}

void clp_responses_item_reasoning(clp_responses_blocks *b, clp_responses_item *i, apr_int64_t place,
                                  clp_span escaped)
{
    if (escaped.n && !i->summary) {
        if (!i->lane) {
            open_lane(b, i, CLP_PART_REASONING, place);
            clp_lanes_ready(b->lanes, i->lane);
        }
        if (i->content && i->place != place) {
            clp_buffer_clear(&i->sent);
        }
        i->content = 1;
        i->place = place;
        say(b, i, escaped);
    }
}

static void complete_reasoning(clp_responses_blocks *b, clp_responses_item *i, apr_int64_t place,
                               clp_span whole)
{
    if (i->content && i->place == place) {
        clp_responses_item_reasoning(b, i, place, rest_of(i, whole));
    }
    else if (!i->content || place > i->place) {
        clp_responses_item_reasoning(b, i, place, whole);
    }
}

void clp_responses_item_arguments(clp_responses_blocks *b, clp_responses_item *i, clp_span escaped)
{
    clp_span piece = escaped;
    if (!escaped.n || !i->lane) {
        return;
    }
    if (i->lane->part == CLP_PART_TOOL_CALL && !i->lane->whole) {
        piece = clp_args_check_pass(&i->check, escaped, &b->scratch);
        if (i->check.state == CLP_ARGS_BROKEN || i->check.state == CLP_ARGS_OTHER) {
            refuse(b, "The upstream sent arguments of a tool call that are no JSON object.");
            return;
        }
    }
    clp_lanes_text(b->lanes, i->lane, piece);
    clp_buffer_span(&i->sent, escaped);
}

/* The name as the client knows it; tools in a namespace have it in front. */
static const char *name_of(const clp_responses_blocks *b, clp_jval v, clp_span type, int *custom)
{
    const char *name = clp_jval_cstr(clp_jval_get(v, "name"), b->pool);
    const char *space = clp_jval_cstr(clp_jval_get(v, "namespace"), b->pool);
    if (!name && type.n > 5) {
        name = apr_pstrmemdup(b->pool, type.p, type.n - 5);
    }
    if (space && *space) {
        name = apr_pstrcat(b->pool, space, "__", name, NULL);
    }
    return clp_tool_names_lookup(b->names, name ? name : "", custom);
}

void clp_responses_item_open_call(clp_responses_blocks *b, clp_responses_item *i, clp_jval v,
                                  int whole)
{
    int custom = 0;
    clp_jval id = clp_jval_get(v, "call_id");
    open_lane(b, i, i->part, 0);
    clp_buffer_span(&i->lane->id,
                    clp_jval_text(clp_jval_is_string(id) ? id : clp_jval_get(v, "id")).s);
    clp_buffer_puts(&i->lane->name,
                    name_of(b, v, clp_jval_text(clp_jval_get(v, "type")).s, &custom));
    if (custom && i->part == CLP_PART_TOOL_CALL) {
        i->lane->part = CLP_PART_CUSTOM_CALL;
        i->lane->whole = 1;
    }
    else if (whole && i->part == CLP_PART_TOOL_CALL) {
        i->lane->whole = 1;
    }
    clp_lanes_ready(b->lanes, i->lane);
}

void clp_responses_item_whole_arguments(clp_responses_blocks *b, clp_responses_item *i,
                                        clp_span whole)
{
    if (i->lane) {
        clp_responses_item_arguments(b, i, rest_of(i, whole));
    }
}

/* The input of a call, whatever its type calls it. */
static void complete_call(clp_responses_blocks *b, clp_responses_item *i, clp_jval v)
{
    static const char *const members[] = {"arguments", "input", "action", "operation"};
    for (apr_size_t k = 0; k < sizeof(members) / sizeof(members[0]); k++) {
        clp_jval input = clp_jval_get(v, members[k]);
        if (clp_jval_is_string(input)) {
            clp_responses_item_arguments(b, i, rest_of(i, clp_jval_text(input).s));
            return;
        }
        if (clp_jval_is_object(input) && !i->sent.n) {
            clp_buffer_clear(&b->state);
            clp_text_escape(&b->state, clp_jval_raw(input), 0);
            clp_responses_item_arguments(b, i, clp_buffer_all(&b->state));
            return;
        }
    }
}

/* The item as a request may give it back: what is bound to the state stays with it. */
static void put_state(clp_responses_blocks *b, clp_responses_item *i, clp_jval v)
{
    clp_jval content = clp_jval_get(v, "content"), summary = clp_jval_get(v, "summary");
    clp_jval encrypted = clp_jval_get(v, "encrypted_content"), id = clp_jval_get(v, "id");
    clp_jw w;
    if (clp_jval_text(encrypted).s.n == 0) {
        return;
    }
    clp_buffer_clear(&b->state);
    clp_jw_init(&w, &b->state);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "type", "reasoning");
    if (clp_jval_is_string(id)) {
        clp_jw_kraw(&w, "id", clp_jval_raw(id));
    }
    clp_jw_kraw(&w, "summary",
                clp_jval_is_array(summary) ? clp_jval_raw(summary) : CLP_SPAN_LIT("[]"));
    if (clp_jval_count(content)) {
        clp_jw_kraw(&w, "content", clp_jval_raw(content));
    }
    clp_jw_kraw(&w, "encrypted_content", clp_jval_raw(encrypted));
    clp_jw_end_object(&w);
    if (!i->lane) {
        open_lane(b, i, CLP_PART_REASONING, 0);
        clp_lanes_ready(b->lanes, i->lane);
    }
    clp_buffer_clear(&b->scratch);
    clp_text_escape(&b->scratch, clp_buffer_all(&b->state), 0);
    clp_lanes_signature(b->lanes, i->lane, clp_buffer_all(&b->scratch));
}

static void complete_part(clp_responses_blocks *b, clp_responses_item *i, apr_int64_t place,
                          clp_jval part)
{
    clp_jval type = clp_jval_get(part, "type");
    if (clp_jval_str_is(type, "refusal")) {
        clp_responses_item_whole_text(b, i, CLP_PART_REFUSAL, place,
                                      clp_jval_text(clp_jval_get(part, "refusal")).s);
    }
    else if (clp_jval_str_is(type, "output_text") || clp_jval_str_is(type, "text")) {
        clp_responses_item_whole_text(b, i, CLP_PART_TEXT, place,
                                      clp_jval_text(clp_jval_get(part, "text")).s);
    }
}

static void complete_message(clp_responses_blocks *b, clp_responses_item *i, clp_jval v)
{
    apr_int64_t place = 0;
    CLP_JVAL_EACH (part, clp_jval_get(v, "content")) {
        complete_part(b, i, place++, part);
    }
}

static void complete_thoughts(clp_responses_blocks *b, clp_responses_item *i, clp_jval v)
{
    apr_int64_t place = 0;
    CLP_JVAL_EACH (part, clp_jval_get(v, "summary")) {
        complete_summary(b, i, place++, clp_jval_text(clp_jval_get(part, "text")).s);
    }
    place = 0;
    CLP_JVAL_EACH (part, clp_jval_get(v, "content")) {
        complete_reasoning(b, i, place++, clp_jval_text(clp_jval_get(part, "text")).s);
    }
    put_state(b, i, v);
}

void clp_responses_item_complete(clp_responses_blocks *b, clp_responses_item *i, clp_jval v)
{
    if (i->done) {
        return;
    }
    switch (i->part) {
    case CLP_PART_TEXT: complete_message(b, i, v); break;
    case CLP_PART_REASONING: complete_thoughts(b, i, v); break;
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL:
        if (!i->lane) {
            clp_responses_item_open_call(b, i, v, 1);
        }
        complete_call(b, i, v);
        break;
    case CLP_PART_SERVER_TOOL:
        open_lane(b, i, i->part, 0);
        clp_lanes_ready(b->lanes, i->lane);
        break;
    default: break;
    }
    clp_responses_item_close(b, i);
    clp_buffer_release(&i->sent);
    i->done = 1;
}

const clp_problem *clp_responses_blocks_problem(clp_responses_blocks *b)
{
    if (clp_lanes_overflow(b->lanes)) {
        refuse(b, "The upstream's answer is too large to be put in order.");
    }
    return b->problem;
}
