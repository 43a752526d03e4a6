/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/guard.h"

#include "answer_run.h"
#include "tap.h"

/* Messy events in, what event.h promises out. */

static apr_pool_t *pool;
static clp_buffer *seen;
static clp_guard *guard;

static void take(void *ctx, const clp_event *event)
{
    answer_event_line(ctx, event);
}

static void begin(void)
{
    clp_sink to = {take, seen};
    clp_buffer_clear(seen);
    guard = clp_guard_make(to, pool);
}

static void put(clp_event e)
{
    clp_sink s = clp_guard_sink(guard);
    clp_sink_put(&s, &e);
}

static void kind(clp_event_kind k)
{
    put(clp_event_of(k));
}

static void block(clp_event_kind k, clp_part_kind part)
{
    clp_event e = clp_event_of(k);
    e.part = part;
    put(e);
}

static void text(clp_part_kind part, clp_delta_kind delta, clp_text t)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);
    e.part = part;
    e.delta = delta;
    e.text = t;
    put(e);
}

static void escaped(clp_part_kind part, const char *s)
{
    text(part, CLP_DELTA_TEXT, clp_text_escaped(clp_span_str(s)));
}

static void finish(clp_stop stop)
{
    clp_event e = clp_event_of(CLP_EVENT_FINISH);
    e.stop = stop;
    put(e);
}

static void expect(const char *want, const char *name)
{
    IS_SPAN(clp_buffer_all(seen), clp_span_str(want), name);
}

#define NONE " usage=-/-/-/-/-\n"

static void test_blocks(void)
{
    begin();
    escaped(CLP_PART_TEXT, "a");
    escaped(CLP_PART_TEXT, "");
    escaped(CLP_PART_REASONING, "b");
    block(CLP_EVENT_BLOCK_OPEN, CLP_PART_TOOL_CALL);
    escaped(CLP_PART_TOOL_CALL, "{}");
    block(CLP_EVENT_BLOCK_OPEN, CLP_PART_TEXT);
    block(CLP_EVENT_BLOCK_CLOSE, CLP_PART_TEXT);
    block(CLP_EVENT_BLOCK_CLOSE, CLP_PART_TEXT);
    finish(CLP_STOP_END);
    kind(CLP_EVENT_PING);
    finish(CLP_STOP_END);
    expect("START" NONE "OPEN 0 text\nDELTA 0 text|a|\nCLOSE 0\nOPEN 1 reasoning\n"
           "DELTA 1 reasoning|b|\nCLOSE 1\nOPEN 2 call\nDELTA 2 call|{}|\nCLOSE 2\nOPEN 3 text\n"
           "CLOSE 3\nFINISH tool" NONE,
           "blocks are opened, closed and counted; nothing behind the end");
    OK(clp_guard_meaningful(guard) && clp_guard_ended(guard) && !clp_guard_problem(guard), "whole");
    IS_INT(clp_guard_stop(guard), CLP_STOP_TOOL, "a natural end after a call");
}

static void test_call_without_open(void)
{
    begin();
    escaped(CLP_PART_TEXT, "a");
    escaped(CLP_PART_TOOL_CALL, "{}");
    escaped(CLP_PART_TEXT, "b");
    expect("START" NONE
           "OPEN 0 text\nDELTA 0 text|a|\nPROBLEM bad_gateway: The upstream sent input "
           "for a tool call that is not open.\n",
           "a call's delta needs its call");
    OK(clp_guard_problem(guard) != NULL && clp_guard_ended(guard), "ended by a problem");
}

static void test_texts(void)
{
    begin();
    text(CLP_PART_TEXT, CLP_DELTA_TEXT, clp_text_str("a\"\n"));
    escaped(CLP_PART_TEXT, "\\ud83d");
    text(CLP_PART_TEXT, CLP_DELTA_TEXT, clp_text_str("x"));
    escaped(CLP_PART_TEXT, "\\ud83d");
    escaped(CLP_PART_REASONING, "\\ude00");
    finish(CLP_STOP_END);
    expect("START" NONE "OPEN 0 text\nDELTA 0 text|a\\\"\\n|\nDELTA 0 text|\\ufffdx|\n"
           "DELTA 0 text|\\ufffd|\nCLOSE 0\nOPEN 1 reasoning\nDELTA 1 reasoning|\\ufffd|\nCLOSE 1\n"
           "FINISH end" NONE,
           "plain text is escaped; halves do not meet over blocks");
}

static void test_signature(void)
{
    begin();
    escaped(CLP_PART_REASONING, "a");
    text(CLP_PART_REASONING, CLP_DELTA_SIGNATURE, clp_text_str("s1"));
    escaped(CLP_PART_REASONING, "b");
    text(CLP_PART_REASONING, CLP_DELTA_SIGNATURE, clp_text_str("s2"));
    text(CLP_PART_TEXT, CLP_DELTA_TEXT, clp_text_str("c"));
    expect("START" NONE "OPEN 0 reasoning\nDELTA 0 reasoning|a|\nDELTA 0 reasoning|b|\n"
           "SIGN 0 reasoning|s2|\nCLOSE 0\nOPEN 1 text\nDELTA 1 text|c|\n",
           "one signature, at the end of its block");
}

static void put_usage(clp_event_kind k, clp_usage u)
{
    clp_event e = clp_event_of(k);
    e.usage = u;
    put(e);
}

static void test_usage(void)
{
    begin();
    put_usage(CLP_EVENT_START, (clp_usage){100, -1, -1, 1, -1});
    put_usage(CLP_EVENT_START, (clp_usage){-1, 5, -1, -1, -1});
    put_usage(CLP_EVENT_USAGE, (clp_usage){20, 80, 0, 7, -1});
    put_usage(CLP_EVENT_USAGE, (clp_usage){0, 0, 0, 9, 0});
    finish(CLP_STOP_LENGTH);
    expect("START usage=100/-/-/1/-\nUSAGE usage=100/5/-/1/-\nUSAGE usage=20/80/0/7/-\n"
           "USAGE usage=20/80/0/9/0\nFINISH length usage=20/80/0/9/0\n",
           "later figures count, zeros do not undo, a second START only adds");
    clp_usage u = clp_guard_usage(guard);
    IS_INT(clp_usage_prompt(&u), 100, "all that went in");
}

static void test_order(void)
{
    begin();
    kind(CLP_EVENT_PING);
    clp_problem *p = clp_problem_make(pool, CLP_OVERLOADED, "no");
    clp_event e = clp_event_of(CLP_EVENT_PROBLEM);
    e.problem = p;
    put(e);
    kind(CLP_EVENT_START);
    expect("PING\nPROBLEM overloaded: no\n", "neither a ping nor a problem makes a START");
    OK(clp_guard_problem(guard) != p, "the problem is the guard's own copy");
    OK(!clp_guard_meaningful(guard) && !clp_guard_empty(guard), "nothing meaningful came");
}

/* What is a success without content? */
static void test_empty(void)
{
    begin();
    kind(CLP_EVENT_START);
    block(CLP_EVENT_BLOCK_OPEN, CLP_PART_TEXT);
    OK(!clp_guard_meaningful(guard), "an open block says nothing yet");
    finish(CLP_STOP_END);
    OK(clp_guard_meaningful(guard) && clp_guard_empty(guard), "an end is meant, but holds nothing");

    begin();
    put_usage(CLP_EVENT_USAGE, (clp_usage){5, -1, -1, 3, -1});
    finish(CLP_STOP_END);
    OK(!clp_guard_empty(guard), "output was billed: the model had nothing to say");

    begin();
    finish(CLP_STOP_FILTER);
    OK(!clp_guard_empty(guard), "filtered is an answer");

    begin();
    finish(CLP_STOP_TOOL);
    IS_INT(clp_guard_stop(guard), CLP_STOP_END, "no call, no tool stop");
    OK(clp_guard_empty(guard), "and empty");

    begin();
    block(CLP_EVENT_BLOCK_OPEN, CLP_PART_TOOL_CALL);
    OK(clp_guard_meaningful(guard), "a call without arguments is meant");
    finish(CLP_STOP_LENGTH);
    OK(!clp_guard_empty(guard), "and no emptiness");
    IS_INT(clp_guard_stop(guard), CLP_STOP_LENGTH, "the cap wins over the call");
}

int main(void)
{
    pool = tap_begin();
    seen = clp_buffer_make(pool, 0);
    test_blocks();
    test_call_without_open();
    test_texts();
    test_signature();
    test_usage();
    test_order();
    test_empty();
    return tap_end();
}
