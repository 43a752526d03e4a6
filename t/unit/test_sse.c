/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "tap.h"
#include "wire/sse.h"

static apr_pool_t *pool;

typedef struct record {
    clp_buffer *out;
    const char *from; /* the read in progress */
    const char *to;
    int in_place; /* events whose data lay in it */
    int events;
    int stop_after;
} record;

/* An event as "name|data|lines" and LF. */
static int note(void *ctx, const clp_sse_event *event)
{
    record *r = ctx;
    clp_buffer_span(r->out, event->name);
    clp_buffer_putc(r->out, '|');
    clp_buffer_span(r->out, event->data);
    clp_buffer_printf(r->out, "|%d\n", event->lines);
    r->in_place += event->data.p >= r->from && event->data.p < r->to;
    return ++r->events == r->stop_after;
}

/* Feed `in` cut at the given places, each piece in a block of its own; the events, the last
 * status and what was pending before the end. */
static clp_span run(clp_span in, const apr_size_t *cuts, int n, apr_size_t max, record *r)
{
    apr_pool_t *own;
    clp_sse *sse;
    clp_sse_status status = CLP_SSE_OK;
    apr_size_t at = 0;

    clp_buffer_clear(r->out);
    r->events = r->in_place = 0;
    apr_pool_create(&own, pool);
    sse = clp_sse_make(own, max, note, r);
    for (int i = 0; i <= n; i++) {
        apr_size_t to = i < n ? cuts[i] : in.n;
        apr_size_t len = to - at;
        char *piece = malloc(len ? len : 1);
        if (len) {
            memcpy(piece, in.p + at, len);
        }
        r->from = piece;
        r->to = piece + len;
        status = clp_sse_feed(sse, piece, len);
        free(piece);
        at = to;
    }
    if (status == CLP_SSE_OK) {
        clp_buffer_printf(r->out, "pending %d\n", (int)clp_sse_pending(sse));
    }
    r->from = r->to = NULL;
    status = clp_sse_finish(sse);
    clp_buffer_printf(r->out, "status %d", (int)status);
    apr_pool_destroy(own);
    return clp_buffer_all(r->out);
}

typedef struct stream_case {
    const char *name;
    clp_span in;
    clp_span want;
    apr_size_t max;
} stream_case;

#define S(s)                                                                                       \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }
#define END    "pending 0\nstatus 0"
#define BOMSTR "\xef\xbb\xbf"

static const stream_case streams[] = {
    {"nothing", S(""), S(END), 0},
    {"one event", S("event: a\ndata: {\"x\":1}\n\n"), S("a|{\"x\":1}|1\n" END), 0},
    {"no event field", S("data: x\n\n"), S("|x|1\n" END), 0},
    {"no blank behind the colon", S("event:a\ndata:x\n\n"), S("a|x|1\n" END), 0},
    {"only one blank is dropped", S("event:  a\ndata:  x \n\n"), S(" a| x |1\n" END), 0},
    {"CRLF", S("event: a\r\ndata: x\r\n\r\ndata: y\r\n\r\n"), S("a|x|1\n|y|1\n" END), 0},
    {"CR", S("event: a\rdata: x\r\rdata: y\r\r"), S("a|x|1\n|y|1\n" END), 0},
    {"mixed line ends", S("event: a\rdata: x\n\r\ndata: y\r\n\rdata: z\r\n\n"),
     S("a|x|1\n|y|1\n|z|1\n" END), 0},
    {"BOM", S(BOMSTR "data: x\n\n"), S("|x|1\n" END), 0},
    {"a second BOM is none", S(BOMSTR BOMSTR "data: x\n\ndata: y\n\n"), S("|y|1\n" END), 0},
    {"a BOM later is none", S("data: x\n\n" BOMSTR "data: y\n\ndata: z\n\n"), S("|x|1\n|z|1\n" END),
     0},
    {"half a BOM",
     S("\xef\xbb"
       "data: x\n\ndata: y\n\n"),
     S("|y|1\n" END), 0},
    {"only a BOM", S(BOMSTR), S(END), 0},
    {"a cut BOM", S("\xef\xbb"), S("pending 2\nstatus 0"), 0},
    {"several data lines", S("data: a\ndata: b\ndata:\ndata: c\n\n"), S("|a\nb\n\nc|4\n" END), 0},
    {"data without colon", S("data\ndata: a\ndata\n\n"), S("|\na\n|3\n" END), 0},
    {"comments", S(": hi\n:\ndata: a\n: there\ndata: b\n\n: end\n\n"), S("|a\nb|2\n" END), 0},
    {"other fields", S("id: 7\nretry: 10\nfoo: bar\nfoo\ndata: a\nid\n\n"), S("|a|1\n" END), 0},
    {"fields that only look alike", S("datax: a\n data: b\nDATA: c\nevents: d\ndata : e\n\n"),
     S(END), 0},
    {"the last event field wins", S("event: a\nevent: b\ndata: x\n\n"), S("b|x|1\n" END), 0},
    {"an event field behind the data", S("data: x\nevent: a\ndata: y\n\n"), S("a|x\ny|2\n" END), 0},
    {"an empty event field", S("event: a\nevent:\ndata: x\n\n"), S("|x|1\n" END), 0},
    {"the name goes with its event", S("event: a\n\ndata: x\n\n"), S("|x|1\n" END), 0},
    {"the name does not stay", S("event: a\ndata: x\n\ndata: y\n\n"), S("a|x|1\n|y|1\n" END), 0},
    {"blank data", S("data:\n\ndata: \n\ndata:  \t\n\ndata\ndata\n\ndata: x\n\n"), S("|x|1\n" END),
     0},
    {"blank lines", S("\n\n\r\r\n\n\ndata: x\n\n\n\n"), S("|x|1\n" END), 0},
    {"colons in the data", S("data: a: b:c\n\n"), S("|a: b:c|1\n" END), 0},
    {"NUL and wide bytes", S("data: a\0b\xf0\x9f\x98\x80\n\n"), S("|a\0b\xf0\x9f\x98\x80|1\n" END),
     0},
    {"done", S("data: {}\n\ndata: [DONE]\n\n"), S("|{}|1\n|[DONE]|1\n" END), 0},
    {"no blank line at the end", S("event: a\ndata: x\n"), S("pending 15\na|x|1\nstatus 0"), 0},
    {"no line end at the end", S("event: a\ndata: x"), S("pending 15\na|x|1\nstatus 0"), 0},
    {"cut within a field name", S("data: x\n\ndat"), S("|x|1\npending 3\nstatus 0"), 0},
    {"cut behind CR", S("data: x\r"), S("pending 7\n|x|1\nstatus 0"), 0},
    {"a name alone", S("event: a\n"), S("pending 8\nstatus 0"), 0},
    {"just within the bound", S("data: 01234\ndata: 56789\n\n"), S("|01234\n56789|2\n" END), 22},
    {"one byte over the bound", S("data: x\n\ndata: 01234\ndata: 56789\n\ndata: y\n\n"),
     S("|x|1\nstatus 2"), 21},
    {"a line over the bound", S("data: x\n\ndata: 0123456789"), S("|x|1\nstatus 2"), 15},
    {"a comment over the bound", S("data: x\n\n:0123456789\ndata: y\n\n"), S("|x|1\nstatus 2"), 10},
    {"comments do not add up", S(":01234\n:56789\n:01234\ndata: x\n\n"), S("|x|1\n" END), 8},
    {"the bound is for each event", S("data: 1\n\ndata: 2\n\ndata: 3\n\n"),
     S("|1|1\n|2|1\n|3|1\n" END), 7},
    {"an answer as it comes",
     S("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}\n\n"
       ": keep-alive\n\nevent: ping\r\ndata: {\"type\": \"ping\"}\r\n\r\ndata: {\"a\":\ndata: "
       "\"\xe2\x82\xac\"}\n\n"),
     S("message_start|{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}|1\n"
       "ping|{\"type\": \"ping\"}|1\n|{\"a\":\n\"\xe2\x82\xac\"}|2\n" END),
     0},
};

enum { STREAMS = sizeof(streams) / sizeof(streams[0]) };

static int same(const stream_case *c, const apr_size_t *cuts, int n, record *r)
{
    return clp_span_eq(run(c->in, cuts, n, c->max, r), c->want);
}

static void test_streams(void)
{
    record r = {clp_buffer_make(pool, 0), NULL, NULL, 0, 0, 0};
    apr_size_t cuts[512];

    srand(1);
    for (int i = 0; i < STREAMS; i++) {
        const stream_case *c = &streams[i];
        apr_size_t n = c->in.n;
        long wrong = 0;

        IS_SPAN(run(c->in, NULL, 0, c->max, &r), c->want, c->name);
        for (apr_size_t a = 0; a <= n; a++) {
            for (apr_size_t b = a; b <= n; b++) {
                cuts[0] = a;
                cuts[1] = b;
                wrong += !same(c, cuts, 2, &r);
            }
        }
        for (apr_size_t a = 0; a < n; a++) {
            cuts[a] = a;
        }
        wrong += !same(c, cuts, (int)n, &r);
        for (int turn = 0; turn < 200; turn++) {
            int k = 0;
            apr_size_t step = (apr_size_t)(1 + rand() % 9);
            for (apr_size_t a = (apr_size_t)rand() % step; a < n;
                 a += (apr_size_t)rand() % step + 1) {
                cuts[k++] = a;
            }
            wrong += !same(c, cuts, k, &r);
        }
        IS_INT(wrong, 0, "however it is split");
    }
}

static void test_in_place(void)
{
    record r = {clp_buffer_make(pool, 0), NULL, NULL, 0, 0, 0};
    clp_span in = CLP_SPAN_LIT("event: a\ndata: x\n\ndata: y\r\n\r\ndata: z\n\n");
    apr_size_t cut = 24;

    run(in, NULL, 0, 0, &r);
    OK(r.events == 3 && r.in_place == 3, "whole events are delivered without a copy");
    run(in, &cut, 1, 0, &r);
    OK(r.events == 3 && r.in_place == 2, "a split one is copied, the others are not");
}

static void test_stop(void)
{
    record r = {clp_buffer_make(pool, 0), NULL, NULL, 0, 0, 2};
    clp_sse *sse = clp_sse_make(pool, 0, note, &r);
    clp_span in = CLP_SPAN_LIT("data: 1\n\ndata: 2\n\ndata: 3\n\n");

    IS_INT(clp_sse_feed(sse, in.p, in.n), CLP_SSE_STOPPED, "stopped by the reader");
    IS_INT(r.events, 2, "after the second event");
    IS_INT(clp_sse_feed(sse, in.p, in.n), CLP_SSE_STOPPED, "and stays so");
    IS_INT(clp_sse_finish(sse), CLP_SSE_STOPPED, "to the end");
    IS_INT(r.events, 2, "nothing more is delivered");
    sse = clp_sse_make(pool, 10, note, &r);
    IS_INT(clp_sse_feed(sse, "data: 0123456789\n", 17), CLP_SSE_TOO_LARGE, "too large");
    IS_INT(clp_sse_feed(sse, "\ndata: 1\n\n", 10), CLP_SSE_TOO_LARGE, "and stays so");
    IS_INT(clp_sse_finish(sse), CLP_SSE_TOO_LARGE, "to the end");
    IS_INT(r.events, 2, "nothing is delivered");
}

static int count_bytes(void *ctx, const clp_sse_event *event)
{
    *(apr_size_t *)ctx += event->data.n;
    return 0;
}

static double cpu(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Byte by byte is some hundred times slower than at once; work that grew with the square of the
 * event would be slower by a million. */
static void test_linear(void)
{
    apr_size_t n = 4 * 1024 * 1024;
    apr_size_t got = 0;
    char *p = malloc(n);
    clp_sse *sse = clp_sse_make(pool, 0, count_bytes, &got);
    double start = cpu();

    memset(p, 'x', n);
    memcpy(p, "data: ", 6);
    for (apr_size_t i = 0; i < n; i++) {
        clp_sse_feed(sse, p + i, 1);
    }
    clp_sse_feed(sse, "\n\n", 2);
    IS_INT(got, n - 6, "one huge event, byte by byte");
    got = 0;
    for (apr_size_t i = 0; i + 8 <= n; i += 8) {
        memcpy(p + i, "data: x\r", 8);
    }
    clp_sse_feed(sse, p, n);
    clp_sse_feed(sse, "\r", 1);
    IS_INT(got, n / 8 * 2 - 1, "very many lines ended by CR");
    OK(cpu() - start < 20, "in time (%.1f s)", cpu() - start);
    free(p);
}

static void test_done(void)
{
    OK(clp_sse_is_done(CLP_SPAN_LIT("[DONE]")), "[DONE]");
    OK(clp_sse_is_done(CLP_SPAN_LIT(" [DONE] \t")), "blanks around it");
    OK(!clp_sse_is_done(CLP_SPAN_LIT("[DONE")), "cut");
    OK(!clp_sse_is_done(CLP_SPAN_LIT("[done]")), "lower case");
    OK(!clp_sse_is_done(CLP_SPAN_LIT("[DONE]x")), "more");
    OK(!clp_sse_is_done(CLP_SPAN_LIT("")), "nothing");
}

int main(void)
{
    pool = tap_begin();
    test_streams();
    test_in_place();
    test_stop();
    test_linear();
    test_done();
    return tap_end();
}
