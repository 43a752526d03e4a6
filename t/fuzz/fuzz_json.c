/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "wire/json_scan.h"
#include "wire/json_scan_words.h"
#include "wire/json_write.h"
#include "wire/text.h"

/*
 * Holds: the vector and the word scanner agree in verdict, place and tokens; tokens nest; every
 * recorded value is JSON by itself; strings survive decoding and encoding; what the scanner says
 * does not depend on how much is recorded; a text is never worse than cut when its end is missing.
 */

#define RESCANS 64

static void check_string(clp_jval v, clp_json *other, apr_pool_t *pool)
{
    clp_buffer *plain = clp_buffer_make(pool, 0);
    clp_buffer *again = clp_buffer_make(pool, 0);
    clp_buffer *json = clp_buffer_make(pool, 0);
    const char *cstr = clp_jval_cstr(v, pool);
    clp_jw w;

    clp_text_append_plain(plain, clp_jval_text(v));
    if (!(clp_jval_token(v)->flags & CLP_JSON_F_SURROGATE)) {
        FUZZ_CHECK(clp_utf8_valid_prefix(clp_buffer_all(plain)) == plain->n);
    }
    FUZZ_CHECK(!cstr == !!memchr(plain->n ? plain->p : "", 0, plain->n));
    if (cstr) {
        FUZZ_CHECK(strlen(cstr) == plain->n && clp_jval_str_is(v, cstr));
    }
    /* both spellings of the text write the same string, halves repaired */
    for (int escaped = 0; escaped < 2; escaped++) {
        clp_buffer_clear(json);
        clp_jw_init(&w, json);
        w.ascii_lines = 1;
        clp_jw_text(&w, escaped ? clp_jval_text(v) : clp_text_plain(clp_buffer_all(plain)));
        FUZZ_CHECK(clp_json_scan(other, clp_buffer_all(json), NULL, NULL) == CLP_JSON_OK);
        FUZZ_CHECK(!memmem(json->p, json->n, "\xe2\x80\xa8", 3));
        if (!escaped) {
            clp_text_append_plain(again, clp_jval_text(clp_json_root(other)));
        }
    }
    clp_buffer_clear(plain);
    clp_text_append_plain(plain, clp_jval_text(clp_json_root(other)));
    FUZZ_CHECK(clp_span_eq(clp_buffer_all(plain), clp_buffer_all(again)));
    FUZZ_CHECK(clp_utf8_valid_prefix(clp_buffer_all(plain)) == plain->n);
}

static void check_tokens(const clp_json *j)
{
    for (apr_uint32_t i = 0; i < j->count; i++) {
        const clp_json_token *t = &j->tokens[i];
        FUZZ_CHECK(t->length && (apr_size_t)t->offset + t->length <= j->text.n);
        FUZZ_CHECK(t->next > i && t->next <= j->count);
        for (apr_uint32_t k = i + 1; k < t->next && k < i + 20; k++) {
            FUZZ_CHECK(j->tokens[k].depth > t->depth && j->tokens[k].next <= t->next);
            FUZZ_CHECK(j->tokens[k].offset > t->offset);
            FUZZ_CHECK(j->tokens[k].offset + j->tokens[k].length < t->offset + t->length);
        }
        if (t->flags & CLP_JSON_F_KEY) {
            FUZZ_CHECK(t->next == i + 1 && i + 1 < j->count && t->kind == CLP_JSON_STRING);
        }
    }
}

/* Every value is reached by first/next, and its name finds it or a later one. */
static apr_uint32_t walk(clp_jval v, int *budget)
{
    apr_uint32_t seen = 1;
    apr_uint32_t n = 0;
    if (--*budget < 0 || clp_jval_token(v)->depth > 100) {
        return 0;
    }
    CLP_JVAL_EACH (child, v) {
        n++;
        seen += walk(child, budget);
        if (*budget < 0) {
            return 0;
        }
    }
    FUZZ_CHECK(n == clp_jval_count(v));
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const apr_uint32_t record[] = {CLP_JSON_RECORD_ALL, 2, 0};
    apr_pool_t *pool = fuzz_pool();
    clp_span in = clp_span_of((const char *)data, size);
    clp_json *a = clp_json_make(pool);
    clp_json *b = clp_json_make(pool);
    clp_json_error verdict = CLP_JSON_OK;
    apr_size_t place = 0;
    int budget = 2000;

    for (int i = 2; i >= 0; i--) {
        clp_json_limits limits = {64, record[i], 0};
        apr_size_t at_a = 0;
        apr_size_t at_b = 0;
        clp_json_error e = clp_json_scan(a, in, &limits, &at_a);
        FUZZ_CHECK(clp_json_scan_words(b, in, &limits, &at_b) == e);
        FUZZ_CHECK(at_a == at_b && at_a <= size);
        FUZZ_CHECK(i == 2 || (e == verdict && at_a == place));
        verdict = e;
        place = at_a;
        FUZZ_CHECK(a->count == b->count && !a->count == !!e);
        FUZZ_CHECK(!a->count || !memcmp(a->tokens, b->tokens, a->count * sizeof(*a->tokens)));
        check_tokens(a);
    }
    if (verdict == CLP_JSON_OK) {
        apr_uint32_t values = 0;
        clp_json_error e = clp_json_scan(b, clp_span_of(in.p, size / 2), NULL, NULL);
        FUZZ_CHECK(e == CLP_JSON_OK || e == CLP_JSON_TRUNCATED);
        for (apr_uint32_t i = 0; i < a->count; i++) {
            clp_jval v = {a, i};
            values += !(a->tokens[i].flags & CLP_JSON_F_KEY);
            if (i < RESCANS) {
                FUZZ_CHECK(clp_json_scan(b, clp_jval_raw(v), NULL, NULL) == CLP_JSON_OK);
                if (clp_jval_is_string(v)) {
                    check_string(v, b, pool);
                }
                clp_jval_path(v, (clp_json_path_style)(i % 2), pool);
            }
            if (i && i < RESCANS && a->tokens[i - 1].flags & CLP_JSON_F_KEY) {
                clp_jval key = {a, i - 1};
                const char *name = clp_jval_cstr(key, pool);
                FUZZ_CHECK(!name || clp_jval_named(v, name));
            }
        }
        apr_uint32_t seen = walk(clp_json_root(a), &budget);
        FUZZ_CHECK(budget < 0 || seen == values);
    }
    apr_pool_destroy(pool);
    return 0;
}
