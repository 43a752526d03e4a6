/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_items.h"

#include "responses_item.h"
#include "wire/text.h"

struct clp_responses_items {
    clp_responses_blocks blocks;
    clp_responses_item *first; /* in the order in which they came */
    clp_responses_item *last;
};

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

static clp_responses_item *find(const clp_responses_items *t, apr_int64_t index)
{
    for (clp_responses_item *i = t->first; i; i = i->next) {
        if (i->index == index) {
            return i;
        }
    }
    return NULL;
}

static clp_responses_item *add(clp_responses_items *t, apr_int64_t index, clp_part_kind part,
                               clp_jval id)
{
    clp_responses_item *i = clp_responses_item_make(&t->blocks, index, part);
    clp_buffer_span(&i->id, clp_jval_text(id).s);
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

static clp_responses_item *item_of(clp_responses_items *t, apr_int64_t index, clp_jval v)
{
    clp_responses_item *i = find(t, index);
    return i ? i
             : add(t, index, clp_responses_item_part(clp_jval_get(v, "type")),
                   clp_jval_get(v, "id"));
}

/* The item that an event without one concerns; deltas know what their item is. */
static clp_responses_item *item_for(clp_responses_items *t, clp_jval root, clp_part_kind part)
{
    apr_int64_t index = clp_jval_count_or(clp_jval_get(root, "output_index"), 0);
    clp_responses_item *i = find(t, index);
    if (!i && !is_call(part)) {
        i = add(t, index, part, clp_jval_get(root, "item_id"));
    }
    return i && !i->done ? i : NULL;
}

static clp_span text_in(clp_jval root, const char *member)
{
    return clp_jval_text(clp_jval_get(root, member)).s;
}

static void on_call(clp_responses_items *t, clp_jval root, const char *whole)
{
    clp_responses_item *i = item_for(t, root, CLP_PART_TOOL_CALL);
    if (!i) {
        return; /* its output_item.done tells all */
    }
    if (whole) {
        clp_responses_item_whole_arguments(&t->blocks, i, text_in(root, whole));
    }
    else {
        clp_responses_item_arguments(&t->blocks, i, text_in(root, "delta"));
    }
}

void clp_responses_items_event(clp_responses_items *t, clp_jval root, clp_span type)
{
    apr_int64_t index = clp_jval_count_or(clp_jval_get(root, "output_index"), 0);
    apr_int64_t place = clp_jval_count_or(clp_jval_get(root, "content_index"), 0);
    apr_int64_t summary = clp_jval_count_or(clp_jval_get(root, "summary_index"), 0);
    clp_jval v = clp_jval_get(root, "item");
    clp_responses_item *i;

    if (clp_span_is(type, "response.output_text.delta")) {
        if ((i = item_for(t, root, CLP_PART_TEXT)) != NULL) {
            clp_responses_item_text(&t->blocks, i, CLP_PART_TEXT, place, text_in(root, "delta"));
        }
    }
    else if (clp_span_is(type, "response.function_call_arguments.delta") ||
             clp_span_is(type, "response.custom_tool_call_input.delta")) {
        on_call(t, root, NULL);
    }
    else if (clp_span_is(type, "response.reasoning_summary_text.delta")) {
        if ((i = item_for(t, root, CLP_PART_REASONING)) != NULL) {
            clp_responses_item_summary(&t->blocks, i, summary, text_in(root, "delta"));
        }
    }
    else if (clp_span_is(type, "response.reasoning_text.delta")) {
        if ((i = item_for(t, root, CLP_PART_REASONING)) != NULL) {
            clp_responses_item_reasoning(&t->blocks, i, place, text_in(root, "delta"));
        }
    }
    else if (clp_span_is(type, "response.refusal.delta")) {
        if ((i = item_for(t, root, CLP_PART_TEXT)) != NULL) {
            clp_responses_item_text(&t->blocks, i, CLP_PART_REFUSAL, place, text_in(root, "delta"));
        }
    }
    else if (clp_span_is(type, "response.output_item.added")) {
        i = item_of(t, index, v);
        if (is_call(i->part) && !i->lane && !i->done &&
            clp_jval_is_string(clp_jval_get(v, "name"))) {
            clp_responses_item_open_call(&t->blocks, i, v, 0);
        }
    }
    else if (clp_span_is(type, "response.output_item.done")) {
        clp_responses_item_complete(&t->blocks, item_of(t, index, v), v);
    }
    else if (clp_span_is(type, "response.output_text.done")) {
        if ((i = item_for(t, root, CLP_PART_TEXT)) != NULL) {
            clp_responses_item_whole_text(&t->blocks, i, CLP_PART_TEXT, place,
                                          text_in(root, "text"));
        }
    }
    else if (clp_span_is(type, "response.function_call_arguments.done")) {
        on_call(t, root, "arguments");
    }
    else if (clp_span_is(type, "response.custom_tool_call_input.done")) {
        on_call(t, root, "input");
    }
}

static int is_known(const clp_responses_items *t, clp_span id)
{
    for (const clp_responses_item *i = t->first; i && id.n; i = i->next) {
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
                clp_responses_item_complete(&t->blocks, item_of(t, index, v), v);
            }
            index++;
        }
    }
    for (clp_responses_item *i = t->first; i; i = i->next) {
        clp_responses_item_close(&t->blocks, i);
    }
    clp_lanes_close_all(t->blocks.lanes);
}

const clp_problem *clp_responses_items_problem(clp_responses_items *t)
{
    return clp_responses_blocks_problem(&t->blocks);
}

clp_responses_items *clp_responses_items_make(clp_sink sink, apr_table_t *names, apr_size_t cap,
                                              apr_pool_t *pool)
{
    clp_responses_items *t = apr_pcalloc(pool, sizeof(*t));
    clp_responses_blocks_init(&t->blocks, sink, names, cap, pool);
    return t;
}
