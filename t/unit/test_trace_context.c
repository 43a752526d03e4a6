/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/trace_context.h"

#include <string.h>

#include <apr_strings.h>

#include "tap.h"

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define GOOD   "00-" TRACE "-" PARENT "-01"

static const struct {
    const char *what, *parent, *state;
    int parent_ok, state_ok, sampled;
} fields[] = {
    {"nothing", NULL, NULL, 0, 0, 0},
    {"a traceparent", GOOD, NULL, 1, 0, 1},
    {"not sampled", "00-" TRACE "-" PARENT "-00", NULL, 1, 0, 0},
    {"other flags", "00-" TRACE "-" PARENT "-fe", NULL, 1, 0, 0},
    {"a state without a parent", NULL, "a=1", 0, 0, 0},
    {"a state", GOOD, "a=1,b@c=2 x", 1, 1, 1},
    {"blanks and empty members", GOOD, " a=1 ,, \tb=2", 1, 1, 1},
    {"only commas", GOOD, ",,", 1, 0, 1},
    {"an empty state", GOOD, "", 1, 0, 1},
    {"a key in upper case", GOOD, "A=1", 1, 0, 1},
    {"a key that begins with a dash", GOOD, "-a=1", 1, 0, 1},
    {"no value", GOOD, "a=", 1, 0, 1},
    {"two equal signs", GOOD, "a=b=c", 1, 0, 1},
    {"a control character", GOOD, "a=b\x01", 1, 0, 1},
    {"bytes beyond ASCII", GOOD, "a=\xc3\xa9", 1, 0, 1},
    {"33 members", GOOD,
     "a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,"
     "a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1",
     1, 0, 1},
    {"upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", NULL, 0, 0, 0},
    {"no trace", "00-00000000000000000000000000000000-" PARENT "-01", "a=1", 0, 0, 0},
    {"no parent", "00-" TRACE "-0000000000000000-01", NULL, 0, 0, 0},
    {"version ff", "ff-" TRACE "-" PARENT "-01", NULL, 0, 0, 0},
    {"version 00 with more", GOOD "-x", NULL, 0, 0, 0},
    {"a later version", "cc-" TRACE "-" PARENT "-01", NULL, 1, 0, 1},
    {"a later version with more", "cc-" TRACE "-" PARENT "-01-what", NULL, 1, 0, 1},
    {"a later version, run on", "cc-" TRACE "-" PARENT "-01what", NULL, 0, 0, 0},
    {"two of them", GOOD ", " GOOD, NULL, 0, 0, 0},
    {"cut", "00-" TRACE "-" PARENT "-0", NULL, 0, 0, 0},
    {"empty", "", NULL, 0, 0, 0},
    {"another separator", "00_" TRACE "-" PARENT "-01", NULL, 0, 0, 0},
};

static clp_trace read_fields(const char *parent, const char *state, apr_pool_t *pool)
{
    apr_table_t *headers = apr_table_make(pool, 2);
    clp_trace trace;

    if (parent) {
        apr_table_setn(headers, "Traceparent", parent);
    }
    if (state) {
        apr_table_setn(headers, "Tracestate", state);
    }
    clp_trace_read(&trace, headers);
    return trace;
}

/* As many of a letter. */
static char *run(char letter, int n, apr_pool_t *pool)
{
    char *text = apr_pcalloc(pool, (apr_size_t)n + 1);
    memset(text, letter, (apr_size_t)n);
    return text;
}

/* Lengths of a state at their bounds, and one over them. */
static void test_lengths(apr_pool_t *pool)
{
    const char *k256 = run('k', 256, pool), *v256 = run('v', 256, pool);
    const char *k257 = run('k', 257, pool), *v257 = run('v', 257, pool);
    const char *m32 = "a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,"
                      "a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1";
    const struct {
        const char *what, *state;
        int ok;
    } cases[] = {
        {"32 members", m32, 1},
        {"a key of 256", apr_pstrcat(pool, k256, "=1", NULL), 1},
        {"a key of 257", apr_pstrcat(pool, k257, "=1", NULL), 0},
        {"a value of 256", apr_pstrcat(pool, "a=", v256, NULL), 1},
        {"a value of 257", apr_pstrcat(pool, "a=", v257, NULL), 0},
        {"4096 bytes", apr_pstrcat(pool, "a=1", run(',', 4093, pool), NULL), 1},
        {"4097 bytes", apr_pstrcat(pool, "a=1", run(',', 4094, pool), NULL), 0},
    };
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clp_trace t = read_fields(GOOD, cases[i].state, pool);
        OK((t.tracestate != NULL) == cases[i].ok, "a state with %s", cases[i].what);
    }
}

static void test_reading(apr_pool_t *pool)
{
    for (apr_size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        clp_trace t = read_fields(fields[i].parent, fields[i].state, pool);
        OK((t.traceparent != NULL) == fields[i].parent_ok &&
               (t.trace_id[0] != '\0') == fields[i].parent_ok,
           "%s: parent", fields[i].what);
        OK((t.tracestate != NULL) == fields[i].state_ok, "%s: state", fields[i].what);
        OK(t.sampled == fields[i].sampled, "%s: sampled", fields[i].what);
    }
}

/* What an upstream gets, beside what a client had sent straight through. */
static apr_table_t *sent(const clp_trace *trace, int number, apr_pool_t *pool)
{
    apr_table_t *up = apr_table_make(pool, 2);
    apr_table_setn(up, "traceparent", "whatever came");
    apr_table_setn(up, "tracestate", "likewise");
    clp_trace_write(up, trace, number, pool);
    return up;
}

static void test_passing(apr_pool_t *pool)
{
    clp_trace t = read_fields("cc-" TRACE "-" PARENT "-01-what", "a=1", pool);
    apr_table_t *up = sent(&t, 0, pool);

    IS_STR(apr_table_get(up, "traceparent"), "cc-" TRACE "-" PARENT "-01-what", "as it came");
    IS_STR(apr_table_get(up, "tracestate"), "a=1", "with its state");
    t = read_fields("nonsense", "a=1", pool);
    up = sent(&t, 0, pool);
    OK(apr_is_empty_table(up), "nonsense is not passed on");
}

static void test_recording(apr_pool_t *pool)
{
    clp_trace t = read_fields(GOOD, "a=1", pool);
    const char *first, *second;

    clp_trace_record(&t);
    IS_STR(t.trace_id, TRACE, "the client's trace");
    IS_STR(t.parent, PARENT, "its span is the parent");
    OK(strlen(t.span) == CLP_SPAN_ID_HEX && strcmp(t.span, PARENT) != 0, "a span of our own");
    first = apr_table_get(sent(&t, 0, pool), "traceparent");
    second = apr_table_get(sent(&t, 1, pool), "traceparent");
    OK(!strncmp(first, "00-" TRACE "-", 36) && !strcmp(first + 52, "-01"), "sent in that trace");
    OK(strcmp(first, second) != 0, "each attempt has a span");
    OK(!strstr(first, PARENT) && !strstr(first, t.span), "of its own");
    IS_STR(apr_table_get(sent(&t, 0, pool), "traceparent"), first, "the same when asked again");
    IS_STR(apr_table_get(sent(&t, 0, pool), "tracestate"), "a=1", "the state stays");

    t = read_fields(NULL, NULL, pool);
    clp_trace_record(&t);
    OK(strlen(t.trace_id) == CLP_TRACE_ID_HEX && !t.parent[0] && t.sampled, "a trace begins");

    t = read_fields("00-" TRACE "-" PARENT "-00", NULL, pool);
    clp_trace_record(&t);
    OK(!t.span[0], "what the client does not sample is not recorded");
    IS_STR(apr_table_get(sent(&t, 0, pool), "traceparent"), "00-" TRACE "-" PARENT "-00",
           "and passes as it came");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();

    test_reading(pool);
    test_lengths(pool);
    test_passing(pool);
    test_recording(pool);
    return tap_end();
}
