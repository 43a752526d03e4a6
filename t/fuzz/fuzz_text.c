/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "wire/json_scan.h"
#include "wire/text.h"

/*
 * The input: how long the plan is (1 byte), the plan of the splits, the bytes; these are taken as
 * plain text and, where they may stand in a JSON string, as escaped text.
 */

static void check_plain(clp_span s, apr_pool_t *pool)
{
    clp_buffer *a = clp_buffer_make(pool, 0);
    clp_buffer *b = clp_buffer_make(pool, 0);
    clp_json *json = clp_json_make(pool);
    apr_size_t valid = clp_utf8_valid_prefix(s);

    clp_utf8_repair(a, s);
    FUZZ_CHECK(clp_utf8_valid_prefix(clp_buffer_all(a)) == a->n);
    FUZZ_CHECK(a->n >= valid && !memcmp(a->n ? a->p : "", s.p, valid));
    if (valid == s.n) {
        FUZZ_CHECK(clp_span_eq(clp_buffer_all(a), s));
        for (apr_size_t max = 0; max <= s.n && max < 40; max++) {
            clp_span cut = clp_utf8_cut(s, max);
            FUZZ_CHECK(cut.n <= max && cut.n + 3 >= (max < s.n ? max : s.n));
            FUZZ_CHECK(clp_utf8_valid_prefix(cut) == cut.n);
        }
    }
    for (int ascii_lines = 0; ascii_lines < 2; ascii_lines++) {
        clp_buffer_clear(a);
        clp_buffer_clear(b);
        clp_buffer_putc(a, '"');
        clp_text_escape(a, s, ascii_lines);
        clp_buffer_putc(a, '"');
        FUZZ_CHECK(clp_json_scan(json, clp_buffer_all(a), NULL, NULL) == CLP_JSON_OK);
        clp_text_unescape(b, clp_jval_text(clp_json_root(json)).s);
        FUZZ_CHECK(valid < s.n || clp_span_eq(clp_buffer_all(b), s));
        FUZZ_CHECK(clp_utf8_valid_prefix(clp_buffer_all(b)) == b->n);
    }
    clp_text_blank(clp_text_plain(s));
}

/* Where escaped text may be cut: not within an escape or a character. */
static apr_size_t next_cut(clp_span s, apr_size_t at)
{
    if (s.p[at] == '\\') {
        return at + (s.p[at + 1] == 'u' ? 6 : 2);
    }
    do {
        at++;
    } while (at < s.n && (s.p[at] & 0xc0) == 0x80);
    return at;
}

static void pass(clp_surrogate_hold *hold, clp_span piece, clp_buffer *scratch, clp_buffer *all)
{
    char *copy = malloc(piece.n ? piece.n : 1);
    if (piece.n) {
        memcpy(copy, piece.p, piece.n);
    }
    clp_buffer_span(all, clp_surrogate_pass(hold, clp_span_of(copy, piece.n), scratch));
    free(copy);
}

static void check_escaped(clp_span s, clp_span plan, apr_pool_t *pool)
{
    clp_buffer *whole = clp_buffer_make(pool, 0);
    clp_buffer *split = clp_buffer_make(pool, 0);
    clp_buffer *scratch = clp_buffer_make(pool, 0);
    clp_buffer *plain = clp_buffer_make(pool, 0);
    clp_surrogate_hold hold = {{0}, 0};
    apr_size_t from = 0;
    apr_size_t at = 0;
    size_t turn = 0;

    pass(&hold, s, scratch, whole);
    clp_buffer_span(whole, clp_surrogate_end(&hold));
    while (at < s.n) {
        apr_size_t steps = plan.n ? (unsigned char)plan.p[turn++ % plan.n] % 5u : 1;
        for (apr_size_t i = 0; i < steps && at < s.n; i++) {
            at = next_cut(s, at);
        }
        if (!steps && turn % 3 == 0) {
            at = next_cut(s, at);
        }
        if (!steps && turn > 2 * s.n + 64) {
            at = s.n;
        }
        pass(&hold, clp_span_of(s.p + from, at - from), scratch, split);
        from = at;
    }
    clp_buffer_span(split, clp_surrogate_end(&hold));
    FUZZ_CHECK(clp_span_eq(clp_buffer_all(whole), clp_buffer_all(split)));
    clp_text_unescape(plain, clp_buffer_all(whole));
    FUZZ_CHECK(clp_utf8_valid_prefix(clp_buffer_all(plain)) == plain->n);
    if (!memchr(plain->n ? plain->p : "", 0, plain->n)) {
        const char *c = clp_text_cstr(clp_text_escaped(clp_buffer_all(whole)), pool);
        FUZZ_CHECK(clp_text_is(clp_text_escaped(clp_buffer_all(whole)), c));
        FUZZ_CHECK(clp_text_is(clp_text_plain(clp_buffer_all(plain)), c));
        FUZZ_CHECK(strlen(c) == plain->n);
    }
    FUZZ_CHECK(clp_text_blank(clp_text_escaped(clp_buffer_all(whole))) ==
               clp_text_blank(clp_text_plain(clp_buffer_all(plain))));
}

static void check_names(clp_span s, apr_pool_t *pool)
{
    const char *name = clp_text_cstr(clp_text_plain(s), pool);
    for (apr_size_t max = 40; max <= 128; max += 24) {
        const char *fit = clp_text_fit(name, CLP_CHARSET_TOOL, max, pool);
        apr_size_t n = strlen(fit);
        FUZZ_CHECK(n && n <= max);
        FUZZ_CHECK(clp_text_fit(fit, CLP_CHARSET_TOOL, max, pool) == fit);
    }
    FUZZ_CHECK(strlen(clp_mask_secret(name, pool)) <= 11);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    clp_span in = clp_span_of((const char *)data, size);
    apr_size_t plan_n = fuzz_byte(&in) % 8;
    clp_span plan = clp_span_of(in.p, plan_n < in.n ? plan_n : in.n);
    clp_buffer *quoted = clp_buffer_make(pool, 0);
    clp_json *json = clp_json_make(pool);

    in.p += plan.n;
    in.n -= plan.n;
    check_plain(in, pool);
    check_names(in, pool);
    clp_buffer_putc(quoted, '"');
    clp_buffer_span(quoted, in);
    clp_buffer_putc(quoted, '"');
    if (clp_json_scan(json, clp_buffer_all(quoted), NULL, NULL) == CLP_JSON_OK) {
        check_escaped(in, plan, pool);
    }
    apr_pool_destroy(pool);
    return 0;
}
