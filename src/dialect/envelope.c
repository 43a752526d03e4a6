/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/envelope.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "wire/text.h"

#define MAGIC   "GWR1"
#define MAGIC_N 4
#define HEAD_N  (MAGIC_N + 2) /* provider and kind */
#define MAC_N   16

/* No provider's state comes near; what is longer costs memory only. */
#define TEXT_MAX (32 * 1024 * 1024)

/* Bytes turned into base64 in one call; without padding in between. */
#define ENCODE_STEP (3 * 16384)

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strict: no white space, padding only at the end, no stray bits. Bytes given, -1 for no base64. */
static apr_ssize_t decode(unsigned char *to, clp_span from)
{
    apr_size_t pad = 0, n = 0;
    apr_uint32_t bits = 0;
    int have = 0;

    if (from.n == 0 || from.n % 4) {
        return -1;
    }
    while (pad < 2 && from.p[from.n - 1 - pad] == '=') {
        pad++;
    }
    for (apr_size_t i = 0; i < from.n - pad; i++) {
        int d = digit(from.p[i]);
        if (d < 0) {
            return -1;
        }
        bits = (bits << 6) | (apr_uint32_t)d;
        have += 6;
        if (have >= 8) {
            have -= 8;
            to[n++] = (unsigned char)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits ? -1 : (apr_ssize_t)n;
}

static void encode(clp_buffer *out, clp_span bytes)
{
    while (bytes.n) {
        apr_size_t n = bytes.n < ENCODE_STEP ? bytes.n : ENCODE_STEP;
        char *to = clp_buffer_reserve(out, (n + 2) / 3 * 4 + 1);
        if (!to) {
            return;
        }
        out->n += (apr_size_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)bytes.p,
                                              (int)n);
        bytes.p += n;
        bytes.n -= n;
    }
}

static void make_mac(unsigned char mac[EVP_MAX_MD_SIZE], clp_span bytes,
                     const clp_envelope_key *key)
{
    if (!HMAC(EVP_sha256(), key->bytes, (int)sizeof(key->bytes), (const unsigned char *)bytes.p,
              bytes.n, mac, NULL)) {
        abort(); /* no memory, or a libcrypto without SHA-256 */
    }
}

void clp_envelope_seal(clp_buffer *out, const clp_state *state, const clp_envelope_key *key)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    clp_buffer raw;

    clp_buffer_init(&raw, out->pool, 0);
    clp_buffer_lit(&raw, MAGIC);
    clp_buffer_putc(&raw, (char)state->provider);
    clp_buffer_putc(&raw, (char)state->kind);
    clp_buffer_span(&raw, state->payload);
    make_mac(mac, clp_buffer_all(&raw), key);
    clp_buffer_append(&raw, (const char *)mac, MAC_N);
    encode(out, clp_buffer_all(&raw));
    clp_buffer_release(&raw);
}

static int is_provider(char c)
{
    return c == CLP_PROVIDER_CLAUDE || c == CLP_PROVIDER_OPENAI || c == CLP_PROVIDER_GEMINI;
}

static int is_kind(char c)
{
    return c == CLP_STATE_BLOCK || c == CLP_STATE_REDACTED || c == CLP_STATE_NEXT_CALL ||
           c == CLP_STATE_PREV_TEXT || c == CLP_STATE_EMPTY_TEXT;
}

int clp_envelope_open(clp_state *state, clp_text text, const clp_envelope_key *key,
                      apr_pool_t *pool)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    clp_span s = text.s;
    apr_ssize_t n;
    char *raw;

    memset(state, 0, sizeof(*state));
    if (!key || s.n > TEXT_MAX || !clp_envelope_like(text)) {
        return 0;
    }
    if (text.escaped && memchr(s.p, '\\', s.n)) {
        /* some clients spell the slash as \/ */
        clp_buffer *plain = clp_buffer_make(pool, 0);
        clp_text_unescape(plain, s);
        s = clp_buffer_all(plain);
    }
    raw = apr_palloc(pool, s.n / 4 * 3 + 3);
    n = decode((unsigned char *)raw, s);
    if (n < HEAD_N + MAC_N || memcmp(raw, MAGIC, MAGIC_N) != 0) {
        return 0;
    }
    make_mac(mac, clp_span_of(raw, (apr_size_t)n - MAC_N), key);
    if (CRYPTO_memcmp(mac, raw + n - MAC_N, MAC_N) != 0 || !is_provider(raw[MAGIC_N]) ||
        !is_kind(raw[MAGIC_N + 1])) {
        return 0;
    }
    state->provider = (clp_provider)raw[MAGIC_N];
    state->kind = (clp_state_kind)raw[MAGIC_N + 1];
    state->payload = clp_span_of(raw + HEAD_N, (apr_size_t)n - HEAD_N - MAC_N);
    return 1;
}

int clp_envelope_like(clp_text text)
{
    return clp_span_starts(text.s, CLP_ENVELOPE_MARK);
}

void clp_state_read(clp_state *state, clp_text text, clp_provider native, clp_state_kind kind,
                    const clp_envelope_key *key, apr_pool_t *pool)
{
    memset(state, 0, sizeof(*state));
    if (clp_envelope_like(text)) {
        clp_envelope_open(state, text, key, pool);
    }
    else if (text.s.n) {
        state->provider = native;
        state->kind = kind;
        state->payload = text.s;
        if (text.escaped && memchr(text.s.p, '\\', text.s.n)) {
            clp_buffer *plain = clp_buffer_make(pool, 0);
            clp_text_unescape(plain, text.s);
            state->payload = clp_buffer_all(plain);
        }
    }
}

void clp_state_carry(clp_buffer *out, const clp_state *state, clp_text payload,
                     const clp_envelope_key *key)
{
    clp_buffer plain;
    clp_state sealed = *state;

    if (!key) {
        return;
    }
    clp_buffer_init(&plain, out->pool, 0);
    clp_text_append_plain(&plain, payload);
    sealed.payload = clp_buffer_all(&plain);
    clp_envelope_seal(out, &sealed, key);
    clp_buffer_release(&plain);
}
