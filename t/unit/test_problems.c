/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <apr_strings.h>

#include "cases.h"
#include "dialect/chat.h"
#include "dialect/chat_legacy.h"
#include "dialect/messages.h"
#include "dialect/responses.h"
#include "tap.h"
#include "wire/text.h"

static apr_pool_t *pool;

/* status, class, retry after, message, body */
static void check_read(void *ctx, const cases_row *row)
{
    const char *name = apr_psprintf(pool, "problem_read.txt:%d", row->line);
    clp_span body = row->n > 4 ? row->field[4] : clp_span_of("", 0);
    (void)ctx;
    clp_problem *p = clp_chat_read_problem(atoi(row->field[0].p), body, pool);
    clp_problem *same = clp_messages_read_problem(atoi(row->field[0].p), body, pool);
    IS_STR(clp_responses_read_problem(atoi(row->field[0].p), body, pool)->message, p->message,
           name);
    IS_SPAN(clp_span_str(clp_problem_class_name(p->cls)), row->field[1], name);
    IS_INT(p->retry_after_ms, atoi(row->field[2].p), name);
    IS_SPAN(clp_span_str(p->message), row->field[3], name);
    IS_STR(same->message, p->message, name);
    IS_INT(p->status, atoi(row->field[0].p), name);
}

static clp_span written(void (*write)(const clp_problem *p, clp_buffer *out), const clp_problem *p)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    write(p, out);
    return clp_buffer_all(out);
}

/* Every class as clients of either protocol see it. */
static void test_write(void)
{
    static const struct {
        clp_problem_class cls;
        int messages_status;
        const char *messages_type;
        int chat_status;
        const char *chat_type_code;
    } rows[] = {
        {CLP_BAD_REQUEST, 400, "invalid_request_error", 400, "invalid_request_error null"},
        {CLP_UNAUTHENTICATED, 401, "authentication_error", 401,
         "invalid_request_error invalid_api_key"},
        {CLP_BILLING, 402, "billing_error", 429, "insufficient_quota insufficient_quota"},
        {CLP_FORBIDDEN, 403, "permission_error", 403, "invalid_request_error null"},
        {CLP_NOT_FOUND, 404, "not_found_error", 404, "invalid_request_error model_not_found"},
        {CLP_BAD_METHOD, 405, "invalid_request_error", 405, "invalid_request_error null"},
        {CLP_CONFLICT, 409, "conflict_error", 409, "invalid_request_error null"},
        {CLP_TOO_LARGE, 413, "request_too_large", 413, "invalid_request_error null"},
        {CLP_UNSUPPORTED_CODING, 415, "invalid_request_error", 415, "invalid_request_error null"},
        {CLP_UNPROCESSABLE, 400, "invalid_request_error", 422, "invalid_request_error null"},
        {CLP_RATE_LIMITED, 429, "rate_limit_error", 429, "rate_limit_error rate_limit_exceeded"},
        {CLP_INTERNAL, 500, "api_error", 500, "server_error null"},
        {CLP_NOT_IMPLEMENTED, 501, "api_error", 501, "server_error null"},
        {CLP_BAD_GATEWAY, 502, "api_error", 502, "server_error null"},
        {CLP_OVERLOADED, 529, "overloaded_error", 503, "server_error server_is_overloaded"},
        {CLP_TIMED_OUT, 504, "timeout_error", 504, "server_error null"},
    };
    IS_INT(sizeof(rows) / sizeof(rows[0]), CLP_PROBLEM_CLASSES - 1, "all but the context's");
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *name = clp_problem_class_name(rows[i].cls);
        clp_problem *p = clp_problem_make(pool, rows[i].cls, "a \"b\"\n\xe2\x80\xa8");
        char *type = apr_pstrdup(pool, rows[i].chat_type_code), *code = strchr(type, ' ');
        *code++ = '\0';
        IS_INT(clp_messages_problem_status(p), rows[i].messages_status, name);
        IS_INT(clp_chat_problem_status(p), rows[i].chat_status, name);
        IS_INT(clp_chat_legacy_problem_status(p), rows[i].chat_status, name);
        IS_INT(clp_responses_problem_status(p), rows[i].chat_status, name);
        IS_SPAN(written(clp_messages_write_problem, p),
                clp_span_str(apr_psprintf(pool,
                                          "{\"type\":\"error\",\"error\":{\"type\":\"%s\","
                                          "\"message\":\"a \\\"b\\\"\\n\\u2028\"}}",
                                          rows[i].messages_type)),
                name);
        const char *want = apr_psprintf(
            pool,
            "{\"error\":{\"message\":\"a \\\"b\\\"\\n\\u2028\",\"type\":\"%s\",\"param\":null,"
            "\"code\":%s%s%s}}",
            type, *code == 'n' ? "" : "\"", code, *code == 'n' ? "" : "\"");
        IS_SPAN(written(clp_chat_write_problem, p), clp_span_str(want), name);
        IS_SPAN(written(clp_chat_legacy_write_problem, p), clp_span_str(want), name);
        IS_SPAN(written(clp_responses_write_problem, p), clp_span_str(want), name);
    }
}

/* Claude Code knows a full window by these words. */
static void test_context(void)
{
    static const char *const texts[][2] = {
        {"This model's maximum context length is 128000 tokens. However, your messages resulted "
         "in 130512 tokens.",
         "prompt is too long: 130512 tokens > 128000 maximum"},
        {"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
         "(4000 in the messages, 1000 in the completion).",
         "prompt is too long: 5000 tokens > 4096 maximum"},
        {"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
         "prompt is too long: 1200000 tokens > 1048576 maximum"},
        {"Your input exceeds the context window of this model.",
         "prompt is too long: Your input exceeds the context window of this model."},
        {"prompt is too long: 5 tokens > 4 maximum", "prompt is too long: 5 tokens > 4 maximum"},
        {"input length and `max_tokens` exceed context limit: 5 + 6 > 10",
         "input length and `max_tokens` exceed context limit: 5 + 6 > 10"},
    };
    for (apr_size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        clp_problem *p = clp_problem_make(pool, CLP_CONTEXT_TOO_LONG, "%s", texts[i][0]);
        IS_SPAN(written(clp_messages_write_problem, p),
                clp_span_str(apr_pstrcat(
                    pool, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",",
                    "\"message\":\"", texts[i][1], "\"}}", NULL)),
                "context");
        IS_SPAN(written(clp_chat_write_problem, p),
                clp_span_str(apr_pstrcat(pool, "{\"error\":{\"message\":\"", texts[i][0],
                                         "\",\"type\":\"invalid_request_error\",\"param\":null,",
                                         "\"code\":\"context_length_exceeded\"}}", NULL)),
                "context for Chat");
    }
}

static clp_problem *read_chat(const char *body)
{
    return clp_chat_read_problem(400, clp_span_str(body), pool);
}

static void test_members(void)
{
    clp_problem *p = read_chat("{\"error\":{\"message\":\"m\",\"param\":\"messages[0]\","
                               "\"code\":\"unsupported_parameter\"}}");
    IS_SPAN(written(clp_chat_write_problem, p),
            CLP_SPAN_LIT("{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\","
                         "\"param\":\"messages[0]\",\"code\":\"unsupported_parameter\"}}"),
            "param and code go on");
    p = read_chat("{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
                  "\"m\",\"details\":{\n \"error_code\": \"thread_not_found\"\n}},"
                  "\"request_id\":\"req_1\"}");
    IS_SPAN(written(clp_messages_write_problem, p),
            CLP_SPAN_LIT("{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
                         "\"message\":\"m\",\"details\":{  \"error_code\": \"thread_not_found\" }},"
                         "\"request_id\":\"req_1\"}"),
            "details go on, in one line; so does the request's id");
    p = clp_chat_read_problem(401, CLP_SPAN_LIT("{\"error\":\"key sk-abcdefgh is no good\"}"),
                              pool);
    IS_STR(p->cause, "key *** is no good", "the log gets the upstream's words without the key");
}

static void test_long(void)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    for (int i = 0; i < 400; i++) {
        clp_buffer_lit(b, "\xc3\xa9 ");
    }
    clp_problem *p = clp_chat_read_problem(500, clp_buffer_all(b), pool);
    OK(strlen(p->message) <= 560, "an excerpt is short: %d", (int)strlen(p->message));
    OK(clp_utf8_valid_prefix(clp_span_str(p->message)) == strlen(p->message), "and whole UTF-8");
}

int main(void)
{
    pool = tap_begin();
    cases_each(pool, "t/cases/problem_read.txt", check_read, NULL);
    test_write();
    test_context();
    test_members();
    test_long();
    return tap_end();
}
