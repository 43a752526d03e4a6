/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_items.h"

#include <apr_strings.h>

#include "answer_input.h"
#include "args_check.h"
#include "dialect/tools.h"
#include "lanes.h"
#include "wire/json_write.h"
#include "wire/text.h"

typedef struct item item;
struct item {
    item *next;
    apr_int64_t index; /* output_index */
    clp_part_kind part;
    clp_lane *lane;    /* its open block, or NULL */
    apr_int64_t place; /* content_index or summary_index of that block's text */
    clp_buffer sent;   /* text of the open block, escaped, as far as it fits */
    clp_buffer id;     /* the item's own id, escaped */
    clp_args_check check;
    unsigned summary : 1; /* reasoning: told by its summary */
    unsigned content : 1; /* reasoning: told by its content */
    unsigned spoke : 1;   /* message: a text was told */
    unsigned done : 1;
};

struct clp_responses_items {
    apr_pool_t *pool;
    clp_sink sink;
    apr_table_t *names;
    clp_lanes *lanes;
    apr_size_t cap;
    item *first;
    item *last;
    clp_buffer scratch;
    clp_buffer state;
    clp_problem *problem;
};

static void refuse(clp_responses_items *t, const char *message)
{
    if (!t->problem) {
        t->problem = clp_problem_make(t->pool, CLP_BAD_GATEWAY, "%s", message);
    }
}

clp_part_kind clp_responses_item_part(clp_jval type)
{
    static const struct {
        const char *type;
        clp_part_kind part;
    } parts[] = {
        {"message", CLP_PART_TEXT},
        {"reasoning", CLP_PART_REASONING},
        {"function_call", CLP_PART_TOOL_CALL},
        {"custom_tool_call", CLP_PART_CUSTOM_CALL},
        {"local_shell_call", CLP_PART_TOOL_CALL},
        {"shell_call", CLP_PART_TOOL_CALL},
        {"apply_patch_call", CLP_PART_TOOL_CALL},
    };
    clp_span s = clp_jval_text(type).s;
    for (apr_size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (clp_span_is(s, parts[i].type)) {
            return parts[i].part;
        }
    }
    return s.n > 5 && memcmp(s.p + s.n - 5, "_call", 5) == 0 ? CLP_PART_SERVER_TOOL
                                                             : CLP_PART_OPAQUE;
}

static item *find(const clp_responses_items *t, apr_int64_t index)
{
    for (item *i = t->first; i; i = i->next) {
        if (i->index == index) {
            return i;
        }
    }
    return NULL;
}

static item *add(clp_responses_items *t, apr_int64_t index, clp_part_kind part)
{
    item *i = apr_pcalloc(t->pool, sizeof(*i));
    i->index = index;
    i->part = part;
    clp_buffer_init(&i->sent, t->pool, t->cap);
    clp_buffer_init(&i->id, t->pool, 0);
    clp_args_check_init(&i->check);
    if (t->last) {
        t->last->next = i;
    }
    else {
        t->first = i;
    }
    t->last = i;
    return i;
}

static int is_call(clp_part_kind part)
{
    return part == CLP_PART_TOOL_CALL || part == CLP_PART_CUSTOM_CALL;
}

static void open_lane(clp_responses_items *t, item *i, clp_part_kind part, apr_int64_t place)
{
    i->lane = clp_lanes_add(t->lanes, part);
    i->place = place;
    i->spoke = 1;
    clp_buffer_clear(&i->sent);
    if (part == CLP_PART_REASONING) {
        i->lane->provider = CLP_PROVIDER_OPENAI;
        clp_buffer_span(&i->lane->id, clp_buffer_all(&i->id));
    }
}

static void close_lane(clp_responses_items *t, item *i)
{
    if (i->lane) {
        clp_lanes_close(t->lanes, i->lane);
        i->lane = NULL;
    }
}

/* The lane for a text of the item; another place or kind of text is another block. */
static clp_lane *text_lane(clp_responses_items *t, item *i, clp_part_kind part, apr_int64_t place)
{
    if (i->lane && (i->lane->part != part || i->place != place)) {
        close_lane(t, i);
    }
    if (!i->lane) {
        open_lane(t, i, part, place);
        clp_lanes_ready(t->lanes, i->lane);
    }
    return i->lane;
}

static void say(clp_responses_items *t, item *i, clp_span escaped)
{
    clp_lanes_text(t->lanes, i->lane, escaped);
    clp_buffer_span(&i->sent, escaped);
}

static void put_text(clp_responses_items *t, item *i, clp_part_kind part, apr_int64_t place,
                     clp_span escaped)
{
    if (escaped.n) {
        text_lane(t, i, part, place);
        say(t, i, escaped);
    }
}

/* What a whole text has beyond what was told of it piece by piece. */
static clp_span rest_of(const item *i, clp_span whole)
{
    clp_span sent = clp_buffer_all(&i->sent);
    if (i->sent.overflow || whole.n <= sent.n || memcmp(whole.p, sent.p, sent.n) != 0) {
        return clp_span_of("", 0);
    }
    return clp_span_of(whole.p + sent.n, whole.n - sent.n);
}

static void complete_text(clp_responses_items *t, item *i, clp_part_kind part, apr_int64_t place,
                          clp_span whole)
{
    if (!i->spoke || place > i->place) {
        put_text(t, i, part, place, whole);
    }
    else if (i->lane && i->lane->part == part && i->place == place) {
        say(t, i, rest_of(i, whole));
    }
}

/* Parts of a summary are paragraphs of one text. */
static void put_summary(clp_responses_items *t, item *i, apr_int64_t place, clp_span escaped)
{
    if (!escaped.n || i->content) {
        return;
    }
    if (!i->lane) {
        open_lane(t, i, CLP_PART_REASONING, place);
        clp_lanes_ready(t->lanes, i->lane);
    }
    if (i->summary && i->place != place) {
        clp_lanes_text(t->lanes, i->lane, CLP_SPAN_LIT("\\n\\n"));
        clp_buffer_clear(&i->sent);
    }
    i->summary = 1;
    i->place = place;
    say(t, i, escaped);
}

static void complete_summary(clp_responses_items *t, item *i, apr_int64_t place, clp_span whole)
{
    if (i->content) {
        return;
    }
    if (i->summary && i->place == place) {
        put_summary(t, i, place, rest_of(i, whole));
    }
    else if (!i->summary || place > i->place) {
        put_summary(t, i, place, whole);
    }
}

/* Reasoning in full: where there is a summary, that is what counts. */
static void put_reasoning(clp_responses_items *t, item *i, apr_int64_t place, clp_span escaped)
{
    if (escaped.n && !i->summary) {
        if (!i->lane) {
            open_lane(t, i, CLP_PART_REASONING, place);
            clp_lanes_ready(t->lanes, i->lane);
        }
        if (i->content && i->place != place) {
            clp_buffer_clear(&i->sent);
        }
        i->content = 1;
        i->place = place;
        say(t, i, escaped);
    }
}

static void complete_reasoning(clp_responses_items *t, item *i, apr_int64_t place, clp_span whole)
{
    if (i->content && i->place == place) {
        put_reasoning(t, i, place, rest_of(i, whole));
    }
    else if (!i->content || place > i->place) {
        put_reasoning(t, i, place, whole);
    }
}

static void put_arguments(clp_responses_items *t, item *i, clp_span escaped)
{
    clp_span piece = escaped;
    if (!escaped.n || !i->lane) {
        return;
    }
    if (i->lane->part == CLP_PART_TOOL_CALL && !i->lane->whole) {
        piece = clp_args_check_pass(&i->check, escaped, &t->scratch);
        if (i->check.state == CLP_ARGS_BROKEN || i->check.state == CLP_ARGS_OTHER) {
            refuse(t, "The upstream sent arguments of a tool call that are no JSON object.");
            return;
        }
    }
    clp_lanes_text(t->lanes, i->lane, piece);
    clp_buffer_span(&i->sent, escaped);
}

/* The name as the client knows it; tools in a namespace have it in front. */
static const char *name_of(const clp_responses_items *t, clp_jval v, clp_span type, int *custom)
{
    const char *name = clp_jval_cstr(clp_jval_get(v, "name"), t->pool);
    const char *space = clp_jval_cstr(clp_jval_get(v, "namespace"), t->pool);
    if (!name && type.n > 5) {
        name = apr_pstrmemdup(t->pool, type.p, type.n - 5);
    }
    if (space && *space) {
        name = apr_pstrcat(t->pool, space, "__", name, NULL);
    }
    return clp_tool_names_lookup(t->names, name ? name : "", custom);
}

static void open_call(clp_responses_items *t, item *i, clp_jval v, int whole)
{
    int custom = 0;
    clp_jval id = clp_jval_get(v, "call_id");
    open_lane(t, i, i->part, 0);
    clp_buffer_span(&i->lane->id,
                    clp_jval_text(clp_jval_is_string(id) ? id : clp_jval_get(v, "id")).s);
    clp_buffer_puts(&i->lane->name,
                    name_of(t, v, clp_jval_text(clp_jval_get(v, "type")).s, &custom));
    if (custom && i->part == CLP_PART_TOOL_CALL) {
        i->lane->part = CLP_PART_CUSTOM_CALL;
        i->lane->whole = 1;
    }
    else if (whole && i->part == CLP_PART_TOOL_CALL) {
        i->lane->whole = 1;
    }
    clp_lanes_ready(t->lanes, i->lane);
}

/* The input of a call, whatever its type calls it. */
static void complete_call(clp_responses_items *t, item *i, clp_jval v)
{
    static const char *const members[] = {"arguments", "input", "action", "operation"};
    for (apr_size_t k = 0; k < sizeof(members) / sizeof(members[0]); k++) {
        clp_jval input = clp_jval_get(v, members[k]);
        if (clp_jval_is_string(input)) {
            put_arguments(t, i, rest_of(i, clp_jval_text(input).s));
            return;
        }
        if (clp_jval_is_object(input) && !i->sent.n) {
            clp_buffer_clear(&t->state);
            clp_text_escape(&t->state, clp_jval_raw(input), 0);
            put_arguments(t, i, clp_buffer_all(&t->state));
            return;
        }
    }
}

/* The item as a request may give it back: what is bound to the state stays with it. */
static void put_state(clp_responses_items *t, item *i, clp_jval v)
{
    clp_jval content = clp_jval_get(v, "content"), summary = clp_jval_get(v, "summary");
    clp_jval encrypted = clp_jval_get(v, "encrypted_content"), id = clp_jval_get(v, "id");
    clp_jw w;
    if (clp_jval_text(encrypted).s.n == 0) {
        return;
    }
    clp_buffer_clear(&t->state);
    clp_jw_init(&w, &t->state);
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
        open_lane(t, i, CLP_PART_REASONING, 0);
        clp_lanes_ready(t->lanes, i->lane);
    }
    clp_buffer_clear(&t->scratch);
    clp_text_escape(&t->scratch, clp_buffer_all(&t->state), 0);
    clp_lanes_signature(t->lanes, i->lane, clp_buffer_all(&t->scratch));
}

static void complete_part(clp_responses_items *t, item *i, apr_int64_t place, clp_jval part)
{
    clp_jval type = clp_jval_get(part, "type");
    if (clp_jval_str_is(type, "refusal")) {
        complete_text(t, i, CLP_PART_REFUSAL, place,
                      clp_jval_text(clp_jval_get(part, "refusal")).s);
    }
    else if (clp_jval_str_is(type, "output_text") || clp_jval_str_is(type, "text")) {
        complete_text(t, i, CLP_PART_TEXT, place, clp_jval_text(clp_jval_get(part, "text")).s);
    }
}

static void complete_message(clp_responses_items *t, item *i, clp_jval v)
{
    apr_int64_t place = 0;
    CLP_JVAL_EACH (part, clp_jval_get(v, "content")) {
        complete_part(t, i, place++, part);
    }
}

static void complete_thoughts(clp_responses_items *t, item *i, clp_jval v)
{
    apr_int64_t place = 0;
    CLP_JVAL_EACH (part, clp_jval_get(v, "summary")) {
        complete_summary(t, i, place++, clp_jval_text(clp_jval_get(part, "text")).s);
    }
    place = 0;
    CLP_JVAL_EACH (part, clp_jval_get(v, "content")) {
        complete_reasoning(t, i, place++, clp_jval_text(clp_jval_get(part, "text")).s);
    }
    put_state(t, i, v);
}

/* The item as it is at its end. */
static void complete(clp_responses_items *t, item *i, clp_jval v)
{
    if (i->done) {
        return;
    }
    switch (i->part) {
    case CLP_PART_TEXT: complete_message(t, i, v); break;
    case CLP_PART_REASONING: complete_thoughts(t, i, v); break;
    case CLP_PART_TOOL_CALL:
    case CLP_PART_CUSTOM_CALL:
        if (!i->lane) {
            open_call(t, i, v, 1);
        }
        complete_call(t, i, v);
        break;
    case CLP_PART_SERVER_TOOL:
        open_lane(t, i, i->part, 0);
        clp_lanes_ready(t->lanes, i->lane);
        break;
    default: break;
    }
    close_lane(t, i);
    clp_buffer_release(&i->sent);
    i->done = 1;
}

static item *item_of(clp_responses_items *t, apr_int64_t index, clp_jval v)
{
    item *i = find(t, index);
    clp_jval id = clp_jval_get(v, "id");
    if (!i) {
        i = add(t, index, clp_responses_item_part(clp_jval_get(v, "type")));
        clp_buffer_span(&i->id, clp_jval_text(id).s);
    }
    return i;
}

/* The item that an event without one concerns; deltas know what their item is. */
static item *item_for(clp_responses_items *t, clp_jval root, clp_part_kind part)
{
    apr_int64_t index = clp_jval_count_or(clp_jval_get(root, "output_index"), 0);
    item *i = find(t, index);
    if (!i && !is_call(part)) {
        i = add(t, index, part);
        clp_buffer_span(&i->id, clp_jval_text(clp_jval_get(root, "item_id")).s);
    }
    return i && !i->done ? i : NULL;
}

static clp_span text_in(clp_jval root, const char *member)
{
    return clp_jval_text(clp_jval_get(root, member)).s;
}

static void on_call(clp_responses_items *t, clp_jval root, const char *whole)
{
    item *i = item_for(t, root, CLP_PART_TOOL_CALL);
    if (!i) {
        return; /* its output_item.done tells all */
    }
    if (whole) {
        if (i->lane) {
            put_arguments(t, i, rest_of(i, text_in(root, whole)));
        }
    }
    else {
        put_arguments(t, i, text_in(root, "delta"));
    }
}

void clp_responses_items_event(clp_responses_items *t, clp_jval root, clp_span type)
{
    apr_int64_t index = clp_jval_count_or(clp_jval_get(root, "output_index"), 0);
    apr_int64_t place = clp_jval_count_or(clp_jval_get(root, "content_index"), 0);
    apr_int64_t summary = clp_jval_count_or(clp_jval_get(root, "summary_index"), 0);
    clp_jval v = clp_jval_get(root, "item");
    item *i;

    if (clp_span_is(type, "response.output_text.delta")) {
        if ((i = item_for(t, root, CLP_PART_TEXT)) != NULL) {
            put_text(t, i, CLP_PART_TEXT, place, text_in(root, "delta"));
        }
    }
    else if (clp_span_is(type, "response.function_call_arguments.delta") ||
             clp_span_is(type, "response.custom_tool_call_input.delta")) {
        on_call(t, root, NULL);
    }
    else if (clp_span_is(type, "response.reasoning_summary_text.delta")) {
        if ((i = item_for(t, root, CLP_PART_REASONING)) != NULL) {
            put_summary(t, i, summary, text_in(root, "delta"));
        }
    }
    else if (clp_span_is(type, "response.reasoning_text.delta")) {
        if ((i = item_for(t, root, CLP_PART_REASONING)) != NULL) {
            put_reasoning(t, i, place, text_in(root, "delta"));
        }
    }
    else if (clp_span_is(type, "response.refusal.delta")) {
        if ((i = item_for(t, root, CLP_PART_TEXT)) != NULL) {
            put_text(t, i, CLP_PART_REFUSAL, place, text_in(root, "delta"));
        }
    }
    else if (clp_span_is(type, "response.output_item.added")) {
        i = item_of(t, index, v);
        if (is_call(i->part) && !i->lane && !i->done &&
            clp_jval_is_string(clp_jval_get(v, "name"))) {
            open_call(t, i, v, 0);
        }
    }
    else if (clp_span_is(type, "response.output_item.done")) {
        complete(t, item_of(t, index, v), v);
    }
    else if (clp_span_is(type, "response.output_text.done")) {
        if ((i = item_for(t, root, CLP_PART_TEXT)) != NULL) {
            complete_text(t, i, CLP_PART_TEXT, place, text_in(root, "text"));
        }
    }
    else if (clp_span_is(type, "response.function_call_arguments.done")) {
        on_call(t, root, "arguments");
    }
    else if (clp_span_is(type, "response.custom_tool_call_input.done")) {
        on_call(t, root, "input");
    }
    if (clp_lanes_overflow(t->lanes)) {
        refuse(t, "The upstream's answer is too large to be put in order.");
    }
}

static int is_known(const clp_responses_items *t, clp_span id)
{
    for (const item *i = t->first; i && id.n; i = i->next) {
        if (i->done && clp_span_eq(clp_buffer_all(&i->id), id)) {
            return 1;
        }
    }
    return 0;
}

void clp_responses_items_end(clp_responses_items *t, clp_jval output)
{
    apr_int64_t index = 0;
    if (clp_jval_is_array(output)) {
        CLP_JVAL_EACH (v, output) {
            if (!is_known(t, clp_jval_text(clp_jval_get(v, "id")).s)) {
                complete(t, item_of(t, index, v), v);
            }
            index++;
        }
    }
    for (item *i = t->first; i; i = i->next) {
        close_lane(t, i);
    }
    clp_lanes_close_all(t->lanes);
    if (clp_lanes_overflow(t->lanes)) {
        refuse(t, "The upstream's answer is too large to be put in order.");
    }
}

const clp_problem *clp_responses_items_problem(const clp_responses_items *t)
{
    return t->problem;
}

clp_responses_items *clp_responses_items_make(clp_sink sink, apr_table_t *names, apr_size_t cap,
                                              apr_pool_t *pool)
{
    clp_responses_items *t = apr_pcalloc(pool, sizeof(*t));
    t->pool = pool;
    t->sink = sink;
    t->names = names;
    t->cap = cap;
    t->lanes = clp_lanes_make(sink, cap, pool);
    clp_buffer_init(&t->scratch, pool, 0);
    clp_buffer_init(&t->state, pool, 0);
    return t;
}
