/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/envelope.h"

#include <apr_strings.h>

#include "tap.h"

static const clp_envelope_key key = {"0123456789abcdef0123456789abcdef"};
static const clp_envelope_key other = {"0123456789abcdef0123456789abcdeg"};

static clp_state state_of(clp_provider provider, clp_state_kind kind, clp_span payload)
{
    clp_state s = {provider, kind, payload};
    return s;
}

static clp_span sealed(const clp_state *s, apr_pool_t *pool)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_envelope_seal(out, s, &key);
    return clp_buffer_all(out);
}

static void test_known(apr_pool_t *pool)
{
    clp_state s = state_of(CLP_PROVIDER_CLAUDE, CLP_STATE_BLOCK, CLP_SPAN_LIT("sig"));
    clp_state empty = state_of(CLP_PROVIDER_GEMINI, CLP_STATE_EMPTY_TEXT, CLP_SPAN_LIT(""));

    /* printf 'GWR1cbsig' | openssl dgst -sha256 -mac HMAC -macopt key:0123… -binary | head -c 16 */
    IS_SPAN(sealed(&s, pool), CLP_SPAN_LIT("R1dSMWNic2lnFLunpCDWzhsaFWAWqVjD1g=="),
            "an envelope as made elsewhere");
    OK(clp_envelope_open(&s, clp_text_plain(sealed(&empty, pool)), &key, pool), "without payload");
    OK(s.provider == CLP_PROVIDER_GEMINI && s.kind == CLP_STATE_EMPTY_TEXT && s.payload.n == 0,
       "and what it says");
}

static void test_round(apr_pool_t *pool)
{
    char bytes[100000];
    int whole = 1;
    for (apr_size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
    for (apr_size_t n = 0; n < sizeof(bytes); n += n < 70 ? 1 : 9973) {
        clp_state in = state_of(CLP_PROVIDER_OPENAI, CLP_STATE_REDACTED, clp_span_of(bytes, n)),
                  out;
        clp_span text = sealed(&in, pool);
        whole &= clp_envelope_like(clp_text_plain(text)) &&
                 clp_envelope_open(&out, clp_text_escaped(text), &key, pool) &&
                 out.provider == in.provider && out.kind == in.kind &&
                 clp_span_eq(out.payload, in.payload);
    }
    OK(whole, "any bytes of any length come back");
}

static void test_broken(apr_pool_t *pool)
{
    clp_state in = state_of(CLP_PROVIDER_CLAUDE, CLP_STATE_BLOCK, CLP_SPAN_LIT("signature")), out;
    clp_span text = sealed(&in, pool);
    char *copy = apr_pstrmemdup(pool, text.p, text.n);
    int opened = 0;

    for (apr_size_t i = 0; i < text.n; i++) {
        char was = copy[i];
        for (int c = 0; c < 256; c++) {
            copy[i] = (char)c;
            opened +=
                (char)c != was &&
                clp_envelope_open(&out, clp_text_plain(clp_span_of(copy, text.n)), &key, pool);
        }
        copy[i] = was;
    }
    IS_INT(opened, 0, "no byte can be changed");
    for (apr_size_t n = 0; n < text.n; n++) {
        opened += clp_envelope_open(&out, clp_text_plain(clp_span_of(copy, n)), &key, pool);
    }
    IS_INT(opened, 0, "nor can it be cut");
    IS_INT(out.provider, CLP_PROVIDER_NONE, "what was not opened is nobody's");
    OK(!clp_envelope_open(&out, clp_text_plain(text), &other, pool), "another gateway's key");
    OK(!clp_envelope_open(&out, clp_text_plain(text), NULL, pool), "no key");
    OK(!clp_envelope_open(&out, clp_text_str(NULL), &key, pool), "no text");
    OK(clp_envelope_open(&out, clp_text_plain(text), &key, pool), "the right key");
}

static void test_kinds(apr_pool_t *pool)
{
    clp_state strange = state_of((clp_provider)'x', CLP_STATE_BLOCK, CLP_SPAN_LIT("s")), out;
    OK(!clp_envelope_open(&out, clp_text_plain(sealed(&strange, pool)), &key, pool),
       "an unknown provider, although genuine");
    strange = state_of(CLP_PROVIDER_CLAUDE, (clp_state_kind)'x', CLP_SPAN_LIT("s"));
    OK(!clp_envelope_open(&out, clp_text_plain(sealed(&strange, pool)), &key, pool),
       "an unknown kind");
    OK(!clp_envelope_like(clp_text_str("EqQBCgIYAhIM")), "Claude's own signature is none");
}

static void read_state(clp_state *out, clp_text text, apr_pool_t *pool)
{
    clp_state_read(out, text, CLP_PROVIDER_CLAUDE, CLP_STATE_BLOCK, &key, pool);
}

static void test_history(apr_pool_t *pool)
{
    clp_state in = state_of(CLP_PROVIDER_OPENAI, CLP_STATE_BLOCK, CLP_SPAN_LIT("\xff\xfb{}")), out;
    clp_buffer *carried = clp_buffer_make(pool, 0);
    clp_span text = sealed(&in, pool);

    read_state(&out, clp_text_plain(text), pool);
    IS_SPAN(out.payload, in.payload, "an envelope in a history is opened");
    text = clp_span_str(
        apr_pstrcat(pool, "R1dS", apr_pstrmemdup(pool, text.p + 4, text.n - 5), "_", NULL));
    read_state(&out, clp_text_plain(text), pool);
    IS_INT(out.provider, CLP_PROVIDER_NONE, "a broken one is foreign");
    read_state(&out, clp_text_str("EqQB/Cg=="), pool);
    OK(out.provider == CLP_PROVIDER_CLAUDE && out.kind == CLP_STATE_BLOCK, "others are native");
    read_state(&out, clp_text_escaped(CLP_SPAN_LIT("EqQB\\/Cg==")), pool);
    IS_SPAN(out.payload, CLP_SPAN_LIT("EqQB/Cg=="), "with escapes resolved");
    read_state(&out, clp_text_str(""), pool);
    IS_INT(out.provider, CLP_PROVIDER_NONE, "nothing is no state");

    in.payload = clp_span_of(NULL, 0);
    clp_state_carry(carried, &in, clp_text_escaped(CLP_SPAN_LIT("{\\\"id\\\":\\\"\xc3\xa4\\\"}")),
                    NULL);
    IS_INT((long)carried->n, 0, "without a key nothing is carried");
    clp_state_carry(carried, &in, clp_text_escaped(CLP_SPAN_LIT("{\\\"id\\\":\\\"\xc3\xa4\\\"}")),
                    &key);
    OK(clp_envelope_open(&out, clp_text_plain(clp_buffer_all(carried)), &key, pool), "carried");
    IS_SPAN(out.payload, CLP_SPAN_LIT("{\"id\":\"\xc3\xa4\"}"), "as plain bytes");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_known(pool);
    test_round(pool);
    test_broken(pool);
    test_kinds(pool);
    test_history(pool);
    return tap_end();
}
