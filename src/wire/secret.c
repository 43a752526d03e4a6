/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/text.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define MARK_N 9 /* '_' and 8 hex digits */

static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void sha256_fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* EVP_sha256() would be looked up among all providers' digests, under a lock, each time. */
void clp_sha256(clp_span s, unsigned char out[32])
{
    pthread_once(&sha256_once, sha256_fetch);
    if (!sha256 || !EVP_Digest(s.n ? s.p : "", s.n, out, NULL, sha256, NULL)) {
        abort(); /* no memory, or a libcrypto without SHA-256 */
    }
}

void clp_sha256_hex(clp_span s, char out[65])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[32];

    clp_sha256(s, raw);
    for (int i = 0; i < 32; i++) {
        out[2 * i] = hex[raw[i] >> 4];
        out[2 * i + 1] = hex[raw[i] & 15];
    }
    out[64] = '\0';
}

static int is_legal(unsigned char c, clp_charset set)
{
    switch (set) {
    case CLP_CHARSET_TOOL:
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
               c == '-';
    }
    return 0;
}

const char *clp_text_fit(const char *s, clp_charset set, apr_size_t max, apr_pool_t *pool)
{
    apr_size_t n = strlen(s);
    apr_size_t legal = 0;
    apr_size_t keep;
    char hash[65];
    char *fit;

    while (legal < n && is_legal((unsigned char)s[legal], set)) {
        legal++;
    }
    if (n && legal == n && n <= max) {
        return s;
    }
    keep = max > MARK_N ? max - MARK_N : 0;
    if (keep > n) {
        keep = n;
    }
    fit = apr_palloc(pool, keep + MARK_N + 1);
    for (apr_size_t i = 0; i < keep; i++) {
        fit[i] = is_legal((unsigned char)s[i], set) ? s[i] : '_';
    }
    clp_sha256_hex(clp_span_of(s, n), hash);
    fit[keep] = '_';
    memcpy(fit + keep + 1, hash, MARK_N - 1);
    fit[keep + MARK_N < max ? keep + MARK_N : max] = '\0';
    return fit;
}

/*
 * Random bytes in stock, one stock a thread: the generator costs several system
 * calls each time it is asked. A child must not deal out its parent's stock.
 */
typedef struct random_stock {
    pid_t owner;
    apr_size_t left;
    unsigned char bytes[512];
} random_stock;

static unsigned char random_byte(random_stock *stock)
{
    if (!stock->left) {
        if (RAND_bytes(stock->bytes, sizeof(stock->bytes)) != 1 &&
            apr_generate_random_bytes(stock->bytes, sizeof(stock->bytes)) != APR_SUCCESS) {
            abort(); /* ids that can be guessed would be worse */
        }
        stock->left = sizeof(stock->bytes);
    }
    return stock->bytes[--stock->left];
}

static random_stock *stock_of_thread(void)
{
    static __thread random_stock stock;
    pid_t self = getpid();

    if (stock.owner != self) {
        stock.owner = self;
        stock.left = 0;
    }
    return &stock;
}

void clp_random_bytes(unsigned char *out, apr_size_t n)
{
    random_stock *stock = stock_of_thread();

    for (apr_size_t i = 0; i < n; i++) {
        out[i] = random_byte(stock);
    }
}

const char *clp_random_base62(apr_size_t n, apr_pool_t *pool)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    random_stock *stock = stock_of_thread();
    char *s = apr_palloc(pool, n + 1);
    apr_size_t have = 0;

    while (have < n) {
        unsigned char byte = random_byte(stock);
        /* 248 = 4 * 62: above it the low digits would come more often */
        if (byte < 248) {
            s[have++] = digits[byte % 62];
        }
    }
    s[n] = '\0';
    return s;
}

const char *clp_mask_secret(const char *secret, apr_pool_t *pool)
{
    apr_size_t n = secret ? strlen(secret) : 0;
    apr_size_t show = n / 6 < 4 ? n / 6 : 4;
    char *masked;

    if (n <= 16) {
        return "****";
    }
    masked = apr_palloc(pool, 2 * show + 4);
    memcpy(masked, secret, show);
    memcpy(masked + show, "...", 3);
    memcpy(masked + show + 3, secret + n - show, show);
    masked[2 * show + 3] = '\0';
    for (char *p = masked; *p; p++) {
        if (*p < 0x21 || *p > 0x7e) {
            *p = '?';
        }
    }
    return masked;
}

int clp_holds_secret(clp_span text, const char *secret)
{
    apr_size_t n = secret ? strlen(secret) : 0;
    return n >= 8 && text.n >= n && memmem(text.p, text.n, secret, n) != NULL;
}

void clp_erase_secret(char *text, apr_size_t n, const char *secret)
{
    char *end = text + n;

    while (clp_holds_secret(clp_span_of(text, (apr_size_t)(end - text)), secret)) {
        apr_size_t length = strlen(secret);
        text = memmem(text, (apr_size_t)(end - text), secret, length);
        memset(text, '*', length);
        text += length;
    }
}

const char *clp_hide_secret(const char *text, const char *secret, const char *shown,
                            apr_pool_t *pool)
{
    clp_buffer out;
    const char *at;

    if (!text || !clp_holds_secret(clp_span_str(text), secret)) {
        return text;
    }
    clp_buffer_init(&out, pool, 0);
    while ((at = strstr(text, secret))) {
        clp_buffer_append(&out, text, (apr_size_t)(at - text));
        clp_buffer_puts(&out, shown);
        text = at + strlen(secret);
    }
    clp_buffer_puts(&out, text);
    text = clp_buffer_cstr(&out, pool);
    clp_buffer_release(&out);
    return text;
}
