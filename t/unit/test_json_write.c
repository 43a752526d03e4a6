/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "tap.h"
#include "wire/json_scan.h"
#include "wire/json_write.h"

static apr_pool_t *pool;
static clp_buffer *out;
static clp_jw w;

static void begin(void)
{
    clp_buffer_clear(out);
    clp_jw_init(&w, out);
}

static void test_commas(void)
{
    begin();
    clp_jw_object(&w);
    clp_jw_kstr(&w, "s", "x");
    clp_jw_kint(&w, "i", -5);
    clp_jw_kbool(&w, "t", 1);
    clp_jw_kbool(&w, "f", 0);
    clp_jw_knull(&w, "n");
    clp_jw_kraw(&w, "r", CLP_SPAN_LIT("1.50e+01"));
    clp_jw_ktext(&w, "e", clp_text_escaped(CLP_SPAN_LIT("\\u00e9")));
    clp_jw_key(&w, "a");
    clp_jw_array(&w);
    clp_jw_array(&w);
    clp_jw_end_array(&w);
    clp_jw_object(&w);
    clp_jw_end_object(&w);
    clp_jw_int(&w, 1);
    clp_jw_null(&w);
    clp_jw_str(&w, "");
    clp_jw_raw(&w, CLP_SPAN_LIT("{ \"k\" : 0 }"));
    clp_jw_end_array(&w);
    clp_jw_key(&w, "o");
    clp_jw_object(&w);
    clp_jw_key_text(&w, clp_text_str("k\"\n"));
    clp_jw_bool(&w, 1);
    clp_jw_key_text(&w, clp_text_escaped(CLP_SPAN_LIT("\\n")));
    clp_jw_bool(&w, 0);
    clp_jw_end_object(&w);
    clp_jw_end_object(&w);
    IS_SPAN(clp_buffer_all(out),
            CLP_SPAN_LIT("{\"s\":\"x\",\"i\":-5,\"t\":true,\"f\":false,\"n\":null,\"r\":1.50e+01,"
                         "\"e\":\"\\u00e9\",\"a\":[[],{},1,null,\"\",{ \"k\" : 0 }],"
                         "\"o\":{\"k\\\"\\n\":true,\"\\n\":false}}"),
            "every kind of value, commas where they belong");
}

static void test_integers(void)
{
    static const struct {
        apr_int64_t n;
        const char *want;
    } cases[] = {{0, "0"},
                 {7, "7"},
                 {-10, "-10"},
                 {9007199254740993, "9007199254740993"},
                 {INT64_MAX, "9223372036854775807"},
                 {INT64_MIN, "-9223372036854775808"}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        clp_jw_int(&w, cases[i].n);
        IS_SPAN(clp_buffer_all(out), clp_span_str(cases[i].want), "integer");
    }
}

static void test_depth(void)
{
    clp_json *json = clp_json_make(pool);
    begin();
    for (int i = 0; i < CLP_JW_DEPTH; i++) {
        clp_jw_array(&w);
        clp_jw_int(&w, i);
    }
    for (int i = 0; i < CLP_JW_DEPTH; i++) {
        clp_jw_end_array(&w);
        if (i < CLP_JW_DEPTH - 1) {
            clp_jw_int(&w, i);
        }
    }
    IS_INT(clp_json_scan(json, clp_buffer_all(out), NULL, NULL), CLP_JSON_OK, "the full depth");
    IS_INT(json->count, 3 * CLP_JW_DEPTH - 1, "with all its values");
}

typedef struct text_case {
    const char *name;
    int escaped;
    int ascii_lines;
    const char *in;
    const char *want;
} text_case;

static const text_case texts[] = {
    {"plain needs nothing", 0, 0, "abc \xc3\xa9", "abc \xc3\xa9"},
    {"plain is escaped", 0, 0, "\"\\\n\x01", "\\\"\\\\\\n\\u0001"},
    {"escaped is verbatim", 1, 0, "\\u00e9\\/\\n", "\\u00e9\\/\\n"},
    {"a pair is verbatim", 1, 0, "a\\uD83D\\ude00b", "a\\uD83D\\ude00b"},
    {"lone high half", 1, 0, "a\\ud83db", "a\\ufffdb"},
    {"lone low half", 1, 0, "\\ude00", "\\ufffd"},
    {"high half before a pair", 1, 0, "\\ud83d\\ud83d\\ude00", "\\ufffd\\ud83d\\ude00"},
    {"low half behind a pair", 1, 0, "\\ud83d\\ude00\\ude00", "\\ud83d\\ude00\\ufffd"},
    {"three high halves", 1, 0, "\\ud83d\\ud83d\\ud83d", "\\ufffd\\ufffd\\ufffd"},
    {"not a half: an escaped backslash", 1, 0, "\\\\ud83d", "\\\\ud83d"},
    {"a half behind an escaped backslash", 1, 0, "\\\\\\ud83d", "\\\\\\ufffd"},
    {"a half far in", 1, 0, "0123456789abcdef0123456789abcdef\\udc00x",
     "0123456789abcdef0123456789abcdef\\ufffdx"},
    {"line separators stay", 0, 0, "a\xe2\x80\xa8\xe2\x80\xa9", "a\xe2\x80\xa8\xe2\x80\xa9"},
    {"line separators in plain text", 0, 1, "a\xe2\x80\xa8z\xe2\x80\xa9\xe2\x80\xaa",
     "a\\u2028z\\u2029\xe2\x80\xaa"},
    {"line separators in escaped text", 1, 1, "\xe2\x80\xa8\xe2\x80\xa9\\n\xe2\x82\xac\xe2\x80\xa7",
     "\\u2028\\u2029\\n\xe2\x82\xac\xe2\x80\xa7"},
    {"both repairs", 1, 1, "\xe2\x80\xa8\\ud83d\xe2\x80\xa9", "\\u2028\\ufffd\\u2029"},
    {"empty", 1, 1, "", ""},
};

static void test_texts(void)
{
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const text_case *c = &texts[i];
        clp_text t = c->escaped ? clp_text_escaped(clp_span_str(c->in)) : clp_text_str(c->in);
        begin();
        w.ascii_lines = c->ascii_lines ? 1 : 0;
        clp_jw_text_open(&w);
        clp_jw_text_part(&w, t);
        clp_jw_text_close(&w);
        IS_SPAN(clp_span_of(out->p + 1, out->n - 2), clp_span_str(c->want), c->name);
        OK(out->p[0] == '"' && out->p[out->n - 1] == '"', "between quotes");
    }
    begin();
    w.ascii_lines = 1;
    clp_jw_array(&w);
    clp_jw_raw(&w, CLP_SPAN_LIT("{\"\xe2\x80\xa8\":[\"\xe2\x80\xa9\"]}"));
    clp_jw_raw(&w, CLP_SPAN_LIT("\"\xe2\x80\""));
    clp_jw_end_array(&w);
    IS_SPAN(clp_buffer_all(out), CLP_SPAN_LIT("[{\"\\u2028\":[\"\\u2029\"]},\"\xe2\x80\"]"),
            "line separators in raw values");
}

static void test_parts(void)
{
    begin();
    clp_jw_array(&w);
    clp_jw_text_open(&w);
    clp_jw_text_part(&w, clp_text_str("a\n"));
    clp_jw_text_part(&w, clp_text_escaped(CLP_SPAN_LIT("\\t")));
    clp_jw_text_part(&w, clp_text_str(""));
    clp_jw_text_part(&w, clp_text_escaped(clp_span_of(NULL, 0)));
    clp_jw_text_close(&w);
    clp_jw_text_open(&w);
    clp_jw_text_close(&w);
    clp_jw_end_array(&w);
    IS_SPAN(clp_buffer_all(out), CLP_SPAN_LIT("[\"a\\n\\t\",\"\"]"), "strings of parts");
}

static void test_overflow(void)
{
    clp_buffer *small = clp_buffer_make(pool, 10);
    clp_jw_init(&w, small);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "key", "value");
    clp_jw_end_object(&w);
    OK(small->overflow, "a full buffer says so");
    IS_SPAN(clp_buffer_all(small), CLP_SPAN_LIT("{\"key\":\""), "and holds a beginning");
}

int main(void)
{
    pool = tap_begin();
    out = clp_buffer_make(pool, 0);
    test_commas();
    test_integers();
    test_depth();
    test_texts();
    test_parts();
    test_overflow();
    return tap_end();
}
