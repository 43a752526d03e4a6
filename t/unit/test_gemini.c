/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <apr_strings.h>

#include "answer_run.h"
#include "cases.h"
#include "dialect/dialect.h"
#include "dialect/gemini_schema.h"
#include "tap.h"
#include "wire/text.h"

/*
 * What the case files of requests and answers cannot say of Gemini: schemas in
 * Google's form (t/cases/gemini_schema.jsonl), state of other providers on its
 * way through Gemini's clients, thoughts that are shown, errors.
 */

static apr_pool_t *pool;

/* --- schemas ---------------------------------------------------------------------------- */

static void check_schema(const char *name, clp_jval test)
{
    clp_span in = clp_jval_raw(clp_jval_get(test, "in"));
    clp_jval restricted = clp_jval_get(test, "restricted");
    clp_jval open = clp_jval_get(test, "open");
    clp_jval fits = clp_jval_get(test, "fits");
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_jw w;

    if (clp_jval_ok(fits)) {
        IS_INT(clp_gemini_schema_fits(in, pool), clp_jval_kind(fits) == CLP_JSON_TRUE,
               apr_pstrcat(pool, name, ": fits", NULL));
    }
    if (clp_jval_ok(open)) {
        IS_SPAN(clp_gemini_schema_open(in, pool), clp_jval_raw(open), name);
    }
    if (clp_jval_ok(restricted)) {
        int written;
        clp_jw_init(&w, out);
        written = clp_gemini_schema_write(&w, in, pool);
        if (clp_jval_nil(restricted)) {
            OK(!written && !out->n, "%s: nothing to write", name);
        }
        else {
            IS_SPAN(clp_buffer_all(out), clp_jval_raw(restricted), name);
        }
    }
}

static void check_schemas(void)
{
    clp_span rest = cases_slurp(pool, "t/cases/gemini_schema.jsonl");
    int cases = 0;

    while (rest.n) {
        const char *end = memchr(rest.p, '\n', rest.n);
        apr_size_t n = end ? (apr_size_t)(end - rest.p) : rest.n;
        clp_json *j = clp_json_make(pool);
        if (n && *rest.p != '#') {
            int ok = clp_json_scan(j, clp_span_of(rest.p, n), NULL, NULL) == CLP_JSON_OK;
            OK(ok && clp_jval_is_string(clp_jval_get(clp_json_root(j), "why")), "schema case %d",
               ++cases);
            if (ok) {
                check_schema(clp_jval_cstr(clp_jval_get(clp_json_root(j), "name"), pool),
                             clp_json_root(j));
            }
        }
        rest.p += end ? n + 1 : n;
        rest.n -= end ? n + 1 : n;
    }
    OK(cases > 20, "the schema cases are there");
}

/* References that multiply are cut, not followed without end. */
static void check_bounds(void)
{
    clp_buffer *in = clp_buffer_make(pool, 0), *out = clp_buffer_make(pool, 0);
    clp_json *j = clp_json_make(pool);
    clp_jw w;

    clp_buffer_lit(in, "{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":\"#/$defs/n0\"}},"
                       "\"$defs\":{");
    for (int i = 0; i < 30; i++) {
        clp_buffer_printf(in,
                          "%s\"n%d\":{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/"
                          "$defs/n%d\"},\"b\":{\"$ref\":\"#/$defs/n%d\"}}}",
                          i ? "," : "", i, i + 1, i + 1);
    }
    clp_buffer_lit(in, ",\"n30\":{\"type\":\"string\"}}}");
    clp_jw_init(&w, out);
    OK(clp_gemini_schema_write(&w, clp_buffer_all(in), pool), "2^30 schemas are written");
    OK(out->n < 1024 * 1024, "in bounds: %ld bytes", (long)out->n);
    OK(clp_json_scan(j, clp_buffer_all(out), NULL, NULL) == CLP_JSON_OK, "and are JSON");
}

/* --- state of others ------------------------------------------------------------------------ */

static const char claude[] =
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{}}}\n\n"
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\"}}"
    "\n\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
    "\"thinking\":\"h\\\"m\"}}\n\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\","
    "\"signature\":\"c2ln\"}}\n\n"
    "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":"
    "\"redacted_thinking\",\"data\":\"b3BhcXVl\"}}\n\n"
    "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
    "data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"text\","
    "\"text\":\"\"}}\n\n"
    "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"text_delta\","
    "\"text\":\"so\"}}\n\n"
    "data: {\"type\":\"content_block_stop\",\"index\":2}\n\n";

static const char claude_call[] =
    "data: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"tool_use\","
    "\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}}\n\n"
    "data: {\"type\":\"content_block_stop\",\"index\":3}\n\n";

static const char claude_end[] =
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{}}\n\n"
    "data: {\"type\":\"message_stop\"}\n\n";

/* What a client of Gemini gets from that: a document. */
static clp_span answer(const char *events, const clp_envelope_key *key,
                       const clp_conversation *request)
{
    answer_run *run = answer_run_make(pool);
    clp_reader_options reading = {CLP_BODY_SSE, 1 << 20, NULL, NULL, 0};
    clp_writer_options writing;

    memset(&writing, 0, sizeof(writing));
    writing.model = "m";
    writing.id = "abcdefghijklmnopqrstuvwx";
    writing.envelope_key = key;
    writing.request = request;
    answer_run_go(run, answer_dialect_by_name(CLP_SPAN_LIT("messages")), &reading,
                  answer_dialect_by_name(CLP_SPAN_LIT("gemini")), &writing, clp_span_str(events),
                  NULL, 0, CLP_ENDED_CLEANLY);
    return clp_buffer_all(&run->client);
}

/* The answer's parts as the history of the next request, put to an upstream of that dialect. */
static const char *next_request(clp_span document, const clp_envelope_key *key,
                                const clp_dialect *to, const char *behind)
{
    clp_json *j = clp_json_make(pool);
    clp_buffer *body = clp_buffer_make(pool, 0), *out = clp_buffer_make(pool, 0);
    clp_traits traits = clp_traits_default();
    clp_target target = {"up", &traits, 100, 0};
    clp_intake intake = CLP_INTAKE(512, 0);
    clp_conversation *c;
    apr_table_t *names;
    clp_problem *p;

    clp_json_scan(j, document, NULL, NULL);
    clp_buffer_lit(body, "{\"contents\":[{\"parts\":[{\"text\":\"go\"}]},");
    clp_buffer_span(body,
                    clp_jval_raw(clp_jval_get(
                        clp_jval_first(clp_jval_get(clp_json_root(j), "candidates")), "content")));
    clp_buffer_puts(body, behind);
    clp_buffer_lit(body, "]}");
    intake.model = "m";
    intake.envelope_key = key;
    p = clp_dialect_gemini.read_request(&c, clp_buffer_all(body), &intake, pool);
    p = p ? p : to->write_request(c, &target, out, &names, pool);
    return p ? p->message : clp_buffer_cstr(out, pool);
}

#define RESULT                                                                                     \
    ",{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{"          \
    "\"output\":\"1\"}}}]}"
#define MORE ",{\"role\":\"user\",\"parts\":[{\"text\":\"more\"}]}"

static void check_state(void)
{
    static const clp_envelope_key key = {"0123456789abcdef0123456789abcde"};
    static const clp_envelope_key other = {"another key, another key, anoth"};
    const char *call = apr_pstrcat(pool, claude, claude_call, claude_end, NULL);
    const char *text = apr_pstrcat(pool, claude, claude_end, NULL);
    clp_span document = answer(call, &key, NULL);

    OK(memmem(document.p, document.n, "\"thoughtSignature\":\"R1dSM", 23) != NULL,
       "the state stands on the call");
    OK(!memmem(document.p, document.n, "h\\\"m", 4), "thoughts are not shown unasked");
    IS_STR(
        next_request(document, &key, &clp_dialect_messages, RESULT),
        "{\"model\":\"up\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"go\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\\\"m\","
        "\"signature\":\"c2ln\"},{\"type\":\"redacted_thinking\",\"data\":\"b3BhcXVl\"},{"
        "\"type\":\"text\",\"text\":\"so\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":"
        "\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
        "\"tool_use_id\":\"toolu_1\",\"content\":\"1\"}]}]}",
        "and comes back as it was, in its place");
    OK(!strstr(next_request(document, &other, &clp_dialect_messages, RESULT), "thinking"),
       "what another key sealed is foreign");
    OK(!strstr(next_request(document, NULL, &clp_dialect_messages, RESULT), "thinking"),
       "and so is all without a key");
    OK(!strstr(next_request(document, &key, &clp_dialect_chat, RESULT), "c2ln"),
       "another provider does not get it");
    OK(!memmem(answer(call, NULL, NULL).p, answer(call, NULL, NULL).n, "thoughtSignature", 16),
       "without a key nothing is sealed");
    document = answer(text, &key, NULL);
    OK(memmem(document.p, document.n, "{\"text\":\"\",\"thoughtSignature\":\"R1dSM", 35) != NULL,
       "without a call the state stands on an empty last text");
    OK(strstr(
           next_request(document, &key, &clp_dialect_messages, MORE),
           "[{\"type\":\"thinking\",\"thinking\":\"h\\\"m\",\"signature\":\"c2ln\"},{\"type\":"
           "\"redacted_thinking\",\"data\":\"b3BhcXVl\"},{\"type\":\"text\",\"text\":\"so\"}]") !=
           NULL,
       "and comes back in front of the text");
}

static void check_thoughts(void)
{
    clp_conversation *c = clp_conversation_make(pool, &clp_dialect_gemini);
    const char *text = apr_pstrcat(pool, claude, claude_end, NULL);
    clp_span document;

    c->reasoning.show = 1;
    document = answer(text, NULL, c);
    OK(memmem(document.p, document.n, "{\"text\":\"h\\\"m\",\"thought\":true},{\"text\":\"so\"}",
              42) != NULL,
       "thoughts are shown to who asked for them");
}

/* --- Gemini's own state through clients of Messages ---------------------------------------------
 */

static void check_own_state(void)
{
    static const char body[] =
        "{\"contents\":[{\"parts\":[{\"text\":\"go\"}]},{\"role\":\"model\",\"parts\":[{\"text\":"
        "\"a\",\"thoughtSignature\":\"c2ln\"},{\"text\":\"hm\",\"thought\":true,"
        "\"thoughtSignature\":\"dGhv\"},{\"functionCall\":{\"name\":\"f\",\"args\":{}},"
        "\"thoughtSignature\":\"Y2Fs\"},{\"functionCall\":{\"name\":\"f\",\"args\":{}}},{\"text\":"
        "\"\",\"thoughtSignature\":\"ZW5k\"}]},{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}]}";
    static const clp_envelope_key key = {"0123456789abcdef0123456789abcde"};
    clp_traits traits = clp_traits_default();
    clp_target target = {"gemini-3-pro", &traits, 100, 0};
    clp_intake intake = CLP_INTAKE(512, 0);
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_conversation *c;
    apr_table_t *names;

    intake.model = "m";
    intake.envelope_key = &key;
    OK(!clp_dialect_gemini.read_request(&c, clp_span_str(body), &intake, pool), "is read");
    c->dialect = &clp_dialect_chat; /* as if another client's history had brought it */
    OK(!clp_dialect_gemini.write_request(c, &target, out, &names, pool), "is written");
    OK(memmem(out->p, out->n,
              "{\"role\":\"model\",\"parts\":[{\"text\":\"a\",\"thoughtSignature\":\"c2ln\"},{"
              "\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":\"dGhv\"},{\"functionCall\":{"
              "\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"Y2Fs\"},{\"functionCall\":{"
              "\"name\":\"f\",\"args\":{}}},{\"text\":\"\",\"thoughtSignature\":\"ZW5k\"}]}",
              253) != NULL,
       "every state on the part it came from");
    traits.thought_signatures = 0;
    clp_buffer_clear(out);
    OK(!clp_dialect_gemini.write_request(c, &target, out, &names, pool), "is written");
    OK(!memmem(out->p, out->n, "thoughtSignature", 16), "or nowhere, if the channel says so");
}

/* --- errors
 * ---------------------------------------------------------------------------------------- */

static void check_problem(clp_problem_class cls, int status, const char *document)
{
    clp_problem *p = clp_problem_make(pool, cls, "m");
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_problem *back;

    p->retry_after_ms = cls == CLP_RATE_LIMITED ? 34070 : -1;
    clp_dialect_gemini.write_problem(p, out);
    IS_INT(clp_dialect_gemini.problem_status(p), status, clp_problem_class_name(cls));
    IS_SPAN(clp_buffer_all(out), clp_span_str(document), clp_problem_class_name(cls));
    back = clp_dialect_gemini.read_problem(status, clp_buffer_all(out), pool);
    OK(back->retry_after_ms == p->retry_after_ms, "%s: when to come back",
       clp_problem_class_name(cls));
}

static void check_problems(void)
{
    static const struct {
        clp_problem_class cls;
        int status;
        const char *word;
    } rows[] = {
        {CLP_BAD_REQUEST, 400, "INVALID_ARGUMENT"},
        {CLP_CONTEXT_TOO_LONG, 400, "INVALID_ARGUMENT"},
        {CLP_UNAUTHENTICATED, 401, "UNAUTHENTICATED"},
        {CLP_FORBIDDEN, 403, "PERMISSION_DENIED"},
        {CLP_NOT_FOUND, 404, "NOT_FOUND"},
        {CLP_CONFLICT, 409, "ABORTED"},
        {CLP_INTERNAL, 500, "INTERNAL"},
        {CLP_NOT_IMPLEMENTED, 501, "UNIMPLEMENTED"},
        {CLP_BAD_GATEWAY, 502, "INTERNAL"},
        {CLP_OVERLOADED, 503, "UNAVAILABLE"},
        {CLP_TIMED_OUT, 504, "DEADLINE_EXCEEDED"},
    };

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_problem(rows[i].cls, rows[i].status,
                      apr_psprintf(pool,
                                   "{\"error\":{\"code\":%d,\"message\":\"m\",\"status\":\"%s\"}}",
                                   rows[i].status, rows[i].word));
    }
    check_problem(CLP_RATE_LIMITED, 429,
                  "{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\","
                  "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
                  "\"retryDelay\":\"34.07s\"}]}}");
    check_problem(CLP_BILLING, 429,
                  "{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\","
                  "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\","
                  "\"violations\":[{\"description\":\"m\"}]}]}}");
}

int main(void)
{
    pool = tap_begin();
    check_schemas();
    check_bounds();
    check_state();
    check_thoughts();
    check_own_state();
    check_problems();
    return tap_end();
}
