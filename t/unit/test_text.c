/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <apr_strings.h>

#include "wire/bytes.h"
#include "tap.h"
#include "wire/json_scan.h"
#include "wire/text.h"

#define FFFD "\xef\xbf\xbd"

static apr_pool_t *pool;
static clp_buffer *out;

/* The plain runs by vector and by words end at the same byte, whatever stands where. */
static void test_runs(void)
{
    unsigned char s[70];
    int same = 1;
    for (int c = 0; c < 256; c++) {
        for (int at = 0; at < 60; at++) {
            const unsigned char *want;
            memset(s, 'a', sizeof(s));
            s[at] = (unsigned char)c;
            want = clp_byte_is_plain((unsigned char)c) ? s + 60 : s + at;
            same &= clp_bytes_plain(s, s + 60) == want;
            same &= clp_bytes_plain_words(s, s + 60) == want;
            want = c < 0x80 ? s + 60 : s + at;
            same &= clp_bytes_ascii(s, s + 60) == want;
            memset(s, '5', sizeof(s));
            s[at] = (unsigned char)c;
            want = c >= '0' && c <= '9' ? s + 60 : s + at;
            same &= clp_bytes_digits(s, s + 60) == want;
        }
    }
    OK(same, "runs end where they should");
}

typedef struct pair_case {
    const char *name;
    clp_span in;
    clp_span want;
} pair_case;

#define S(s)                                                                                       \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

/* The examples of the Unicode standard, 3.9, tables 3-8 to 3-11, and some more. */
static const pair_case repairs[] = {
    {"nothing", S(""), S("")},
    {"good text", S("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"),
     S("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z")},
    {"overlong", S("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"),
     S(FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A")},
    {"surrogates", S("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41"),
     S(FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A")},
    {"too large", S("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42"),
     S(FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B")},
    {"cut", S("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), S(FFFD FFFD FFFD FFFD "A")},
    {"cut at the end", S("a\xe2\x82"), S("a" FFFD)},
    {"NUL", S("a\0b"), S("a\0b")},
};

static void test_utf8(void)
{
    static const struct {
        apr_size_t max;
        apr_size_t want;
    } cuts[] = {{0, 0}, {1, 1}, {2, 1}, {3, 3},   {4, 3},   {5, 3},  {6, 6},
                {7, 6}, {8, 6}, {9, 6}, {10, 10}, {11, 11}, {12, 11}};

    for (unsigned i = 0; i < sizeof(repairs) / sizeof(repairs[0]); i++) {
        const pair_case *c = &repairs[i];
        clp_buffer_clear(out);
        clp_utf8_repair(out, c->in);
        IS_SPAN(clp_buffer_all(out), c->want, c->name);
        IS_INT(clp_utf8_valid_prefix(clp_buffer_all(out)), out->n, "repaired is valid");
        if (clp_span_eq(c->in, c->want)) {
            IS_INT(clp_utf8_valid_prefix(c->in), c->in.n, "valid before");
        }
        else {
            OK(clp_utf8_valid_prefix(c->in) < c->in.n, "invalid before");
        }
    }
    IS_INT(clp_utf8_valid_prefix(CLP_SPAN_LIT("0123456789abcdef\xc3\xa9\xff")), 18, "where");
    for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        clp_span s = CLP_SPAN_LIT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
        IS_INT(clp_utf8_cut(s, cuts[i].max).n, cuts[i].want, "cut");
    }
}

static const pair_case escapes[] = {
    {"nothing", S(""), S("")},
    {"plain", S("The quick brown fox jumps over the lazy dog."),
     S("The quick brown fox jumps over the lazy dog.")},
    {"short escapes", S("\b\f\n\r\t\"\\"), S("\\b\\f\\n\\r\\t\\\"\\\\")},
    {"controls", S("\0\x01\x1f\x7f/"), S("\\u0000\\u0001\\u001f\x7f/")},
    {"wide", S("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), S("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")},
    {"wide, then an escape", S("\xc3\xa9\n\xe2\x82\xac\""), S("\xc3\xa9\\n\xe2\x82\xac\\\"")},
    {"invalid", S("a\xff\xc3z"), S("a" FFFD FFFD "z")},
    {"cut at the end", S("0123456789abcdef\xe2\x82"), S("0123456789abcdef" FFFD)},
    {"lone high half", S("a\xed\xa0\xbdz"), S("a" FFFD "z")},
    {"lone low half", S("\xed\xb8\x80"), S(FFFD)},
    {"two low halves", S("\xed\xb8\x80\xed\xb8\x81"), S(FFFD FFFD)},
    {"pair of halves", S("a\xed\xa0\xbd\xed\xb8\x80z"), S("a\xf0\x9f\x98\x80z")},
    {"high half before a pair", S("\xed\xa0\xbd\xed\xa0\xbd\xed\xb8\x80"),
     S(FFFD "\xf0\x9f\x98\x80")},
    {"half cut off", S("\xed\xa0"), S(FFFD FFFD)},
    {"line separators", S("\xe2\x80\xa8\xe2\x80\xa9"), S("\xe2\x80\xa8\xe2\x80\xa9")},
};

static const pair_case unescapes[] = {
    {"nothing", S(""), S("")},
    {"short escapes", S("\\b\\f\\n\\r\\t\\\"\\\\\\/"), S("\b\f\n\r\t\"\\/")},
    {"all lengths", S("\\u0041\\u00e9\\u20AC\\ud83d\\uDE00"),
     S("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")},
    {"NUL", S("a\\u0000b"), S("a\0b")},
    {"far in", S("0123456789abcdef0123456789\\n0123456789abcdef\\t"),
     S("0123456789abcdef0123456789\n0123456789abcdef\t")},
    {"lone high half", S("\\ud83dx"), S("\xed\xa0\xbdx")},
    {"lone low half", S("\\ude00"), S("\xed\xb8\x80")},
    {"high, high, low", S("\\ud83d\\ud83d\\ude00"), S("\xed\xa0\xbd\xf0\x9f\x98\x80")},
    {"high half at the end", S("ab\\udbff"), S("ab\xed\xaf\xbf")},
    {"ends of the planes", S("\\ud800\\udc00\\udbff\\udfff"),
     S("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
    {"escaped backslashes", S("\\\\n\\\\\\n"), S("\\n\\\n")},
};

static void test_escape(void)
{
    for (unsigned i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        clp_buffer_clear(out);
        clp_text_escape(out, escapes[i].in, 0);
        IS_SPAN(clp_buffer_all(out), escapes[i].want, escapes[i].name);
    }
    clp_buffer_clear(out);
    clp_text_escape(out, CLP_SPAN_LIT("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xc3\xa9"),
                    1);
    IS_SPAN(clp_buffer_all(out), CLP_SPAN_LIT("\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\xc3\xa9"),
            "line separators as escapes");
    for (unsigned i = 0; i < sizeof(unescapes) / sizeof(unescapes[0]); i++) {
        clp_buffer_clear(out);
        clp_text_unescape(out, unescapes[i].in);
        IS_SPAN(clp_buffer_all(out), unescapes[i].want, unescapes[i].name);
    }
}

/* Every code point through both spellings and back. */
static void test_all_characters(void)
{
    clp_buffer *back = clp_buffer_make(pool, 0);
    long wrong = 0;
    for (unsigned c = 0; c < 0x110000; c++) {
        char spelled[16];
        apr_size_t n;
        if (c >= 0xd800 && c < 0xe000) {
            continue;
        }
        if (c < 0x10000) {
            n = (apr_size_t)apr_snprintf(spelled, sizeof(spelled), "\\u%04x", c);
        }
        else {
            n = (apr_size_t)apr_snprintf(spelled, sizeof(spelled), "\\u%04x\\u%04x",
                                         0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
        }
        clp_buffer_clear(out);
        clp_text_unescape(out, clp_span_of(spelled, n));
        wrong += clp_utf8_valid_prefix(clp_buffer_all(out)) != out->n;
        wrong += out->n != (c < 0x80 ? 1u : c < 0x800 ? 2u : c < 0x10000 ? 3u : 4u);
        clp_buffer_clear(back);
        clp_text_escape(back, clp_buffer_all(out), 1);
        wrong += (c < 0x20 || c == '"' || c == '\\' || c == 0x2028 || c == 0x2029)
                     ? back->p[0] != '\\'
                     : !clp_span_eq(clp_buffer_all(back), clp_buffer_all(out));
    }
    IS_INT(wrong, 0, "every character by its escape");
}

static void test_either(void)
{
    clp_text plain = clp_text_plain(CLP_SPAN_LIT("a\"\n"));
    clp_text escaped = clp_text_escaped(CLP_SPAN_LIT("a\\\"\\u000a"));

    clp_buffer_clear(out);
    clp_text_append_plain(out, plain);
    clp_text_append_plain(out, escaped);
    IS_SPAN(clp_buffer_all(out), CLP_SPAN_LIT("a\"\na\"\n"), "as plain");
    clp_buffer_clear(out);
    clp_text_append_escaped(out, plain);
    clp_text_append_escaped(out, escaped);
    IS_SPAN(clp_buffer_all(out), CLP_SPAN_LIT("a\\\"\\na\\\"\\u000a"), "as escaped");
    IS_STR(clp_text_cstr(plain, pool), "a\"\n", "plain as a string");
    IS_STR(clp_text_cstr(escaped, pool), "a\"\n", "escaped as a string");
    IS_STR(clp_text_cstr(clp_text_escaped(CLP_SPAN_LIT("a\\u0000b")), pool), "a", "U+0000 ends it");
    IS_STR(clp_text_cstr(clp_text_plain(clp_span_of(NULL, 0)), pool), "", "nothing as a string");
    OK(clp_text_is(plain, "a\"\n") && clp_text_is(escaped, "a\"\n"), "equal whatever the spelling");
    OK(!clp_text_is(plain, "a\"") && !clp_text_is(escaped, "a\""), "not with less");
    OK(!clp_text_is(plain, "a\"\n.") && !clp_text_is(escaped, "a\"\n."), "nor with more");
    OK(!clp_text_is(escaped, "a'\n"), "nor with another character");
    OK(clp_text_is(clp_text_escaped(CLP_SPAN_LIT("\\ud83d\\ude00")), "\xf0\x9f\x98\x80"), "a pair");
    OK(!clp_text_is(clp_text_escaped(CLP_SPAN_LIT("a\\u0000")), "a"), "U+0000 is a character");
    OK(clp_text_is(clp_text_escaped(clp_span_of(NULL, 0)), ""), "nothing is empty");
}

static void test_holds(void)
{
    static const struct {
        const char *s;
        int holds;
    } cases[] = {{"", 0},        {"Ra", 0},     {"Rab", 1},    {"xRab", 1}, {"Rabx", 1},
                 {"RaRaRab", 1}, {"RRRRab", 1}, {"RaRbRa", 0}, {"ab", 0},   {"xxxRa", 0}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IS_INT(clp_span_holds(clp_span_str(cases[i].s), CLP_SPAN_LIT("Rab")), cases[i].holds,
               cases[i].s);
    }
    OK(!clp_span_holds(clp_span_of(NULL, 0), CLP_SPAN_LIT("R")), "nothing holds nothing");
    OK(!clp_span_holds(clp_span_of("xRab", 3), CLP_SPAN_LIT("Rab")), "not beyond its end");
}

static void test_blank(void)
{
    static const struct {
        const char *s;
        int escaped;
        int blank;
    } cases[] = {{"", 0, 1},
                 {" \t\n\r", 0, 1},
                 {" x", 0, 0},
                 {"\\n\\t \\r\\u0020\\u00a0\\u3000", 1, 1},
                 {"\\n", 0, 0},
                 {"\\u0000", 1, 0},
                 {"\xc2\xa0\xe2\x80\x83\xe3\x80\x80\xe2\x80\xa8", 0, 1},
                 {"\xe2\x80\x8b", 0, 0},
                 {"\xef\xbb\xbf", 0, 0},
                 {" \xf0\x9f\x98\x80", 0, 0},
                 {" \xff", 0, 0},
                 {"\\ud83d", 1, 0}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clp_span s = clp_span_str(cases[i].s);
        IS_INT(clp_text_blank(cases[i].escaped ? clp_text_escaped(s) : clp_text_plain(s)),
               cases[i].blank, apr_psprintf(pool, "blank: case %u", i));
    }
}

/* --- surrogate halves over deltas --------------------------------------- */

/* All deltas through one holder, joined, with '|' for what came out empty if `marks`. */
static clp_span pass_all(const char *const *deltas, int n)
{
    clp_surrogate_hold hold = {{0}, 0};
    clp_buffer *scratch = clp_buffer_make(pool, 0);
    clp_buffer *all = clp_buffer_make(pool, 0);
    for (int i = 0; i < n; i++) {
        clp_buffer_span(all, clp_surrogate_pass(&hold, clp_span_str(deltas[i]), scratch));
    }
    clp_buffer_span(all, clp_surrogate_end(&hold));
    clp_buffer_span(all, clp_surrogate_end(&hold));
    clp_buffer_release(scratch);
    return clp_buffer_all(all);
}

static const struct {
    const char *name;
    const char *deltas[4];
    const char *want;
} holds[] = {
    {"nothing to do", {"a\\n", "b"}, "a\\nb"},
    {"a pair in one delta", {"x\\ud83d\\ude00y"}, "x\\ud83d\\ude00y"},
    {"a pair over two", {"x\\ud83d", "\\ude00y"}, "x\\ud83d\\ude00y"},
    {"with an empty one between", {"x\\ud83d", "", "\\ude00y"}, "x\\ud83d\\ude00y"},
    {"halves alone", {"\\uD83D", "\\uDE00"}, "\\uD83D\\uDE00"},
    {"half and other text", {"\\ud83d", "abc"}, "\\ufffdabc"},
    {"half and another escape", {"\\ud83d", "\\n"}, "\\ufffd\\n"},
    {"half at the end", {"abc\\ud83d"}, "abc\\ufffd"},
    {"high and high", {"\\ud83d", "\\ud83d"}, "\\ufffd\\ufffd"},
    {"high, high, low", {"\\ud83d", "\\ud83d", "\\ude00"}, "\\ufffd\\ud83d\\ude00"},
    {"high, then a pair", {"\\ud83d", "\\ud83d\\ude00"}, "\\ufffd\\ud83d\\ude00"},
    {"low first", {"\\ude00", "x"}, "\\ufffdx"},
    {"halves in the middle", {"a\\ud83db\\ude00c"}, "a\\ufffdb\\ufffdc"},
    {"middle and end", {"a\\ude00b\\ud83d", "\\ude00c\\ude00"}, "a\\ufffdb\\ud83d\\ude00c\\ufffd"},
    {"joined, then held again",
     {"\\ud83d", "\\ude00\\ud83d", "\\ude01"},
     "\\ud83d\\ude00\\ud83d\\ude01"},
    {"no half: escaped backslash", {"\\\\ud83d", "x"}, "\\\\ud83dx"},
    {"half behind an escaped backslash", {"\\\\\\ud83d", "\\ude00"}, "\\\\\\ud83d\\ude00"},
};

/* A lone half is seen wherever it stands, for blocks are searched. */
static void test_half_anywhere(void)
{
    int missed = 0;
    for (apr_size_t at = 0; at < 50; at++) {
        for (apr_size_t behind = 1; behind < 20; behind++) {
            clp_surrogate_hold hold = {{0}, 0};
            char text[80];
            memset(text, 'x', sizeof(text));
            memcpy(text + at, "\\udc00", 6);
            missed +=
                memcmp(clp_surrogate_pass(&hold, clp_span_of(text, at + 6 + behind), out).p + at,
                       "\\ufffd", 6) != 0;
        }
    }
    IS_INT(missed, 0, "a half anywhere");
}

static void test_surrogate_hold(void)
{
    clp_surrogate_hold hold = {{0}, 0};
    clp_span in = CLP_SPAN_LIT("plain \\ud83d\\ude00 text");

    for (unsigned i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
        int n = 0;
        while (n < 4 && holds[i].deltas[n]) {
            n++;
        }
        IS_SPAN(pass_all(holds[i].deltas, n), clp_span_str(holds[i].want), holds[i].name);
    }
    OK(clp_surrogate_pass(&hold, in, out).p == in.p, "what is whole passes in place");
    test_half_anywhere();
    in = CLP_SPAN_LIT("held \\ud83d");
    OK(clp_surrogate_pass(&hold, in, out).p == in.p && hold.held,
       "so does what stands before a half");
}

/* Any text cut between its characters and escapes at any two places gives the same, once all is
 * joined, as the text in one piece. */
static void test_surrogate_splits(void)
{
    static const char *const units[] = {"\\ud83d", "\\ude00", "\\ud83d", "\\ud83d", "\\ude00",
                                        "a",       "\\ude00", "\\\\",    "ud83d",   "\\ud83d",
                                        "\\n",     "\\udbff", "\\udfff", "\\ud83d"};
    enum { UNITS = sizeof(units) / sizeof(units[0]) };
    const char *whole = "";
    clp_span want;
    int wrong = 0;

    for (int i = 0; i < UNITS; i++) {
        whole = apr_pstrcat(pool, whole, units[i], NULL);
    }
    want = pass_all(&whole, 1);
    IS_SPAN(want,
            CLP_SPAN_LIT("\\ud83d\\ude00\\ufffd\\ud83d\\ude00a\\ufffd\\\\ud83d\\ufffd\\n\\udbff"
                         "\\udfff\\ufffd"),
            "in one piece");
    for (unsigned plan = 0; plan < 1u << (UNITS - 1); plan++) {
        const char *deltas[UNITS];
        char text[256];
        char *at = text;
        int n = 0;
        /* "\\" and "ud83d" may be parted: the first is an escape of its own */
        for (int i = 0; i < UNITS; i++) {
            apr_size_t len = strlen(units[i]);
            if (!i || plan >> (i - 1) & 1) {
                if (i) {
                    *at++ = '\0';
                }
                deltas[n++] = at;
            }
            memcpy(at, units[i], len);
            at += len;
        }
        *at = '\0';
        if (plan % 7 == 0 || plan < 512) {
            wrong += !clp_span_eq(pass_all(deltas, n), want);
        }
    }
    IS_INT(wrong, 0, "cut anywhere");
}

/* --- ids and secrets ----------------------------------------------------- */

static void test_fit(void)
{
    static const char long_name[] =
        "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789!";
    const char *legal = "get_weather-2";
    const char *fit;

    OK(clp_text_fit(legal, CLP_CHARSET_TOOL, 64, pool) == legal, "legal: the same");
    OK(clp_text_fit(legal, CLP_CHARSET_TOOL, 13, pool) == legal, "legal: just long enough");
    fit = clp_text_fit(legal, CLP_CHARSET_TOOL, 12, pool);
    IS_STR(fit, "get_bc96f222", "one too long");
    IS_STR(clp_text_fit("a b.c", CLP_CHARSET_TOOL, 64, pool), "a_b_c_7509d20a", "illegal bytes");
    IS_STR(clp_text_fit("", CLP_CHARSET_TOOL, 64, pool), "_e3b0c442", "empty");
    IS_STR(clp_text_fit("\xc3\xa9", CLP_CHARSET_TOOL, 64, pool), "___4a99557e", "not ASCII");
    fit = clp_text_fit(long_name, CLP_CHARSET_TOOL, 64, pool);
    IS_INT(strlen(fit), 64, "a long one gets as long as it may");
    OK(strncmp(fit, long_name, 55) == 0 && fit[55] == '_', "its beginning is kept");
    OK(strcmp(fit, clp_text_fit(long_name, CLP_CHARSET_TOOL, 64, pool)) == 0, "always the same");
    OK(strcmp(clp_text_fit("a b", CLP_CHARSET_TOOL, 64, pool),
              clp_text_fit("a.b", CLP_CHARSET_TOOL, 64, pool)) != 0,
       "two names do not become one");
    for (apr_size_t max = 1; max < 12; max++) {
        OK(strlen(clp_text_fit("a b c d e f", CLP_CHARSET_TOOL, max, pool)) <= max, "max %d",
           (int)max);
    }
}

static void test_hash(void)
{
    char hex[65];
    clp_sha256_hex(CLP_SPAN_LIT("abc"), hex);
    IS_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "of abc");
    clp_sha256_hex(clp_span_of(NULL, 0), hex);
    IS_STR(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "of nothing");
}

static void test_random(void)
{
    const char *a = clp_random_base62(24, pool);
    const char *many = clp_random_base62(620000, pool);
    int count[128] = {0};
    int least = 620000;
    int most = 0;

    IS_INT(strlen(a), 24, "length");
    OK(strcmp(a, clp_random_base62(24, pool)) != 0, "never the same twice");
    IS_INT(strspn(many, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"), 620000,
           "only legal characters");
    for (const char *p = many; *p; p++) {
        count[(int)*p]++;
    }
    for (int i = 0; i < 128; i++) {
        if (count[i]) {
            least = count[i] < least ? count[i] : least;
            most = count[i] > most ? count[i] : most;
        }
    }
    /* 10000 each, standard deviation 99: seven of them hardly ever happen */
    OK(least > 9300 && most < 10700, "all equally often (%d to %d)", least, most);
    IS_STR(clp_random_base62(0, pool), "", "none");
}

static void test_mask(void)
{
    OK(clp_holds_secret(clp_span_str("key 12345678."), "12345678"), "a secret in a text");
    OK(!clp_holds_secret(clp_span_str("key 1234567."), "12345678"), "a part of it");
    OK(!clp_holds_secret(clp_span_str("key 1234567."), "1234567"), "a short one");
    OK(!clp_holds_secret(clp_span_str("key"), NULL), "none");
    IS_STR(clp_hide_secret("12345678,12345678", "12345678", "*", pool), "*,*", "hidden twice");
    IS_STR(clp_hide_secret("nothing", "12345678", "*", pool), "nothing", "nothing to hide");
    IS_STR(clp_hide_secret(NULL, "12345678", "*", pool), NULL, "no text");
    IS_STR(clp_mask_secret("sk-ant-api03-abcdefghijklmnop", pool), "sk-a...mnop", "long");
    IS_STR(clp_mask_secret("0123456789abcdef", pool), "****", "16 characters");
    IS_STR(clp_mask_secret("0123456789abcdefg", pool), "01...fg", "17: no more than a third");
    IS_STR(clp_mask_secret("0123456789abcdefghijklm", pool), "012...klm", "23");
    IS_STR(clp_mask_secret("0123456789abcdefghijklmn", pool), "0123...klmn", "24");
    IS_STR(clp_mask_secret("", pool), "****", "empty");
    IS_STR(clp_mask_secret(NULL, pool), "****", "none");
    IS_STR(clp_mask_secret("\n\x01\xff\"23456789abcdefghijklm\x7f", pool), "???\"...klm?",
           "nothing that a log could choke on");
}

int main(void)
{
    pool = tap_begin();
    out = clp_buffer_make(pool, 0);
    test_runs();
    test_utf8();
    test_escape();
    test_all_characters();
    test_either();
    test_blank();
    test_holds();
    test_surrogate_hold();
    test_surrogate_splits();
    test_fit();
    test_hash();
    test_random();
    test_mask();
    return tap_end();
}
