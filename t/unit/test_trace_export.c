/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "clp_version.h"
#include "gateway/trace_export.h"
#include "gateway/trace_sender.h"
#include "gateway/trace_spans.h"
#include "shared.h"

#define START apr_time_from_sec(1795435200)

static apr_pool_t *pool;

/* --- what is written --------------------------------------------------------------------- */

static clp_span_record record_of(clp_span_kind kind)
{
    clp_span_record r;

    memset(&r, 0, sizeof(r));
    r.kind = (apr_byte_t)kind;
    r.trace_id[0] = 0x4b;
    r.trace_id[15] = 0x36;
    r.span_id[7] = 1;
    r.start = START;
    r.end = START + 1500;
    r.tokens_in = r.tokens_out = r.cache_read = r.cache_write = r.reasoning = -1;
    return r;
}

static const char *written(const clp_span_record *r)
{
    static const clp_trace_resource resource = {"claude-proxy", NULL};
    clp_buffer *out = clp_buffer_make(pool, 0);

    clp_trace_export_write(out, &resource, r, 1);
    return clp_buffer_cstr(out, pool);
}

#define HEAD                                                                                       \
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{"     \
    "\"stringValue\":\"claude-proxy\"}},{\"key\":\"service.version\",\"value\":{"                  \
    "\"stringValue\":\"" CLP_VERSION "\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":"                \
    "\"mod_claude_proxy\",\"version\":\"" CLP_VERSION "\"},\"spans\":[{\"traceId\":"               \
    "\"4b000000000000000000000000000036\",\"spanId\":\"0000000000000001\","
#define TIMES                                                                                      \
    "\"startTimeUnixNano\":\"1795435200000000000\",\"endTimeUnixNano\":\"1795435200001500000\","
#define TAIL "}]}]}]}"

static void test_written(void)
{
    clp_span_record r = record_of(CLP_SPAN_ATTEMPT);

    strcpy(r.method, "POST");
    IS_STR(written(&r),
           HEAD "\"flags\":257,\"name\":\"POST\",\"kind\":3," TIMES
                "\"attributes\":[{\"key\":\"http.request.method\",\"value\":{\"stringValue\":"
                "\"POST\"}}],\"status\":{}" TAIL,
           "an attempt of which nothing is known");
    r = record_of(CLP_SPAN_REQUEST);
    r.parent_id[0] = 0xf0;
    r.remote = 1;
    r.failed = 1;
    r.tokens_in = APR_INT64_C(9007199254740993);
    strcpy(r.operation, "chat");
    strcpy(r.model, "m\"\n\xff");
    IS_STR(written(&r),
           HEAD "\"parentSpanId\":\"f000000000000000\",\"flags\":769,\"name\":"
                "\"chat m\\\"\\n\xef\xbf\xbd\",\"kind\":2," TIMES
                "\"attributes\":[{\"key\":\"gen_ai.operation.name\",\"value\":{\"stringValue\":"
                "\"chat\"}},{\"key\":\"gen_ai.request.model\",\"value\":{\"stringValue\":"
                "\"m\\\"\\n\xef\xbf\xbd\"}},{\"key\":\"gen_ai.usage.input_tokens\",\"value\":{"
                "\"intValue\":\"9007199254740993\"}},{\"key\":\"claude_proxy.attempts\",\"value\":{"
                "\"intValue\":\"0\"}}],\"status\":{\"code\":2}" TAIL,
           "a request, with a name of no good bytes");
    r.end = START - 1;
    OK(strstr(written(&r), "\"endTimeUnixNano\":\"1795435200000000000\"") != NULL,
       "no span ends before it begins");
}

static void test_rejected(void)
{
    static const struct {
        const char *answer;
        int want;
    } cases[] = {{"", 0},
                 {"{}", 0},
                 {"{\"partialSuccess\":{}}", 0},
                 {"{\"partialSuccess\":{\"rejectedSpans\":\"3\"}}", 3},
                 {"{\"partialSuccess\":{\"rejectedSpans\":4}}", 4},
                 {"{\"partialSuccess\":{\"rejectedSpans\":\"99\"}}", 10},
                 {"{\"partialSuccess\":{\"rejectedSpans\":-1}}", 0},
                 {"{\"partialSuccess\":[1]}", 0},
                 {"<html>", 0}};

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IS_INT(clp_trace_export_rejected(clp_span_str(cases[i].answer), 10), cases[i].want,
               cases[i].answer);
    }
}

/* --- what a request becomes -------------------------------------------------------------- */

static clp_attempt_record attempt_of(clp_attempt_result result, int status)
{
    clp_channel *c = clp_channel_make("c\xe4\xb8\xad", pool);
    clp_attempt_record a;

    memset(&a, 0, sizeof(a));
    c->dialect = &clp_dialect_gemini;
    a.candidate.channel = c;
    a.candidate.url = "https://api.example.com/hidden/v1";
    a.candidate.model = "up";
    a.result = result;
    a.status = status;
    a.started = START + 5;
    a.ended = START + 10;
    return a;
}

static void test_spans(void)
{
    clp_span_record out[1 + CLP_SPAN_ATTEMPTS];
    clp_trace trace;
    clp_outcome o;
    clp_traced_request r;

    memset(&trace, 0, sizeof(trace));
    strcpy(trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    strcpy(trace.span, "00f067aa0ba902b7");
    memset(&r, 0, sizeof(r));
    r.trace = &trace;
    r.ended.client = &clp_dialect_chat;
    r.ended.operation = "chat";
    r.ended.model = apr_pstrcat(pool,
                                apr_pstrndup(pool,
                                             "0123456789012345678901234567890123456789012345678901"
                                             "234567890123456789012345678901234567890123",
                                             94),
                                "\xe4\xb8\xad", NULL);
    r.ended.status = 503;
    r.ended.start = START;
    r.ended.end = START + 20;
    IS_INT(clp_trace_spans(out, &r), 1, "nobody was asked: one span");
    IS_INT(out[0].trace_id[1], 0xf9, "ids are bytes");
    IS_INT(out[0].span_id[7], 0xb7, "of the span too");
    IS_STR(out[0].provider, "openai", "the provider the client thinks of");
    IS_INT(strlen(out[0].model), 94, "long names are cut between characters");
    OK(out[0].failed, "503 is a failure");

    memset(&o, 0, sizeof(o));
    o.attempts = apr_array_make(pool, 20, sizeof(clp_attempt_record));
    for (int i = 0; i < 19; i++) {
        APR_ARRAY_PUSH(o.attempts, clp_attempt_record) = attempt_of(CLP_ATTEMPT_FAILED, 500);
    }
    APR_ARRAY_PUSH(o.attempts, clp_attempt_record) = attempt_of(CLP_ATTEMPT_SERVED, 200);
    o.winner = 19;
    o.result = CLP_RESULT_OK;
    o.booked = CLP_BOOKED_SUCCESS;
    o.stop = CLP_STOP_TOOL;
    o.usage = (clp_usage){10, 5, -1, 7, -1};
    r.ended.outcome = &o;
    r.ended.status = 200;
    IS_INT(clp_trace_spans(out, &r), 1 + CLP_SPAN_ATTEMPTS, "many attempts: bounded");
    IS_INT(out[0].attempts, 20, "but all are counted");
    OK(!out[0].failed, "it was served");
    IS_STR(out[0].error, "", "without an error");
    IS_STR(out[0].host, "api.example.com", "of a URL the host");
    IS_INT(out[0].port, 443, "and the port of the scheme");
    IS_STR(out[0].provider, "gcp.gemini", "the provider who served");
    IS_STR(out[0].channel, "c\xe4\xb8\xad", "the channel");
    IS_STR(out[0].finish, "tool_call", "why it ended");
    IS_INT(out[0].tokens_in, 15, "input with cached tokens");
    IS_INT(out[0].cache_write, -1, "what is not told stays unknown");
    IS_STR(out[1].error, "failed", "an attempt that failed");
    OK(out[1].failed, "is an error");
    OK(!memcmp(out[1].parent_id, out[0].span_id, 8), "below the request");
    OK(memcmp(out[1].span_id, out[2].span_id, 8) != 0, "each with an id of its own");
}

/* --- sending ----------------------------------------------------------------------------- */

static struct {
    int started;
    int status; /* 0 = it cannot be reached */
    const char *retry_after;
    clp_transfer_handler handler;
} collector;

static clp_transfer *start(clp_transport *t, const clp_transfer_request *request,
                           const clp_transfer_handler *handler, apr_pool_t *p)
{
    (void)t;
    (void)p;
    collector.started += !strcmp(request->method, "POST") && request->body.n > 100;
    collector.handler = *handler;
    return NULL;
}

static void cancel(clp_transport *t, clp_transfer *transfer)
{
    (void)t;
    (void)transfer;
}

static void step(clp_transport *t, int fd, apr_interval_time_t timeout, int *ready)
{
    const clp_transfer_handler *h = &collector.handler;
    apr_table_t *headers = apr_table_make(pool, 1);

    (void)t;
    (void)fd;
    (void)timeout;
    (void)ready;
    if (collector.retry_after) {
        apr_table_setn(headers, "Retry-After", collector.retry_after);
    }
    if (collector.status) {
        h->on_head(h->ctx, collector.status, headers);
        h->on_bytes(h->ctx, "{}", 2);
    }
    h->on_end(h->ctx, collector.status ? CLP_TRANSFER_DONE : CLP_TRANSFER_NO_CONNECT, NULL);
}

static clp_transport transport = {start, cancel, step};

/* One tick and its transfer; how many transfers there were. */
static int tick(clp_trace_sender *s, apr_interval_time_t from_now)
{
    int before = collector.started;

    clp_trace_sender_tick(s, apr_time_now() + from_now);
    if (clp_trace_sender_busy(s)) {
        step(&transport, -1, 0, NULL);
    }
    return collector.started - before;
}

static void test_sender(void)
{
    static const struct {
        const char *name;
        int status;
        const char *retry_after;
        int again_s; /* when it is asked again, 0 = never */
    } cases[] = {{"503", 503, NULL, 1},
                 {"429 with a time", 429, "7", 7},
                 {"a time too long", 429, "9000", 30},
                 {"not reached", 0, NULL, 1},
                 {"400", 400, NULL, 0},
                 {"a redirect", 302, NULL, 0}};

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_size_t size = clp_span_ring_size(1024);
        clp_span_ring *ring = clp_span_ring_open(shared_memory(size), size);
        clp_trace_target target = {
            "http://h/v1/traces", "http://h", apr_table_make(pool, 1), {"s", NULL}};
        clp_trace_sender *s = clp_trace_sender_make(&target, ring, &transport, pool);
        clp_span_record r = record_of(CLP_SPAN_REQUEST);
        clp_span_counts counts;
        const char *name = cases[i].name;
        apr_interval_time_t again = apr_time_from_sec(cases[i].again_s);

        IS_INT(tick(s, 0), 0, "nothing to send");
        for (int n = 0; n < CLP_TRACE_BATCH + 1; n++) {
            clp_span_ring_post(ring, &r);
        }
        collector.status = cases[i].status;
        collector.retry_after = cases[i].retry_after;
        IS_INT(tick(s, 0), 1, name);
        clp_span_ring_count(ring, &counts);
        if (again) {
            IS_INT(counts.waiting, CLP_TRACE_BATCH + 1, "nothing is given up yet");
            IS_INT(tick(s, again - apr_time_from_msec(500)), 0, "not asked before its time");
            IS_INT(tick(s, again + apr_time_from_msec(500)), 1, "asked once more");
            clp_span_ring_count(ring, &counts);
        }
        IS_INT(counts.refused, CLP_TRACE_BATCH, "then the batch is dropped");
        IS_INT(tick(s, apr_time_from_sec(4)), 0, "a rest before the next one");
        collector.status = 200;
        IS_INT(tick(s, apr_time_from_sec(6)), 1, "the next one");
        clp_span_ring_count(ring, &counts);
        IS_INT(counts.sent, 1, "arrives");
        IS_INT(counts.waiting, 0, "and nothing is left");
    }
}

int main(void)
{
    pool = tap_begin();
    test_written();
    test_rejected();
    test_spans();
    test_sender();
    return tap_end();
}
