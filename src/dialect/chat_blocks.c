/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_blocks.h"

#include "args_check.h"
#include "chat_state.h"
#include "dialect/tools.h"
#include "lanes.h"
#include "wire/text.h"

/* An answer with more calls than this is a broken upstream. */
#define MAX_CALLS 1024

#define NO_INDEX (-1)

typedef struct call call;
struct call {
    call *before;      /* the one first seen before this one */
    apr_int64_t index; /* as the upstream counts, or NO_INDEX */
    clp_text id;       /* in the pool */
    clp_text name;     /* as the upstream calls it */
    clp_lane *lane;    /* NULL once its block is closed */
    clp_args_check check;
    unsigned free : 1; /* a free-text call: no JSON to follow */
};

struct clp_chat_blocks {
    apr_pool_t *pool;
    clp_lanes *lanes;
    apr_table_t *names;
    call *last;
    int calls;
    clp_problem *problem;
    clp_buffer scratch;
    clp_buffer object; /* arguments that came as an object, as their text */
};

/* What one piece says. */
typedef struct piece {
    apr_int64_t index;
    clp_text id;
    clp_text name;
    clp_text text; /* arguments or free text */
    clp_text state;
    int free;
} piece;

static void fail(clp_chat_blocks *b, const char *message)
{
    if (!b->problem) {
        b->problem = clp_problem_make(b->pool, CLP_BAD_GATEWAY, "%s", message);
    }
}

static int is_call(const clp_lane *lane)
{
    return lane->part == CLP_PART_TOOL_CALL || lane->part == CLP_PART_CUSTOM_CALL;
}

static int is_complete(const call *c)
{
    return c->free || c->check.state == CLP_ARGS_COMPLETE;
}

static call *call_of(const clp_chat_blocks *b, const clp_lane *lane)
{
    call *c = b->last;
    while (c && c->lane != lane) {
        c = c->before;
    }
    return c;
}

/* Close the live call if it is complete; is that so? */
static int close_complete(clp_chat_blocks *b)
{
    clp_lane *live = clp_lanes_live(b->lanes);
    if (live && is_call(live)) {
        call *c = call_of(b, live);
        if (is_complete(c)) {
            c->lane = NULL;
            clp_lanes_close(b->lanes, live);
            return 1;
        }
    }
    return 0;
}

/* Let those that wait follow, as far as calls are complete. */
static void settle(clp_chat_blocks *b)
{
    while (clp_lanes_waiting(b->lanes) && close_complete(b)) {
        ;
    }
    if (clp_lanes_overflow(b->lanes)) {
        fail(b, "The upstream sent more interleaved content than this gateway takes.");
    }
}

static clp_text keep(const clp_chat_blocks *b, clp_text t)
{
    return clp_text_str(clp_text_cstr(t, b->pool));
}

static int same(clp_text kept, clp_text told)
{
    return clp_text_is(told, kept.s.p);
}

static int is_next_call(const call *c, const piece *p)
{
    if (p->id.s.n && c->id.s.n) {
        return !same(c->id, p->id);
    }
    if (!p->name.s.n || !c->name.s.n) {
        return 0;
    }
    /* no id tells: a name again is the same call said twice, unless that one was whole */
    return (p->index == NO_INDEX && !same(c->name, p->name)) ||
           (c->check.state == CLP_ARGS_COMPLETE && !clp_text_blank(p->text));
}

/* The call a piece belongs to; NULL: a new one. */
static call *find(const clp_chat_blocks *b, const piece *p)
{
    call *c = b->last;
    if (p->index != NO_INDEX) {
        while (c && c->index != p->index) {
            c = c->before;
        }
    }
    else if (p->id.s.n) {
        while (c && !(c->id.s.n && same(c->id, p->id))) {
            c = c->before;
        }
        return c;
    }
    return c && is_next_call(c, p) ? NULL : c;
}

static void set_name(clp_chat_blocks *b, call *c)
{
    int custom = 0;
    clp_buffer_puts(&c->lane->name, clp_tool_names_lookup(b->names, c->name.s.p, &custom));
    if (custom && !c->free) {
        c->lane->part = CLP_PART_CUSTOM_CALL;
        c->lane->whole = 1;
    }
}

static void make_ready(clp_chat_blocks *b, call *c)
{
    clp_lane *live = clp_lanes_live(b->lanes);
    if (c->id.s.p) {
        clp_text_append_escaped(&c->lane->id, c->id);
    }
    set_name(b, c);
    if (live && !is_call(live)) {
        clp_lanes_close(b->lanes, live);
    }
    clp_lanes_ready(b->lanes, c->lane);
}

static call *add(clp_chat_blocks *b, const piece *p)
{
    if (b->calls >= MAX_CALLS) {
        fail(b, "The upstream sent more tool calls than this gateway takes.");
        return NULL;
    }
    if (b->last && b->last->lane && !b->last->lane->ready && b->last->name.s.n) {
        make_ready(b, b->last); /* its id did not come in time to keep its place */
    }
    call *c = apr_pcalloc(b->pool, sizeof(*c));
    c->before = b->last;
    c->index = p->index;
    c->free = p->free ? 1 : 0;
    c->lane = clp_lanes_add(b->lanes, p->free ? CLP_PART_CUSTOM_CALL : CLP_PART_TOOL_CALL);
    clp_args_check_init(&c->check);
    b->last = c;
    b->calls++;
    return c;
}

static void take_text(clp_chat_blocks *b, call *c, clp_span text)
{
    if (!c->free) {
        text = clp_args_check_pass(&c->check, text, &b->scratch);
        if (c->check.state == CLP_ARGS_BROKEN) {
            fail(b, "The upstream sent a tool call whose arguments are no valid JSON.");
            return;
        }
        if (c->check.state == CLP_ARGS_BLANK) {
            return;
        }
    }
    if (!c->lane) {
        if (!clp_text_blank(clp_text_escaped(text))) {
            fail(b, "The upstream sent input for a tool call that it had finished.");
        }
        return;
    }
    if (c->check.state == CLP_ARGS_OTHER) {
        c->lane->whole = 1;
    }
    clp_lanes_text(b->lanes, c->lane, text);
}

static void set_state(clp_chat_blocks *b, clp_lane *lane, clp_state_kind kind, clp_text state)
{
    if (state.s.n) {
        lane->provider = CLP_PROVIDER_GEMINI;
        lane->state_kind = kind;
        clp_lanes_signature(b->lanes, lane, state.s);
    }
}

static void take(clp_chat_blocks *b, const piece *p)
{
    call *c = find(b, p);
    if (!c && !(c = add(b, p))) {
        return;
    }
    if (p->id.s.n && !c->id.s.n) {
        c->id = keep(b, p->id);
    }
    if (p->name.s.n && !c->name.s.n) {
        c->name = keep(b, p->name);
    }
    if (c->lane) {
        set_state(b, c->lane, CLP_STATE_NEXT_CALL, p->state);
    }
    if (p->text.s.n) {
        take_text(b, c, p->text.s);
    }
    /* the start of a call tells its id; those who send none show that by going on */
    if (!b->problem && c->lane && !c->lane->ready && c->name.s.n &&
        (c->id.s.n || c->lane->text.n)) {
        make_ready(b, c);
    }
    settle(b);
}

/* A call out of a document: nothing is to be told apart. */
static void take_whole(clp_chat_blocks *b, const piece *p)
{
    call *c = add(b, p);
    if (!c) {
        return;
    }
    c->id = keep(b, p->id);
    c->name = keep(b, p->name);
    if (!c->name.s.n) {
        fail(b, "The upstream sent a tool call without a name.");
        return;
    }
    clp_lane *lane = c->lane;
    lane->whole = !p->free;
    set_state(b, lane, CLP_STATE_NEXT_CALL, p->state);
    make_ready(b, c);
    clp_lanes_text(b->lanes, lane, p->text.s);
    c->lane = NULL;
    clp_lanes_close(b->lanes, lane);
}

static void read_function(piece *p, clp_jval function, const char *text)
{
    p->name = clp_jval_text(clp_jval_get(function, "name"));
    p->text = clp_jval_text(clp_jval_get(function, text));
}

void clp_chat_blocks_call(clp_chat_blocks *b, clp_jval entry, int whole)
{
    piece p;
    clp_jval function = clp_jval_get(entry, "function");
    clp_jval arguments = clp_jval_get(function, "arguments");
    memset(&p, 0, sizeof(p));
    p.index = clp_jval_count_or(clp_jval_get(entry, "index"), NO_INDEX);
    p.id = clp_jval_text(clp_jval_get(entry, "id"));
    p.state = clp_chat_state_of(entry);
    p.free = clp_jval_is_object(clp_jval_get(entry, "custom"));
    if (p.free) {
        read_function(&p, clp_jval_get(entry, "custom"), "input");
    }
    else {
        read_function(&p, function, "arguments");
    }
    if (clp_jval_is_object(arguments)) {
        /* some servers send the object itself */
        clp_buffer_clear(&b->object);
        clp_text_escape(&b->object, clp_jval_raw(arguments), 0);
        p.text = clp_text_escaped(clp_buffer_all(&b->object));
    }
    if (whole) {
        take_whole(b, &p);
    }
    else {
        take(b, &p);
    }
}

void clp_chat_blocks_function(clp_chat_blocks *b, clp_jval function, int whole)
{
    piece p;
    memset(&p, 0, sizeof(p));
    /* there is one call, so a constant index is what ties its pieces together */
    p.index = 0;
    read_function(&p, function, "arguments");
    if (whole) {
        take_whole(b, &p);
    }
    else {
        take(b, &p);
    }
}

static clp_lane *add_text(clp_chat_blocks *b, clp_part_kind part)
{
    clp_lane *lane = clp_lanes_add(b->lanes, part);
    clp_lanes_ready(b->lanes, lane);
    return lane;
}

/* Text within the arguments of a call waits for the call's end. */
static clp_lane *waiting_lane(clp_chat_blocks *b, clp_part_kind part)
{
    clp_lane *last = NULL;
    for (clp_lane *lane = clp_lanes_first(b->lanes); lane; lane = lane->next) {
        if (!is_call(lane)) {
            last = lane;
        }
    }
    if (last && last->part == part) {
        return last;
    }
    if (last) {
        last->closed = 1;
    }
    return add_text(b, part);
}

void clp_chat_blocks_text(clp_chat_blocks *b, clp_part_kind part, clp_span escaped)
{
    while (close_complete(b)) {
        ;
    }
    clp_lane *lane = clp_lanes_live(b->lanes);
    if (lane && is_call(lane)) {
        lane = waiting_lane(b, part);
    }
    else if (!lane || lane->part != part) {
        if (lane) {
            clp_lanes_close(b->lanes, lane);
        }
        lane = add_text(b, part);
    }
    clp_lanes_text(b->lanes, lane, escaped);
    settle(b);
}

void clp_chat_blocks_state(clp_chat_blocks *b, clp_text state)
{
    clp_state_kind kind = CLP_STATE_EMPTY_TEXT;
    clp_lane *lane;

    while (close_complete(b)) {
        ;
    }
    lane = clp_lanes_live(b->lanes);
    if (lane && is_call(lane)) {
        return; /* in the middle of a call there is no text that it could belong to */
    }
    if (lane) {
        kind = lane->part == CLP_PART_TEXT ? CLP_STATE_PREV_TEXT : kind;
        clp_lanes_close(b->lanes, lane);
    }
    lane = add_text(b, CLP_PART_REASONING);
    set_state(b, lane, kind, state);
    clp_lanes_close(b->lanes, lane);
}

/* In the order they were seen: b->last leads backwards. */
static void make_all_ready(clp_chat_blocks *b, call *c)
{
    if (!c) {
        return;
    }
    make_all_ready(b, c->before);
    if (c->lane && !c->lane->ready) {
        if (c->name.s.n) {
            make_ready(b, c);
        }
        else if (c->lane->text.n || c->id.s.n) {
            fail(b, "The upstream sent a tool call without a name.");
        }
    }
}

void clp_chat_blocks_end(clp_chat_blocks *b)
{
    make_all_ready(b, b->last);
    if (!b->problem) {
        clp_lanes_close_all(b->lanes);
    }
}

clp_problem *clp_chat_blocks_problem(const clp_chat_blocks *b)
{
    return b->problem;
}

clp_chat_blocks *clp_chat_blocks_make(clp_sink to, apr_table_t *names, apr_size_t cap,
                                      apr_pool_t *pool)
{
    clp_chat_blocks *b = apr_pcalloc(pool, sizeof(*b));
    b->pool = pool;
    b->names = names;
    b->lanes = clp_lanes_make(to, cap, pool);
    clp_buffer_init(&b->scratch, pool, 0);
    clp_buffer_init(&b->object, pool, 0);
    return b;
}
