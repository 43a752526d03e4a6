/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/body_log.h"

#include <apr_strings.h>

#include "tap.h"
#include "wire/text.h"

#define B64_50  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADU"
#define B64_200 B64_50 B64_50 B64_50 B64_50

/* Texts of up to 20 bytes are shown whole. */
static const struct {
    const char *what, *in, *out;
} documents[] = {
    {"short values stay", "{\"a\":[1,2.50,true,null,\"x\"],\"b\":{}}",
     "{\"a\":[1,2.50,true,null,\"x\"],\"b\":{}}"},
    {"a long text", "{\"t\":\"aaaaaaaaaabbbbbbbbbbccc\"}",
     "{\"t\":\"aaaaaaaaaabbbbbbbbbb… (+3 bytes)\"}"},
    {"cut between characters", "\"aaaaaaaaaabbbbbbbbbé\"", "\"aaaaaaaaaabbbbbbbbb… (+2 bytes)\""},
    {"escapes are no boundary", "\"aaaaaaaaaabbbbbbbb\\ud83d\\ude00\"",
     "\"aaaaaaaaaabbbbbbbb… (+4 bytes)\""},
    {"escapes", "\"a\\n\\\"\\u00e9\"", "\"a\\n\\\"é\""},
    {"tools of Messages", "{\"tools\":[{\"name\":\"a\",\"input_schema\":{}},{\"name\":\"b\"}]}",
     "{\"tools\":[\"a\",\"b\"]}"},
    {"tools of Chat", "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}]}",
     "{\"tools\":[\"a\"]}"},
    {"tools of Responses",
     "{\"tools\":[{\"type\":\"web_search\"},{\"type\":\"mcp\",\"server_label\":\"m\","
     "\"authorization\":\"x\"},{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"name\":\"i\"}]}"
     "]}",
     "{\"tools\":[\"web_search\",\"m\",\"n\",\"i\"]}"},
    {"tools of Gemini",
     "{\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\"},{\"name\":\"b\"}]},"
     "{\"googleSearch\":{}}]}",
     "{\"tools\":[\"a\",\"b\",\"googleSearch\"]}"},
    {"functions", "{\"functions\":[{\"name\":\"a\",\"parameters\":{}}]}",
     "{\"functions\":[\"a\"]}"},
    {"tools that are none", "{\"tools\":[1,\"x\",null]}", "{\"tools\":[]}"},
    {"a picture", "{\"type\":\"base64\",\"data\":\"" B64_200 "\"}",
     "{\"type\":\"base64\",\"data\":\"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA… (+152 "
     "bytes)\"}"},
    {"a data URL", "{\"url\":\"data:image/png;base64," B64_200 "\"}",
     "{\"url\":\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAA… (+174 bytes)\"}"},
    {"a signature", "{\"signature\":\"EqQBCkYIBxgCKkDsignature\"}",
     "{\"signature\":\"EqQBCkYIBxgCKkDs… (+8 bytes)\"}"},
    {"encrypted reasoning", "{\"encrypted_content\":\"gAAAAABn0123456789xyz\"}",
     "{\"encrypted_content\":\"gAAAAABn01234567… (+5 bytes)\"}"},
    {"redacted thinking", "{\"type\":\"redacted_thinking\",\"data\":\"EmwKAhgBEgy3va3pzix\"}",
     "{\"type\":\"redacted_thinking\",\"data\":\"EmwKAhgBEgy3va3p… (+3 bytes)\"}"},
    {"credentials", "{\"Authorization\":\"x\",\"api_key\":[\"y\"],\"password\":null}",
     "{\"Authorization\":\"****\",\"api_key\":\"****\",\"password\":null}"},
    {"a key in a text", "\"is sk-ant-api03-0123456789abcdef ok?\"", "\"is sk-**** ok?\""},
    {"a key at the beginning", "\"AIzaSyA-0123456789012345678901234567890\"", "\"AIza****\""},
    {"a bearer token", "\"Bearer abcdefghij0123456789.x\"", "\"Bearer ****\""},
    {"no key", "\"task-force sk-1 risk-0123456789abcdefgh\"",
     "\"task-force sk-1 risk… (+19 bytes)\""},
    {"a known secret", "\"so planted-secret-1 is\"", "\"so **** is\""},
    {"a key longer than what is shown", "\"x sk-0123456789abcdefghijklmnopqrstuvwxyz\"",
     "\"x sk-****\""},
    {"no JSON", "{\"a\":", "\"{\\\"a\\\":\""},
    {"no UTF-8", "\xff\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"numbers keep their digits", "[12345678901234567890,1e2,-0]", "[12345678901234567890,1e2,-0]"},
};

static const char *redact(const char *in, apr_size_t total, apr_pool_t *pool)
{
    apr_array_header_t *secrets = apr_array_make(pool, 1, sizeof(const char *));
    clp_redaction rules = {20, total, secrets};
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_jw w;

    APR_ARRAY_PUSH(secrets, const char *) = "planted-secret-1";
    clp_jw_init(&w, out);
    clp_redact_document(&w, clp_span_str(in), &rules, pool);
    return clp_buffer_cstr(out, pool);
}

static void test_bounds(apr_pool_t *pool)
{
    clp_buffer *deep = clp_buffer_make(pool, 0);
    clp_json *json = clp_json_make(pool);
    const char *out;

    IS_STR(redact("[\"aaaaaaaaaa\",\"bbbbbbbbbb\",\"c\",\"d\"]", 20, pool),
           "[\"aaaaaaaaaa\",\"bbbbbbbbbb\",\"… (+2 more)\"]", "elements that are too many");
    IS_STR(redact("{\"a\":\"aaaaaaaaaaaaaaaa\",\"b\":1,\"c\":2}", 10, pool),
           "{\"a\":\"aaaaaaaaaaaaaaaa\",\"…\":2}", "members that are too many");
    for (int i = 0; i < 300; i++) {
        clp_buffer_puts(deep, i % 2 ? "[" : "{\"tools\":[");
    }
    for (int i = 299; i >= 0; i--) {
        clp_buffer_puts(deep, i % 2 ? "]" : "]}");
    }
    out = redact(clp_buffer_cstr(deep, pool), 100000, pool);
    OK(clp_json_scan(json, clp_span_str(out), NULL, NULL) == CLP_JSON_OK && strlen(out) < 400,
       "nesting ends");
}

/* --- whole lines ------------------------------------------------------------------------ */

static const char *line_of(clp_body_log_entry *entry, apr_pool_t *pool)
{
    clp_buffer *out = clp_buffer_make(pool, 0);

    entry->id = "req_1";
    entry->path = "/v1/messages";
    entry->client = &clp_dialect_messages;
    entry->status = 200;
    entry->text_max = 20;
    clp_body_log_write(out, entry, pool);
    return clp_buffer_cstr(out, pool);
}

#define HEAD                                                                                       \
    "{\"time\":\"1970-01-01T00:00:00Z\",\"id\":\"req_1\",\"user\":null,\"protocol\":\"messages\"," \
    "\"path\":\"/v1/messages\",\"model\":null,\"channel\":null,\"status\":200,"

#define STREAM                                                                                     \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","       \
    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":"        \
    "{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"                                               \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"             \
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"                                     \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"             \
    "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello \"}}\n\n"                                 \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"             \
    "\"delta\":{\"type\":\"text_delta\",\"text\":\"\\\"you\\\"\"}}\n\n"

#define STREAM_END                                                                                 \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"           \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"          \
    "\"end_turn\"},\"usage\":{\"output_tokens\":7}}\n\n"                                           \
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static void test_lines(apr_pool_t *pool)
{
    clp_body_log_entry e;

    memset(&e, 0, sizeof(e));
    e.request = CLP_SPAN_LIT("{\"model\":\"m\"}");
    e.answer = CLP_SPAN_LIT("{\"id\":1}");
    IS_STR(line_of(&e, pool), HEAD "\"request\":{\"model\":\"m\"},\"answer\":{\"id\":1}}\n",
           "documents");
    memset(&e, 0, sizeof(e));
    IS_STR(line_of(&e, pool), HEAD "\"request\":null,\"answer\":null}\n", "nothing");
    memset(&e, 0, sizeof(e));
    e.stream = 1;
    e.answer = CLP_SPAN_LIT(STREAM STREAM_END);
    IS_STR(line_of(&e, pool),
           HEAD "\"request\":null,\"answer\":{\"blocks\":[{\"type\":\"text\",\"text\":"
                "\"Hello \\\"you\\\"\"}],\"usage\":{\"input\":3,\"output\":7},\"stop\":\"end\"}}\n",
           "a stream as what it said");
    e.answer = CLP_SPAN_LIT(STREAM);
    OK(strstr(line_of(&e, pool), "\"stop\":null,\"error\":\"") != NULL, "a stream that broke off");
    e.answer_cut = 1;
    IS_STR(line_of(&e, pool),
           HEAD "\"request\":null,\"answer\":{\"blocks\":[{\"type\":\"text\",\"text\":"
                "\"Hello \\\"you\\\"\"}],\"usage\":{\"input\":3,\"output\":1},\"stop\":null},"
                "\"answer_cut\":true}\n",
           "a stream too long to be kept");
    e.answer = CLP_SPAN_LIT("");
    e.answer_cut = 0;
    OK(strstr(line_of(&e, pool), "\"blocks\":[]") != NULL, "a stream without a byte");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();

    for (apr_size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        IS_STR(redact(documents[i].in, 100000, pool), documents[i].out, documents[i].what);
    }
    test_bounds(pool);
    test_lines(pool);
    return tap_end();
}
