/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/** What the demo upstream says to requests of either protocol. */
#include <string.h>

#include <apr_strings.h>

#include "dialect/dialect.h"
#include "dialect/guard.h"
#include "gateway/count.h"
#include "gateway/demo.h"
#include "tap.h"
#include "wire/buffer.h"
#include "wire/json_scan.h"
#include "wire/text.h"

static apr_pool_t *pool;

#define M &clp_dialect_messages
#define C &clp_dialect_chat

/* --- an answer as one line: blocks by kind, then the stop ------------------------------- */

typedef struct heard {
    clp_buffer *line;
    int deltas;
    clp_usage usage;
} heard;

static const char *part_name(clp_part_kind part)
{
    switch (part) {
    case CLP_PART_TEXT: return "text";
    case CLP_PART_REASONING: return "reasoning";
    case CLP_PART_TOOL_CALL: return "call";
    case CLP_PART_CUSTOM_CALL: return "custom";
    default: return "other";
    }
}

static void hear(void *ctx, const clp_event *e)
{
    static const char *const stops[] = {"end", "sequence", "length", "window", "tool", "filter"};
    heard *h = ctx;

    switch (e->kind) {
    case CLP_EVENT_START: clp_usage_merge(&h->usage, &e->usage); break;
    case CLP_EVENT_USAGE: clp_usage_merge(&h->usage, &e->usage); break;
    case CLP_EVENT_BLOCK_OPEN:
        clp_buffer_printf(h->line, "[%s", part_name(e->part));
        if (e->part == CLP_PART_TOOL_CALL || e->part == CLP_PART_CUSTOM_CALL) {
            clp_buffer_printf(h->line, " %s %s", clp_text_cstr(e->id, pool),
                              clp_text_cstr(e->name, pool));
        }
        clp_buffer_puts(h->line, ": ");
        break;
    case CLP_EVENT_BLOCK_DELTA:
        h->deltas++;
        if (e->delta == CLP_DELTA_SIGNATURE) {
            clp_buffer_puts(h->line, "~");
        }
        clp_text_append_plain(h->line, e->text);
        break;
    case CLP_EVENT_BLOCK_CLOSE: clp_buffer_puts(h->line, "] "); break;
    case CLP_EVENT_FINISH:
        clp_buffer_puts(h->line, stops[e->stop]);
        if (e->stop_string.s.p) {
            clp_buffer_printf(h->line, " by %s", clp_text_cstr(e->stop_string, pool));
        }
        break;
    case CLP_EVENT_PROBLEM: clp_buffer_puts(h->line, "PROBLEM"); break;
    case CLP_EVENT_LOGPROBS:
    case CLP_EVENT_PING: break;
    }
}

static clp_conversation *read_body(const clp_dialect *d, const char *body)
{
    const clp_intake intake = {512, 0, NULL, -1, NULL};
    clp_sniffed sniffed;
    clp_conversation *c = NULL;
    clp_problem *problem;

    memset(&sniffed, 0, sizeof(sniffed));
    problem = d->sniff(&sniffed, clp_span_str(body), &intake, pool);
    if (!problem) {
        problem = d->read_request(&c, clp_span_str(body), &intake, pool);
    }
    OK(!problem, "%s reads the request%s%s", d->name, problem ? ": " : "",
       problem ? problem->message : "");
    return c;
}

static heard answer_of(const clp_dialect *d, const char *body)
{
    clp_conversation *c = read_body(d, body);
    heard h = {clp_buffer_make(pool, 0), 0, CLP_USAGE_NONE};
    clp_sink ear = {hear, &h};
    clp_guard *guard = clp_guard_make(ear, pool);
    clp_sink sink = clp_guard_sink(guard);

    clp_demo_answer(c, &sink, pool);
    OK(clp_guard_ended(guard) && !clp_guard_problem(guard), "the answer is whole");
    IS_INT(h.usage.input, clp_count_conversation(c), "input tokens are those counted");
    return h;
}

static void says(const clp_dialect *d, const char *body, const char *want, const char *name)
{
    heard h = answer_of(d, body);
    IS_STR(clp_buffer_cstr(h.line, pool), want, name);
}

/* --- cases ----------------------------------------------------------------------------------- */

#define ECHO(text)                                                                                 \
    "[text: You said: \"" text "\"\nThis is the demo upstream of mod_claude_proxy. No model "      \
    "stands behind it, so it can only repeat what it was told.] end"

#define TOOLS                                                                                      \
    "\"tools\":[{\"name\":\"look\",\"input_schema\":{\"type\":\"object\",\"properties\":{"         \
    "\"where\":{\"type\":\"string\"},\"n\":{\"type\":\"integer\"},\"far\":{\"type\":\"boolean\"}," \
    "\"list\":{\"type\":\"array\"},\"o\":{\"type\":\"object\"},\"unit\":{\"enum\":[\"m\","         \
    "\"km\"]},\"not\":{\"type\":\"string\"}},\"required\":[\"where\",\"n\",\"far\",\"list\","      \
    "\"o\",\"unit\"]}},{\"name\":\"wait\",\"input_schema\":{\"type\":\"object\"}}]"

#define LOOK                                                                                       \
    "[call toolu_demo_1_0 look: {\"where\":\"demo\",\"n\":1,\"far\":true,\"list\":[],\"o\":{},"    \
    "\"unit\":\"m\"}] "

#define ASK(text, more)                                                                            \
    "{\"model\":\"demo\",\"max_tokens\":1000,\"messages\":[{\"role\":\"user\",\"content\":\"" text \
    "\"}]" more "}"

static void texts(void)
{
    heard h;
    says(M, ASK("Hi there", ""), ECHO("Hi there"), "it repeats what it was told");
    says(C, ASK("Hi there", ""), ECHO("Hi there"), "in Chat too");
    says(M, ASK("Gr\\u00fc\\u00dfe \\ud83d\\ude00", ""), ECHO("Grüße 😀"), "escapes are read");
    says(M,
         "{\"model\":\"demo\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\",\"content\":["
         "{\"type\":\"text\",\"text\":\"reminder\"},{\"type\":\"text\",\"text\":\"the prompt\"},"
         "{\"type\":\"text\",\"text\":\" \"}]}]}",
         ECHO("the prompt"), "the last text with anything in it");
    says(M,
         "{\"model\":\"demo\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"one\"},{\"role\":\"assistant\",\"content\":\"two\"},{\"role\":\"user\",\"content\":"
         "\"three\"},{\"role\":\"assistant\",\"content\":\"Begin\"}]}",
         ECHO("three"), "a prefilled answer is not the question");
    says(M, ASK("Hi there", ",\"temperature\":0,\"stop_sequences\":[\"mod_\",\"upstream\"]"),
         "[text: You said: \"Hi there\"\nThis is the demo ] sequence by upstream",
         "the first stop string ends it");
    says(M,
         "{\"model\":\"demo\",\"max_tokens\":3,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"Hi there\"}]}",
         "[text: You said: \"Hi ] length", "max_tokens ends it");
    h = answer_of(M, ASK("Hi", ""));
    OK(h.deltas > 10, "in many pieces");
    IS_INT(h.usage.output, h.deltas, "a token each");
    h = answer_of(M, "{\"model\":\"demo-chunks-200\",\"max_tokens\":1000,\"messages\":[{\"role\":"
                     "\"user\",\"content\":\"Hi\"}]}");
    IS_INT(h.deltas, 200, "as many pieces as the model's name says");
}

static void long_text(void)
{
    char *text = apr_palloc(pool, 1001);
    const char *quoted;
    heard h;

    for (int i = 0; i < 1000; i += 2) {
        memcpy(text + i, "é", 2);
    }
    text[1000] = '\0';
    h = answer_of(M, apr_psprintf(pool, ASK("x%s", ""), text));
    quoted = strstr(clp_buffer_cstr(h.line, pool), "\"x");
    IS_INT(strstr(quoted + 1, "\"") - quoted - 1, 199 + 3, "a long text is cut between characters");
    IS_INT(clp_utf8_valid_prefix(clp_buffer_all(h.line)), h.line->n, "all of it is UTF-8");
}

static void tools(void)
{
    says(M, ASK("Hi", "," TOOLS), ECHO("Hi"), "tools alone are not called");
    says(M, ASK("Hi", "," TOOLS ",\"tool_choice\":{\"type\":\"any\"}"), LOOK "tool", "any");
    says(M, ASK("Hi", "," TOOLS ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"wait\"}"),
         "[call toolu_demo_1_0 wait: {}] tool", "a named one");
    says(M, ASK("Hi", "," TOOLS ",\"tool_choice\":{\"type\":\"none\"}"), ECHO("Hi"), "none");
    says(M, ASK("please Call the tool now", "," TOOLS), LOOK "tool", "in words");
    says(M, ASK("use the tool wait.", "," TOOLS), "[call toolu_demo_1_0 wait: {}] tool",
         "in words, named");
    says(M, ASK("call all tools", "," TOOLS), LOOK "[call toolu_demo_1_1 wait: {}] tool",
         "all of them at once");
    says(M,
         ASK("call all tools",
             "," TOOLS ",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}"),
         LOOK "tool", "but not if only one may be called");
    says(M, ASK("call the tool", ""), ECHO("call the tool"), "no tools, no call");
    says(C,
         ASK("Hi", ",\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{"
                   "\"name\":\"look\",\"parameters\":{\"type\":\"object\",\"required\":[\"n\"],"
                   "\"properties\":{\"n\":{\"type\":[\"null\",\"number\"],\"minimum\":5}}}}}]"),
         "[call call_demo_1_0 look: {\"n\":5}] tool", "Chat");
    says(C,
         ASK("Hi", ",\"function_call\":{\"name\":\"b\"},\"functions\":[{\"name\":\"a\"},"
                   "{\"name\":\"b\"}]"),
         "[call call_demo_1_0 b: {}] tool", "functions of old");
}

static void results(void)
{
    says(M,
         "{\"model\":\"demo\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"call the tool\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":"
         "\"t1\",\"name\":\"look\",\"input\":{}},{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":"
         "\"wait\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
         "\"tool_use_id\":\"t1\",\"content\":\"It is \\\"here\\\"\"},{\"type\":\"tool_result\","
         "\"tool_use_id\":\"t2\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"no\"}"
         "]},{\"type\":\"text\",\"text\":\"call the tool\"}]}]," TOOLS "}",
         "[text: The tool look answered: \"It is \"here\"\"\nThe tool wait failed: \"no\"] end",
         "results are quoted, and nothing is called again");
    says(C,
         "{\"model\":\"demo\",\"messages\":[{\"role\":\"user\",\"content\":\"go\"},{\"role\":"
         "\"assistant\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{"
         "\"name\":\"look\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\","
         "\"content\":\"far\"}]}",
         "[text: The tool look answered: \"far\"] end", "Chat");
}

static void thinking(void)
{
    heard h =
        answer_of(M, ASK("Hi", ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}"));
    const char *line = clp_buffer_cstr(h.line, pool);
    OK(!strncmp(line, "[reasoning: The demo upstream was asked to think", 40), "it thinks: %s",
       line);
    OK(strstr(line, "~ZGVtbyBzaWduYXR1cmU=] [text: You said") != NULL, "signs, then answers");
    OK(h.usage.reasoning > 5 && h.usage.output > h.usage.reasoning, "and counts both");
    says(M, ASK("Hi", ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}"),
         "[reasoning: ~ZGVtbyBzaWduYXR1cmU=] " ECHO("Hi"), "thoughts that nobody wants to see");
}

static void formats(void)
{
    says(C, ASK("Hi", ",\"response_format\":{\"type\":\"json_object\"}"),
         "[text: {\"demo\":true}] end", "any JSON");
    says(C,
         ASK("Hi", ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\","
                   "\"schema\":{\"type\":\"object\",\"required\":[\"a\",\"c\",\"l\"],"
                   "\"properties\":{\"a\":{\"type\":\"object\",\"required\":[\"b\"],\"properties\":"
                   "{\"b\":{\"type\":\"string\"}}},\"c\":{\"const\":3.0},\"l\":{\"type\":\"array\","
                   "\"minItems\":1,\"items\":{\"type\":\"boolean\"}}}}}}"),
         "[text: {\"a\":{\"b\":\"demo\"},\"c\":3.0,\"l\":[true]}] end", "JSON by schema");
}

static void models(void)
{
    apr_interval_time_t first;
    apr_interval_time_t each;
    clp_problem *p = clp_demo_problem("demo-error-429", pool);

    OK(!clp_demo_problem("demo", pool), "no error unless asked for");
    IS_INT(p->cls, CLP_RATE_LIMITED, "429");
    IS_INT(p->retry_after_ms, 2000, "with a time to come back");
    IS_INT(clp_demo_problem("demo-error-529", pool)->cls, CLP_OVERLOADED, "529");
    IS_INT(clp_demo_problem("demo-error-599", pool)->cls, CLP_NOT_FOUND, "one it does not have");
    clp_demo_pace("demo", &first, &each);
    OK(first == 0 && each == 0, "no waiting");
    clp_demo_pace("demo-slow", &first, &each);
    OK(first > 0 && each > 0, "but for the slow one");
}

int main(void)
{
    pool = tap_begin();
    texts();
    long_text();
    tools();
    results();
    thinking();
    formats();
    models();
    return tap_end();
}
