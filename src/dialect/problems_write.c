/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include <stdlib.h>

#include "chat.h"
#include "chat_legacy.h"
#include "messages.h"
#include "responses.h"
#include "wire/json_write.h"

/* How each class looks to clients of Anthropic's and of OpenAI's protocols. */
static const struct {
    const char *messages_type;
    const char *openai_type;
    const char *openai_code;
    int messages_status;
    int openai_status;
} rows[] = {
    [CLP_BAD_REQUEST] = {"invalid_request_error", "invalid_request_error", NULL, 400, 400},
    [CLP_CONTEXT_TOO_LONG] = {"invalid_request_error", "invalid_request_error",
                              "context_length_exceeded", 400, 400},
    [CLP_UNAUTHENTICATED] = {"authentication_error", "invalid_request_error", "invalid_api_key",
                             401, 401},
    [CLP_BILLING] = {"billing_error", "insufficient_quota", "insufficient_quota", 402, 429},
    [CLP_FORBIDDEN] = {"permission_error", "invalid_request_error", NULL, 403, 403},
    [CLP_NOT_FOUND] = {"not_found_error", "invalid_request_error", "model_not_found", 404, 404},
    [CLP_BAD_METHOD] = {"invalid_request_error", "invalid_request_error", NULL, 405, 405},
    [CLP_CONFLICT] = {"conflict_error", "invalid_request_error", NULL, 409, 409},
    [CLP_TOO_LARGE] = {"request_too_large", "invalid_request_error", NULL, 413, 413},
    [CLP_UNSUPPORTED_CODING] = {"invalid_request_error", "invalid_request_error", NULL, 415, 415},
    [CLP_UNPROCESSABLE] = {"invalid_request_error", "invalid_request_error", NULL, 400, 422},
    [CLP_RATE_LIMITED] = {"rate_limit_error", "rate_limit_error", "rate_limit_exceeded", 429, 429},
    [CLP_INTERNAL] = {"api_error", "server_error", NULL, 500, 500},
    [CLP_NOT_IMPLEMENTED] = {"api_error", "server_error", NULL, 501, 501},
    [CLP_BAD_GATEWAY] = {"api_error", "server_error", NULL, 502, 502},
    [CLP_OVERLOADED] = {"overloaded_error", "server_error", "server_is_overloaded", 529, 503},
    [CLP_TIMED_OUT] = {"timeout_error", "server_error", NULL, 504, 504},
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == CLP_PROBLEM_CLASSES, "a row for each class");

/* The integer behind `words` in `text`, with what may stand between; -1 if there is none. */
static apr_int64_t number_behind(const char *text, const char *words)
{
    const char *p = strstr(text, words);
    if (!p) {
        return -1;
    }
    p += strlen(words);
    p += strcspn(p, "0123456789.");
    return *p && *p != '.' ? strtoll(p, NULL, 10) : -1;
}

/* Sizes of prompt and window, as OpenAI, vLLM and Google tell them. */
static int read_sizes(const char *text, apr_int64_t *prompt, apr_int64_t *window)
{
    static const char *const windows[] = {"maximum context length is", "tokens allowed",
                                          "context window of", NULL};
    static const char *const prompts[] = {"resulted in", "you requested", "input token count",
                                          NULL};
    *prompt = *window = -1;
    for (const char *const *w = windows; *w && *window < 0; w++) {
        *window = number_behind(text, *w);
    }
    for (const char *const *w = prompts; *w && *prompt < 0; w++) {
        *prompt = number_behind(text, *w);
    }
    return *window > 0 && *prompt > 0;
}

/* Clients of Anthropic's know a full window by the message's beginning alone. */
static void write_context_message(clp_jw *w, clp_buffer *out, const char *message)
{
    apr_int64_t prompt, window;
    if (strncmp(message, "prompt is too long", 18) == 0 ||
        strstr(message, "exceed context limit")) {
        clp_jw_kstr(w, "message", message);
        return;
    }
    clp_jw_key(w, "message");
    clp_jw_text_open(w);
    if (read_sizes(message, &prompt, &window)) {
        clp_buffer_printf(
            out, "prompt is too long: %" APR_INT64_T_FMT " tokens > %" APR_INT64_T_FMT " maximum",
            prompt, window);
    }
    else {
        clp_jw_text_part(w, clp_text_str("prompt is too long: "));
        clp_jw_text_part(w, clp_text_str(message));
    }
    clp_jw_text_close(w);
}

void clp_messages_write_problem(const clp_problem *p, clp_buffer *out)
{
    clp_jw w;
    clp_jw_init(&w, out);
    w.ascii_lines = 1;
    clp_jw_object(&w);
    clp_jw_kstr(&w, "type", "error");
    clp_jw_key(&w, "error");
    clp_jw_object(&w);
    clp_jw_kstr(&w, "type", rows[p->cls].messages_type);
    if (p->cls == CLP_CONTEXT_TOO_LONG) {
        write_context_message(&w, out, p->message);
    }
    else {
        clp_jw_kstr(&w, "message", p->message);
    }
    if (p->details.p) {
        clp_jw_kraw(&w, "details", p->details);
    }
    clp_jw_end_object(&w);
    if (p->request_id) {
        clp_jw_kstr(&w, "request_id", p->request_id);
    }
    clp_jw_end_object(&w);
}

int clp_messages_problem_status(const clp_problem *p)
{
    return rows[p->cls].messages_status;
}

clp_problem *clp_messages_read_problem(int status, clp_span body, apr_pool_t *pool)
{
    return clp_problems_read(status, body, pool);
}

const char *clp_problems_openai_code(const clp_problem *p)
{
    return p->code ? p->code : rows[p->cls].openai_code;
}

int clp_problems_openai_status(const clp_problem *p)
{
    return rows[p->cls].openai_status;
}

void clp_problems_write_openai(const clp_problem *p, clp_buffer *out)
{
    clp_jw w;
    const char *code = clp_problems_openai_code(p);
    clp_jw_init(&w, out);
    w.ascii_lines = 1;
    clp_jw_object(&w);
    clp_jw_key(&w, "error");
    clp_jw_object(&w);
    clp_jw_kstr(&w, "message", p->message);
    clp_jw_kstr(&w, "type", rows[p->cls].openai_type);
    if (p->param) {
        clp_jw_kstr(&w, "param", p->param);
    }
    else {
        clp_jw_knull(&w, "param");
    }
    if (code) {
        clp_jw_kstr(&w, "code", code);
    }
    else {
        clp_jw_knull(&w, "code");
    }
    clp_jw_end_object(&w);
    clp_jw_end_object(&w);
}

clp_problem *clp_chat_read_problem(int status, clp_span body, apr_pool_t *pool)
{
    return clp_problems_read(status, body, pool);
}

void clp_chat_write_problem(const clp_problem *p, clp_buffer *out)
{
    clp_problems_write_openai(p, out);
}

int clp_chat_problem_status(const clp_problem *p)
{
    return clp_problems_openai_status(p);
}

clp_problem *clp_chat_legacy_read_problem(int status, clp_span body, apr_pool_t *pool)
{
    return clp_problems_read(status, body, pool);
}

void clp_chat_legacy_write_problem(const clp_problem *p, clp_buffer *out)
{
    clp_problems_write_openai(p, out);
}

int clp_chat_legacy_problem_status(const clp_problem *p)
{
    return clp_problems_openai_status(p);
}

clp_problem *clp_responses_read_problem(int status, clp_span body, apr_pool_t *pool)
{
    return clp_problems_read(status, body, pool);
}

void clp_responses_write_problem(const clp_problem *p, clp_buffer *out)
{
    clp_problems_write_openai(p, out);
}

int clp_responses_problem_status(const clp_problem *p)
{
    return clp_problems_openai_status(p);
}
