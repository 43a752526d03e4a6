/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <apr_strings.h>

#include "dialect/dialect.h"

static const clp_intake intake = {CLP_JSON_DEPTH_DEFAULT, 0, NULL, -1, NULL};
static const char *const text = "Once \\ud83d\\ude00 upon";

/* What a Chat upstream is asked, or the problem. */
static const char *asked(const char *body, apr_pool_t *pool)
{
    clp_traits traits = clp_traits_default();
    clp_target target = {"up", &traits, 8192, 0};
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_sniffed sniffed;
    clp_conversation *c;
    apr_table_t *names;
    clp_problem *p = clp_dialect_completions.sniff(&sniffed, clp_span_str(body), &intake, pool);
    if (!p) {
        p = clp_dialect_completions.read_request(&c, clp_span_str(body), &intake, pool);
    }
    if (!p) {
        p = clp_dialect_chat.write_request(c, &target, out, &names, pool);
    }
    return p ? p->message : clp_buffer_cstr(out, pool);
}

static void test_requests(apr_pool_t *pool)
{
    IS_STR(asked("{\"model\":\"m\",\"prompt\":\"Once \\ud83d\\ude00\"}", pool),
           "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"Once "
           "\\ud83d\\ude00\"}]}",
           "a prompt");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":[\"one\"],\"max_tokens\":5,\"temperature\":0.50,"
                 "\"stop\":\"END\",\"suffix\":null,\"echo\":false,\"best_of\":1,\"n\":1,"
                 "\"logprobs\":null,\"seed\":7}",
                 pool),
           "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"one\"}],"
           "\"max_completion_tokens\":5,\"temperature\":0.50,\"seed\":7,\"stop\":[\"END\"]}",
           "an array of one, and parameters");
    IS_STR(asked("{\"model\":\"m\"}", pool), "prompt: a string is required", "no prompt");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}", pool),
           "prompt: expected one text; several prompts and tokens are not supported here",
           "two prompts");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":[1,2]}", pool),
           "prompt: expected one text; several prompts and tokens are not supported here",
           "tokens");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":[]}", pool),
           "prompt: expected one text; several prompts and tokens are not supported here",
           "nothing");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":\"a\",\"suffix\":\"b\"}", pool),
           "suffix: is not supported here", "suffix");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":\"a\",\"logprobs\":0}", pool),
           "logprobs: is not supported here", "logprobs");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":\"a\",\"echo\":true}", pool),
           "echo: is not supported here", "echo");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":\"a\",\"best_of\":2}", pool),
           "best_of: more than 1 is not supported here", "best_of");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":\"a\",\"n\":2}", pool),
           "n: more than 1 is not supported here", "n");
    IS_STR(asked("{\"model\":\"m\",\"prompt\":\"a\",\"stop\":1}", pool),
           "stop: expected a string or an array", "stop");
    IS_STR(asked("{\"model\":\"m\",\"model\":\"m\",\"prompt\":\"a\"}", pool),
           "model: must not stand more than once", "two models");
}

static const char *answered(int stream, int usage, clp_stop stop, apr_pool_t *pool)
{
    clp_writer_options options;
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_event e = clp_event_of(CLP_EVENT_START);
    clp_writer *w;

    memset(&options, 0, sizeof(options));
    options.stream = stream;
    options.model = "m";
    options.include_usage = usage;
    options.created = 9;
    options.id = "ID";
    w = clp_dialect_completions.open_writer(&options, out, pool);
    e.id = clp_text_str("chatcmpl-1");
    w->put(w, &e);
    e = clp_event_of(CLP_EVENT_BLOCK_OPEN);
    e.part = CLP_PART_REASONING;
    w->put(w, &e);
    e.kind = CLP_EVENT_BLOCK_DELTA;
    e.text = clp_text_escaped(CLP_SPAN_LIT("hm"));
    w->put(w, &e);
    e.kind = CLP_EVENT_BLOCK_CLOSE;
    w->put(w, &e);
    e = clp_event_of(CLP_EVENT_BLOCK_OPEN);
    e.part = CLP_PART_TEXT;
    w->put(w, &e);
    e.kind = CLP_EVENT_BLOCK_DELTA;
    e.text = clp_text_escaped(clp_span_str(text));
    w->put(w, &e);
    e.kind = CLP_EVENT_BLOCK_CLOSE;
    w->put(w, &e);
    e = clp_event_of(CLP_EVENT_USAGE);
    e.usage.input = 3;
    e.usage.output = 4;
    w->put(w, &e);
    e = clp_event_of(CLP_EVENT_FINISH);
    e.stop = stop;
    e.usage.input = 3;
    e.usage.output = 4;
    w->put(w, &e);
    return clp_buffer_cstr(out, pool);
}

#define CHUNK                                                                                      \
    "data: {\"id\":\"cmpl-ID\",\"object\":\"text_completion\",\"created\":9,\"model\":\"m\","      \
    "\"choices\":["
#define CHOICE(text, reason)                                                                       \
    "{\"text\":\"" text "\",\"index\":0,\"logprobs\":null,\"finish_reason\":" reason "}"
#define USAGE "{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}"

static void test_answers(apr_pool_t *pool)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_writer_options options;
    clp_writer *w;
    clp_event e = clp_event_of(CLP_EVENT_PROBLEM);

    IS_STR(answered(0, 0, CLP_STOP_END, pool),
           "{\"id\":\"cmpl-ID\",\"object\":\"text_completion\",\"created\":9,\"model\":\"m\","
           "\"choices\":[" CHOICE("Once \\ud83d\\ude00 upon", "\"stop\"") "],\"usage\":" USAGE "}",
           "a document");
    IS_STR(answered(1, 0, CLP_STOP_LENGTH, pool),
           CHUNK CHOICE("Once \\ud83d\\ude00 upon",
                        "null") "]}\n\n" CHUNK CHOICE("", "\"length\"") "]}\n\ndata: [DONE]\n\n",
           "a stream");
    IS_STR(answered(1, 1, CLP_STOP_FILTER, pool),
           CHUNK CHOICE("Once \\ud83d\\ude00 upon", "null") "],\"usage\":null}\n\n" CHUNK CHOICE(
               "", "\"content_filter\"") "],\"usage\":null}\n\n" CHUNK "],\"usage\":" USAGE
                                         "}\n\ndata: [DONE]\n\n",
           "a stream with usage");
    memset(&options, 0, sizeof(options));
    options.stream = 1;
    w = clp_dialect_completions.open_writer(&options, out, pool);
    e.problem = clp_problem_make(pool, CLP_OVERLOADED, "busy");
    w->put(w, &e);
    OK(clp_span_starts(clp_buffer_all(out), "data: {\"error\":{\"message\":\"busy\""),
       "a problem in the stream");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_requests(pool);
    test_answers(pool);
    return tap_end();
}
