/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <apr_strings.h>

#include "cases.h"
#include "tap.h"
#include "wire/json_scan.h"
#include "wire/json_scan_words.h"

static apr_pool_t *pool;
static clp_json *json;
static clp_json *other;

static const char *const verdicts[] = {
    [CLP_JSON_OK] = "OK",
    [CLP_JSON_SYNTAX] = "SYNTAX",
    [CLP_JSON_TRUNCATED] = "TRUNCATED",
    [CLP_JSON_TRAILING] = "TRAILING",
    [CLP_JSON_UTF8] = "UTF8",
    [CLP_JSON_DEPTH] = "DEPTH",
    [CLP_JSON_TOO_MANY] = "TOO_MANY",
    [CLP_JSON_TOO_LARGE] = "TOO_LARGE",
};

/* Scan a copy that ends where its block ends, so that reading on is seen by the sanitizer. */
static clp_json_error scan_tight(clp_span s, const clp_json_limits *limits, int words,
                                 apr_size_t *where)
{
    char *copy = malloc(s.n ? s.n : 1);
    clp_json_error e;
    memcpy(copy, s.p, s.n);
    e = (words ? clp_json_scan_words : clp_json_scan)(json, clp_span_of(copy, s.n), limits, where);
    free(copy);
    return e;
}

/* The same verdict by both ways of scanning, wherever blocks begin, recorded or not. */
static const char *disagreement(clp_span text, clp_json_error want, apr_size_t want_where)
{
    static const apr_uint32_t record[] = {CLP_JSON_RECORD_ALL, 0, 1};
    for (apr_size_t shift = 0; shift < 34; shift++) {
        char *p = apr_palloc(pool, text.n + shift);
        memset(p, ' ', shift);
        memcpy(p + shift, text.p, text.n);
        for (int i = 0; i < 6; i++) {
            clp_json_limits limits = {100, record[i / 2], 0};
            apr_size_t where = 0;
            clp_json_error e = scan_tight(clp_span_of(p, text.n + shift), &limits, i % 2, &where);
            if (e != want || (e && where != want_where + shift)) {
                return apr_psprintf(pool, "%s at %d (shift %d, record %u, words %d)", verdicts[e],
                                    (int)where - (int)shift, (int)shift, record[i / 2], i % 2);
            }
        }
    }
    return NULL;
}

/* The beginning of a good text is a text cut off (or good itself): never anything worse. */
static const char *bad_prefix(clp_span text)
{
    for (apr_size_t n = 0; n < text.n; n++) {
        clp_json_error e = scan_tight(clp_span_of(text.p, n), NULL, 0, NULL);
        if (e != CLP_JSON_TRUNCATED && e != CLP_JSON_OK) {
            return apr_psprintf(pool, "%s for the first %d bytes", verdicts[e], (int)n);
        }
    }
    return NULL;
}

static void verdict_case(void *ctx, const cases_row *row)
{
    clp_json_error want = CLP_JSON_OK;
    const char *wrong;
    (void)ctx;

    while (want < CLP_JSON_TOO_LARGE && strcmp(verdicts[want], row->field[0].p) != 0) {
        want++;
    }
    wrong = disagreement(row->field[2], want, (apr_size_t)atoi(row->field[1].p));
    OK(!wrong, "line %d: %s: %s", row->line, row->field[0].p, row->field[3].p);
    if (wrong) {
        tap_diag("got %s", wrong);
    }
    if (want == CLP_JSON_OK) {
        wrong = bad_prefix(row->field[2]);
        OK(!wrong, "line %d: its beginnings: %s", row->line, row->field[3].p);
        if (wrong) {
            tap_diag("got %s", wrong);
        }
    }
}

/* Every sequence of up to three bytes, and four-byte ones at all borders, against the definition.
 */
static int utf8_by_definition(const unsigned char *p, int n)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    int want = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    unsigned c;
    if (want != n) {
        return 0;
    }
    c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if (p[i] >> 6 != 2) {
            return 0;
        }
        c = c << 6 | (p[i] & 0x3fu);
    }
    return c >= least[n] && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
}

static void test_utf8_all(void)
{
    static const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90,
                                          0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    unsigned char s[8] = "\"";
    long wrong = 0;

    for (int a = 0x80; a < 0x100; a++) {
        for (int b = 0x80; b < 0x100; b++) {
            s[1] = (unsigned char)a;
            s[2] = (unsigned char)b;
            s[3] = '"';
            wrong += (clp_json_scan(json, clp_span_of((char *)s, 4), NULL, NULL) == CLP_JSON_OK) !=
                     utf8_by_definition(s + 1, 2);
            for (int c = 0x80; c < 0x100; c++) {
                s[3] = (unsigned char)c;
                s[4] = '"';
                wrong += (clp_json_scan(json, clp_span_of((char *)s, 5), NULL, NULL) ==
                          CLP_JSON_OK) != utf8_by_definition(s + 1, 3);
            }
        }
    }
    IS_INT(wrong, 0, "all pairs and triples of wide bytes");
    wrong = 0;
    for (int a = 0xe0; a < 0x100; a++) {
        for (int b = 0x80; b < 0x100; b++) {
            for (unsigned i = 0; i < sizeof(edges) * sizeof(edges); i++) {
                s[1] = (unsigned char)a;
                s[2] = (unsigned char)b;
                s[3] = edges[i / sizeof(edges)];
                s[4] = edges[i % sizeof(edges)];
                s[5] = '"';
                if (s[3] < 0x80 || s[4] < 0x80) {
                    continue;
                }
                wrong += (clp_json_scan(json, clp_span_of((char *)s, 6), NULL, NULL) ==
                          CLP_JSON_OK) != utf8_by_definition(s + 1, 4);
            }
        }
    }
    IS_INT(wrong, 0, "four wide bytes at the borders");
}

static clp_span nested(apr_uint32_t depth, const char *open, const char *close)
{
    apr_size_t o = strlen(open), c = strlen(close);
    char *p = apr_palloc(pool, depth * (o + c) + 1);
    for (apr_uint32_t i = 0; i < depth; i++) {
        memcpy(p + i * o, open, o);
        memcpy(p + depth * o + i * c, close, c);
    }
    return clp_span_of(p, depth * (o + c));
}

static void test_limits(void)
{
    clp_json_limits limits = {3, CLP_JSON_RECORD_ALL, 0};
    apr_size_t where = 99;
    clp_span deep;

    IS_INT(clp_json_scan(json, clp_span_str("[[[]]]"), &limits, NULL), CLP_JSON_OK, "depth 3 of 3");
    IS_INT(clp_json_scan(json, clp_span_str("[[{\"a\":[]}]]"), &limits, &where), CLP_JSON_DEPTH,
           "depth 4 of 3");
    IS_INT(where, 7, "where it got too deep");
    OK(!clp_jval_ok(clp_json_root(json)), "after an error there is no value");
    limits.max_depth = 0;
    IS_INT(clp_json_scan(json, clp_span_str("1"), &limits, NULL), CLP_JSON_OK, "no container");
    IS_INT(clp_json_scan(json, clp_span_str("[]"), &limits, NULL), CLP_JSON_DEPTH, "one too many");

    limits.max_depth = 0xffffffff;
    deep = nested(65535, "[", "]");
    IS_INT(clp_json_scan(json, deep, &limits, NULL), CLP_JSON_OK, "65535 arrays");
    IS_INT(json->count, 65535, "a token each");
    IS_INT(json->tokens[65534].depth, 65534, "the depth of the innermost");
    deep = nested(65536, "[", "]");
    IS_INT(clp_json_scan(json, deep, &limits, NULL), CLP_JSON_DEPTH, "65536 arrays");
    deep = nested(20000, "{\"a\":[", "]}");
    limits.record_depth = 2;
    IS_INT(clp_json_scan(json, deep, &limits, NULL), CLP_JSON_OK, "20000 objects and arrays");
    IS_INT(json->count, 4, "of which four have tokens");
    deep = nested(300, "{\"a\":", "]");
    IS_INT(clp_json_scan(json, deep, &limits, NULL), CLP_JSON_SYNTAX, "no value inside");

    limits.max_tokens = 3;
    limits.record_depth = CLP_JSON_RECORD_ALL;
    IS_INT(clp_json_scan(json, clp_span_str("[1,2]"), &limits, NULL), CLP_JSON_OK, "3 of 3");
    IS_INT(clp_json_scan(json, clp_span_str("[1,2,3]"), &limits, &where), CLP_JSON_TOO_MANY,
           "4 of 3");
    IS_INT(where, 5, "the one too many");
    limits.record_depth = 0;
    IS_INT(clp_json_scan(json, clp_span_str("[1,2,3]"), &limits, NULL), CLP_JSON_OK,
           "values without tokens do not count");
    if (sizeof(apr_size_t) > 4) {
        IS_INT(clp_json_scan(json, clp_span_of("1", (apr_size_t)0xffffffff + 1), NULL, NULL),
               CLP_JSON_TOO_LARGE, "4 GiB");
    }
    IS_INT(clp_json_scan(json, clp_span_of(NULL, 0), NULL, NULL), CLP_JSON_TRUNCATED,
           "the absent span");
    for (int e = CLP_JSON_OK; e <= CLP_JSON_TOO_LARGE; e++) {
        OK(*clp_json_error_text((clp_json_error)e), "a text for %s", verdicts[e]);
    }
}

static clp_jval scan_to(const char *text, apr_uint32_t record)
{
    clp_json_limits limits = {100, record, 0};
    clp_json_error e = clp_json_scan(json, clp_span_str(text), &limits, NULL);
    if (e) {
        OK(0, "scan of %s: %s", text, clp_json_error_text(e));
    }
    return clp_json_root(json);
}

static clp_jval scan(const char *text)
{
    return scan_to(text, CLP_JSON_RECORD_ALL);
}

static void test_record_depth(void)
{
    const char *text = "{\"a\":{\"b\":[1,{\"c\":2}]},\"d\":[[]],\"e\":5,\"f\":{}}";
    clp_jval v = scan_to(text, 1);
    clp_jval a = clp_jval_get(v, "a");

    IS_INT(json->count, 9, "root, four names, four values");
    OK(!(clp_jval_token(v)->flags & CLP_JSON_F_OPAQUE), "the root shows its members");
    OK(clp_jval_token(a)->flags & CLP_JSON_F_OPAQUE, "an object at the border is opaque");
    OK(clp_jval_token(clp_jval_get(v, "d"))->flags & CLP_JSON_F_OPAQUE, "so is an array");
    OK(!(clp_jval_token(clp_jval_get(v, "e"))->flags & CLP_JSON_F_OPAQUE), "a number is not");
    IS_SPAN(clp_jval_raw(a), CLP_SPAN_LIT("{\"b\":[1,{\"c\":2}]}"), "its span is whole");
    OK(!clp_jval_ok(clp_jval_get(a, "b")), "nothing is found within");
    OK(!clp_jval_ok(clp_jval_first(a)), "nor first");
    IS_INT(clp_jval_count(a), 0, "nor counted");
    IS_INT(clp_jval_count(v), 4, "the members above are");
    v = scan_to(text, 0);
    IS_INT(json->count, 1, "depth 0: the root alone");
    IS_SPAN(clp_jval_raw(v), clp_span_str(text), "which is everything");
    v = scan_to(text, 2);
    IS_SPAN(clp_jval_raw(clp_jval_get(clp_jval_get(v, "a"), "b")), CLP_SPAN_LIT("[1,{\"c\":2}]"),
            "depth 2");
    OK(!(clp_jval_token(clp_jval_get(v, "a"))->flags & CLP_JSON_F_OPAQUE), "no longer opaque");
}

static void test_lookup(void)
{
    clp_jval v =
        scan("{\"a\":1,\"A\":2,\"ab\":3,\"\":4,\"a\\u0062c\":5,\"x\\u0000\":6,\"\xc3\xa9\":7,"
             "\"\\u00e9\":8,\"a\":9,\"o\":{\"a\":10}}");
    static const struct {
        const char *name;
        const char *want;
    } cases[] = {{"a", "9"},   {"A", "2"},  {"ab", "3"},       {"", "4"},
                 {"abc", "5"}, {"x", NULL}, {"\xc3\xa9", "8"}, {"b", NULL}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IS_SPAN(clp_jval_raw(clp_jval_get(v, cases[i].name)), clp_span_str(cases[i].want),
                apr_psprintf(pool, "member \"%s\"", cases[i].name));
    }
    OK(clp_jval_has_duplicate(v, "a"), "a is there twice");
    OK(clp_jval_has_duplicate(v, "\xc3\xa9"), "spelled differently is still twice");
    OK(!clp_jval_has_duplicate(v, "A"), "A is not");
    OK(!clp_jval_has_duplicate(v, "nope"), "nor what is absent");
    OK(!clp_jval_ok(clp_jval_get(CLP_JVAL_NONE, "a")), "member of nothing");
    OK(!clp_jval_ok(clp_jval_get(clp_jval_get(v, "a"), "a")), "member of a number");
    IS_SPAN(clp_jval_name(clp_jval_get(v, "abc")).s, CLP_SPAN_LIT("a\\u0062c"), "name as spelled");
    OK(clp_jval_named(clp_jval_get(v, "abc"), "abc"), "name understood");
    OK(!clp_jval_named(clp_jval_get(v, "abc"), "ab"), "another name");
    OK(!clp_jval_named(v, ""), "the root has no name");
    OK(!clp_jval_name(v).s.p, "not even an empty one");
}

static void test_walk(void)
{
    clp_jval v = scan("[10,[20,21],{\"a\":30,\"b\":[]},40]");
    const char *want[] = {"10", "[20,21]", "{\"a\":30,\"b\":[]}", "40"};
    int i = 0;

    CLP_JVAL_EACH (each, v) {
        IS_SPAN(clp_jval_raw(each), clp_span_str(i < 4 ? want[i] : ""), "element");
        OK(!clp_jval_name(each).s.p, "elements have no names");
        i++;
    }
    IS_INT(i, 4, "elements seen");
    IS_INT(clp_jval_count(v), 4, "elements counted");
    v = scan("{\"a\":[[1]],\"b\":{\"c\":{}},\"d\":null}");
    i = 0;
    CLP_JVAL_EACH (each, v) {
        IS_SPAN(clp_jval_name(each).s, clp_span_of("abd" + i, 1), "member");
        i++;
    }
    IS_INT(i, 3, "members seen");
    OK(!clp_jval_ok(clp_jval_next(v)), "the root has no sibling");
    OK(!clp_jval_ok(clp_jval_next(CLP_JVAL_NONE)), "nor has nothing");
    OK(!clp_jval_ok(clp_jval_first(clp_jval_get(v, "d"))), "null has no first");
    /* the last value of an inner container must not run on into the outer one */
    v = clp_jval_first(clp_jval_get(v, "a"));
    OK(!clp_jval_ok(clp_jval_next(v)), "the inner array ends");
    v = scan("[[1],[2]]");
    OK(!clp_jval_ok(clp_jval_next(clp_jval_first(clp_jval_first(v)))), "so does this one");
}

static void test_numbers(void)
{
    static const struct {
        const char *text;
        int ok;
        apr_int64_t want;
    } ints[] = {
        {"0", 1, 0},
        {"-0", 1, 0},
        {"42", 1, 42},
        {"-1", 1, -1},
        {"9007199254740993", 1, 9007199254740993},
        {"9223372036854775807", 1, INT64_MAX},
        {"-9223372036854775808", 1, INT64_MIN},
        {"9223372036854775808", 0, 0},
        {"-9223372036854775809", 0, 0},
        {"18446744073709551616", 0, 0},
        {"99999999999999999999999999", 0, 0},
        {"1.0", 0, 0},
        {"1e3", 0, 0},
        {"\"1\"", 0, 0},
        {"null", 0, 0},
        {"true", 0, 0},
    };

    for (unsigned i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
        apr_int64_t n = 0;
        clp_jval v = scan(ints[i].text);
        IS_INT(clp_jval_int(v, &n), ints[i].ok, ints[i].text);
        IS_INT(n, ints[i].want, "its value");
        IS_INT(clp_jval_count_or(v, 7), ints[i].ok && n >= 0 ? n : 7, "as a count");
    }
    OK(!clp_jval_int(CLP_JVAL_NONE, &(apr_int64_t){0}), "nothing is no number");
}

static void test_scalars(void)
{
    int b = -1;
    clp_jval v;

    OK(clp_jval_bool(scan("true"), &b) && b == 1, "true");
    OK(clp_jval_bool(scan("false"), &b) && b == 0, "false");
    OK(!clp_jval_bool(scan("1"), &b), "1 is no bool");
    OK(clp_jval_nil(scan("null")) && clp_jval_nil(CLP_JVAL_NONE), "null and nothing");
    OK(!clp_jval_nil(scan("\"\"")), "an empty string is something");
    IS_INT(clp_jval_kind(CLP_JVAL_NONE), CLP_JSON_ABSENT, "kind of nothing");
    OK(!clp_jval_raw(CLP_JVAL_NONE).p, "raw of nothing");
    OK(!clp_jval_text(scan("1")).s.p, "a number has no text");

    v = scan("\"a\\n\\u00e9\\ud83d\\ude00\"");
    IS_SPAN(clp_jval_text(v).s, CLP_SPAN_LIT("a\\n\\u00e9\\ud83d\\ude00"), "text as spelled");
    OK(clp_jval_text(v).escaped, "and marked so");
    IS_STR(clp_jval_cstr(v, pool), "a\n\xc3\xa9\xf0\x9f\x98\x80", "decoded");
    OK(clp_jval_str_is(v, "a\n\xc3\xa9\xf0\x9f\x98\x80"), "compared");
    OK(!clp_jval_str_is(v, "a\n"), "compared with less");
    IS_STR(clp_jval_cstr(scan("\"plain\""), pool), "plain", "decoded without escapes");
    IS_STR(clp_jval_cstr(scan("\"\""), pool), "", "empty");
    OK(!clp_jval_cstr(scan("\"a\\u0000b\""), pool), "U+0000 is refused");
    OK(!clp_jval_cstr(scan("5"), pool), "a number is no string");
    OK(!clp_jval_str_is(scan("5"), "5"), "nor equal to one");
}

static int flags_of(const char *text)
{
    return clp_jval_token(scan(text))->flags;
}

static void test_flags(void)
{
    IS_INT(flags_of("\"abc\""), 0, "plain");
    IS_INT(flags_of("\"a\\nc\""), CLP_JSON_F_ESCAPE, "escape");
    IS_INT(flags_of("\"\xc3\xa9\""), CLP_JSON_F_WIDE, "wide");
    IS_INT(flags_of("\"\\uD83D\""), CLP_JSON_F_ESCAPE | CLP_JSON_F_SURROGATE, "high half");
    IS_INT(flags_of("\"\\udfff\""), CLP_JSON_F_ESCAPE | CLP_JSON_F_SURROGATE, "low half");
    IS_INT(flags_of("\"\\ud7ff\\ue000\""), CLP_JSON_F_ESCAPE, "the neighbours of the halves");
    IS_INT(flags_of("\"\\\\ud83d\""), CLP_JSON_F_ESCAPE, "an escaped backslash before ud83d");
    IS_INT(flags_of("\"\xf0\x9f\x98\x80 0123456789abcdef \\t\""),
           CLP_JSON_F_WIDE | CLP_JSON_F_ESCAPE, "both");
}

static void test_paths(void)
{
    clp_jval v =
        scan("{\"messages\":[{\"role\":\"u\"},{\"content\":[1,{\"type\":\"x\"}]}],\"n\\n\":0,"
             "\"0123456789012345678901234567890123456789012345678901234567890123456789\":1}");
    clp_jval type = clp_jval_get(v, "messages");
    type = clp_jval_get(clp_jval_next(clp_jval_first(type)), "content");
    type = clp_jval_get(clp_jval_next(clp_jval_first(type)), "type");
    IS_STR(clp_jval_path(type, CLP_JSON_PATH_DOTS, pool), "messages.1.content.1.type", "dots");
    IS_STR(clp_jval_path(type, CLP_JSON_PATH_BRACKETS, pool), "messages[1].content[1].type",
           "brackets");
    IS_STR(clp_jval_path(v, CLP_JSON_PATH_DOTS, pool), "", "the root");
    IS_STR(clp_jval_path(CLP_JVAL_NONE, CLP_JSON_PATH_DOTS, pool), "", "nothing");
    IS_STR(clp_jval_path(clp_jval_get(v, "n\n"), CLP_JSON_PATH_DOTS, pool), "n\\n",
           "names as spelled");
    IS_INT(strlen(clp_jval_path(clp_jval_next(clp_jval_get(v, "n\n")), CLP_JSON_PATH_DOTS, pool)),
           67, "a long name is cut");
    v = scan("[[5,6]]");
    v = clp_jval_next(clp_jval_first(clp_jval_first(v)));
    IS_STR(clp_jval_path(v, CLP_JSON_PATH_DOTS, pool), "0.1", "arrays, dots");
    IS_STR(clp_jval_path(v, CLP_JSON_PATH_BRACKETS, pool), "[0][1]", "arrays, brackets");
}

/* Token tables of both ways are equal byte for byte, and memory is used again. */
static void test_same_tokens(void)
{
    apr_size_t n = 100000;
    char *p = apr_palloc(pool, n * 12 + 2);
    apr_size_t at = 1;
    clp_json_token *before;

    p[0] = '[';
    for (apr_size_t i = 0; i < n; i++) {
        at += (apr_size_t)sprintf(p + at, "%s%s", i ? "," : "",
                                  i % 3   ? "\"a\\n\xc3\xa9\""
                                  : i % 2 ? "{\"k\":0}"
                                          : "-12345");
    }
    p[at++] = ']';
    IS_INT(clp_json_scan(json, clp_span_of(p, at), NULL, NULL), CLP_JSON_OK, "many values");
    IS_INT(clp_json_scan_words(other, clp_span_of(p, at), NULL, NULL), CLP_JSON_OK, "both ways");
    IS_INT(json->count, other->count, "as many tokens");
    OK(memcmp(json->tokens, other->tokens, json->count * sizeof(*json->tokens)) == 0,
       "the same tokens");
    IS_INT(clp_jval_count(clp_json_root(json)), n, "all elements");
    before = json->tokens;
    clp_json_scan(json, clp_span_of(p, at), NULL, NULL);
    OK(json->tokens == before, "scanning again takes no new memory");
    IS_INT(sizeof(clp_json_token), 16, "size of a token");
}

int main(void)
{
    pool = tap_begin();
    json = clp_json_make(pool);
    other = clp_json_make(pool);
    OK(cases_each(pool, "t/cases/json_scan.txt", verdict_case, NULL) > 150, "cases read");
    test_utf8_all();
    test_limits();
    test_record_depth();
    test_lookup();
    test_walk();
    test_numbers();
    test_scalars();
    test_flags();
    test_paths();
    test_same_tokens();
    return tap_end();
}
