/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <zlib.h>
#include <zstd.h>

#include "tap.h"
#include "wire/coding.h"
#include "wire/json_scan.h"

#define MANY (300 * 1024)
#define RAW  (-MAX_WBITS)
#define ZLIB MAX_WBITS
#define GZIP (MAX_WBITS + 16)

static apr_pool_t *pool;
static clp_buffer *out;
static clp_span text; /* MANY bytes that compress somewhat */

static void deflate_to(clp_buffer *b, clp_span s, int window)
{
    z_stream z;
    memset(&z, 0, sizeof(z));
    deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (Bytef *)s.p;
    z.avail_in = (uInt)s.n;
    z.avail_out = (uInt)deflateBound(&z, s.n) + 64;
    z.next_out = (Bytef *)clp_buffer_reserve(b, z.avail_out);
    deflate(&z, Z_FINISH);
    b->n += z.total_out;
    deflateEnd(&z);
}

static void zstd_to(clp_buffer *b, clp_span s, int window_log)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_inBuffer in = {s.p, s.n, 0};
    ZSTD_outBuffer to = {NULL, ZSTD_compressBound(s.n) + 64, 0};
    if (window_log) {
        /* as a streaming sender writes it: no content size in the frame */
        ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_log);
        ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
    }
    to.dst = clp_buffer_reserve(b, to.size);
    if (window_log) {
        ZSTD_compressStream2(z, &to, &in, ZSTD_e_continue);
    }
    ZSTD_compressStream2(z, &to, &in, ZSTD_e_end);
    b->n += to.pos;
    ZSTD_freeCCtx(z);
}

static clp_span coded(clp_coding coding, clp_span s)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    switch (coding) {
    case CLP_CODING_GZIP: deflate_to(b, s, GZIP); break;
    case CLP_CODING_DEFLATE: deflate_to(b, s, ZLIB); break;
    case CLP_CODING_ZSTD: zstd_to(b, s, 0); break;
    default: clp_buffer_span(b, s); break;
    }
    return clp_buffer_all(b);
}

/* Decode in a block that ends with the body. */
static clp_problem *decode(clp_coding coding, clp_span body, apr_size_t cap)
{
    char *copy = malloc(body.n ? body.n : 1);
    clp_problem *p;
    if (body.n) {
        memcpy(copy, body.p, body.n);
    }
    clp_buffer_clear(out);
    clp_buffer_lit(out, "before");
    p = clp_coding_decode(coding, clp_span_of(copy, body.n), cap, out, pool);
    free(copy);
    return p;
}

static int decoded_is(clp_span want)
{
    return out->n == want.n + 6 && memcmp(out->p, "before", 6) == 0 &&
           (!want.n || memcmp(out->p + 6, want.p, want.n) == 0);
}

static void is_problem(clp_problem *p, clp_problem_class cls, const char *code, const char *name)
{
    clp_json *json = clp_json_make(pool);
    OK(p && p->cls == cls, "%s", name);
    if (!p) {
        return;
    }
    IS_STR(p->code, code, "its code");
    IS_INT(clp_json_scan(json, p->details, NULL, NULL), CLP_JSON_OK, "its details are JSON");
    OK(clp_jval_str_is(clp_jval_get(clp_json_root(json), "error_code"), code), "with the code");
    OK(decoded_is(clp_span_of("", 0)), "nothing half decoded is left");
    OK(!out->overflow && out->cap == 0, "the buffer is as it was");
}

#define INVALID     "request_body_encoding_invalid"
#define TOO_LARGE   "request_body_too_large_after_decoding"
#define UNSUPPORTED "request_body_encoding_unsupported"

static void test_parse(void)
{
    static const struct {
        const char *value;
        clp_coding want;
    } cases[] = {{NULL, CLP_CODING_IDENTITY},         {"", CLP_CODING_IDENTITY},
                 {"identity", CLP_CODING_IDENTITY},   {" , ", CLP_CODING_IDENTITY},
                 {"gzip", CLP_CODING_GZIP},           {"GZip", CLP_CODING_GZIP},
                 {"x-gzip", CLP_CODING_GZIP},         {"deflate", CLP_CODING_DEFLATE},
                 {"zstd", CLP_CODING_ZSTD},           {"  zstd\t", CLP_CODING_ZSTD},
                 {"identity, gzip", CLP_CODING_GZIP}, {"gzip ,identity,", CLP_CODING_GZIP},
                 {"gzip, gzip", CLP_CODING_UNKNOWN},  {"gzip, zstd", CLP_CODING_UNKNOWN},
                 {"br", CLP_CODING_UNKNOWN},          {"gzi", CLP_CODING_UNKNOWN},
                 {"gzipp", CLP_CODING_UNKNOWN},       {"gzip zstd", CLP_CODING_UNKNOWN},
                 {"gzip;q=1", CLP_CODING_UNKNOWN},    {"br, identity", CLP_CODING_UNKNOWN},
                 {"br, gzip", CLP_CODING_UNKNOWN}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IS_INT(clp_coding_parse(cases[i].value), cases[i].want,
               cases[i].value ? cases[i].value : "(none)");
    }
}

static void test_each(clp_coding coding, const char *name)
{
    clp_span body = coded(coding, text);
    clp_span empty = coded(coding, clp_span_of("", 0));
    char *bad;

    OK(!decode(coding, body, MANY) && decoded_is(text), "%s: as large as the cap", name);
    OK(!decode(coding, empty, 0) && decoded_is(clp_span_of("", 0)), "%s: empty", name);
    is_problem(decode(coding, body, MANY - 1), CLP_TOO_LARGE, TOO_LARGE, "a byte over the cap");
    is_problem(decode(coding, body, 0), CLP_TOO_LARGE, TOO_LARGE, "no byte allowed");
    if (coding == CLP_CODING_IDENTITY) {
        return;
    }
    for (apr_size_t cut = 0; cut < body.n; cut += cut < 40 || cut + 40 > body.n ? 1 : 997) {
        clp_problem *p = decode(coding, clp_span_of(body.p, cut), MANY);
        if (!p || p->cls != CLP_BAD_REQUEST) {
            OK(0, "%s: cut at %d", name, (int)cut);
        }
    }
    is_problem(decode(coding, clp_span_of(body.p, body.n - 1), MANY), CLP_BAD_REQUEST, INVALID,
               "a byte is missing");
    OK(strstr(decode(coding, clp_span_of(body.p, 20), MANY)->message, name) != NULL,
       "the message names %s", name);
    is_problem(decode(coding, CLP_SPAN_LIT("{\"model\":\"x\",\"messages\":[]}"), MANY),
               CLP_BAD_REQUEST, INVALID, "not coded at all");
    bad = malloc(body.n + 1);
    memcpy(bad, body.p, body.n);
    bad[body.n] = 'x';
    is_problem(decode(coding, clp_span_of(bad, body.n + 1), MANY), CLP_BAD_REQUEST, INVALID,
               "bytes behind the end");
    if (coding != CLP_CODING_ZSTD) {
        bad[body.n - 2] ^= 1;
        is_problem(decode(coding, clp_span_of(bad, body.n), MANY), CLP_BAD_REQUEST, INVALID,
                   "a wrong checksum");
    }
    free(bad);
}

static void test_members(void)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    clp_buffer *frame = clp_buffer_make(pool, 0);

    deflate_to(b, CLP_SPAN_LIT("one "), GZIP);
    deflate_to(b, clp_span_of("", 0), GZIP);
    deflate_to(b, CLP_SPAN_LIT("two"), GZIP);
    OK(!decode(CLP_CODING_GZIP, clp_buffer_all(b), 7) && decoded_is(CLP_SPAN_LIT("one two")),
       "gzip members follow each other");
    OK(decode(CLP_CODING_GZIP, clp_buffer_all(b), 6), "the cap is for all of them");
    OK(decode(CLP_CODING_GZIP, clp_span_of(b->p, b->n - 4), 7), "the last one is cut");
    clp_buffer_clear(b);
    zstd_to(b, CLP_SPAN_LIT("one "), 0);
    zstd_to(frame, CLP_SPAN_LIT("two"), 0);
    clp_buffer_append(b, "\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
    clp_buffer_span(b, clp_buffer_all(frame));
    OK(!decode(CLP_CODING_ZSTD, clp_buffer_all(b), 7) && decoded_is(CLP_SPAN_LIT("one two")),
       "zstd frames follow each other, one skipped");
    OK(decode(CLP_CODING_ZSTD, clp_buffer_all(b), 6), "the cap is for all of them");
    OK(decode(CLP_CODING_ZSTD, clp_span_of(b->p, b->n - 1), 7), "the last one is cut");
}

static void test_deflate_kinds(void)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    deflate_to(b, text, RAW);
    OK(!decode(CLP_CODING_DEFLATE, clp_buffer_all(b), MANY) && decoded_is(text), "bare deflate");
    is_problem(decode(CLP_CODING_DEFLATE, clp_buffer_all(b), MANY - 1), CLP_TOO_LARGE, TOO_LARGE,
               "bare deflate over the cap");
    OK(decode(CLP_CODING_DEFLATE, clp_span_of(b->p, b->n - 1), MANY), "bare deflate, cut");
    /* a stored block whose first bytes look like a zlib header: 0x78 0x01 is block type 0 with
     * padding 01111b, its length 0x0001 */
    OK(!decode(CLP_CODING_DEFLATE,
               CLP_SPAN_LIT("\x78\x01\x00\xfe\xff"
                            "A"
                            "\x01\x00\x00\xff\xff"),
               9) &&
           decoded_is(CLP_SPAN_LIT("A")),
       "bare deflate that begins like zlib");
    is_problem(decode(CLP_CODING_DEFLATE,
                      CLP_SPAN_LIT("\x78\x01\x00\xfe\xff"
                                   "A"
                                   "\x01\x00\x00\xff\xff"),
                      0),
               CLP_TOO_LARGE, TOO_LARGE, "the same over the cap");
}

static void test_bombs(void)
{
    apr_size_t n = 64 * 1024 * 1024;
    char *zeros = calloc(1, n);
    clp_coding codings[] = {CLP_CODING_GZIP, CLP_CODING_DEFLATE, CLP_CODING_ZSTD};

    for (int i = 0; i < 3; i++) {
        clp_span body = coded(codings[i], clp_span_of(zeros, n));
        clp_buffer_release(out);
        is_problem(decode(codings[i], body, 100000), CLP_TOO_LARGE, TOO_LARGE, "64 MiB of zeros");
        OK(body.n < n / 500, "come in %d bytes", (int)body.n);
        OK(out->room <= 100000 + 7, "and take no more than the cap (%d)", (int)out->room);
    }
    free(zeros);
}

static void test_window(void)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    zstd_to(b, text, 23);
    OK(!decode(CLP_CODING_ZSTD, clp_buffer_all(b), MANY) && decoded_is(text), "a window of 8 MiB");
    clp_buffer_clear(b);
    zstd_to(b, text, 27);
    OK(!decode(CLP_CODING_ZSTD, clp_buffer_all(b), 1 << 27), "128 MiB for a body that large");
    is_problem(decode(CLP_CODING_ZSTD, clp_buffer_all(b), MANY), CLP_BAD_REQUEST, INVALID,
               "128 MiB where no body is that large");
    clp_buffer_clear(b);
    zstd_to(b, text, 28);
    is_problem(decode(CLP_CODING_ZSTD, clp_buffer_all(b), 1 << 30), CLP_BAD_REQUEST, INVALID,
               "never 256 MiB");
}

static void test_rest(void)
{
    clp_buffer *small = clp_buffer_make(pool, 100);
    clp_span body = coded(CLP_CODING_GZIP, text);
    clp_problem *p;

    is_problem(decode(CLP_CODING_UNKNOWN, text, MANY), CLP_UNSUPPORTED_CODING, UNSUPPORTED,
               "an unknown coding");
    p = clp_coding_decode(CLP_CODING_GZIP, body, MANY, small, pool);
    OK(p && p->cls == CLP_TOO_LARGE && small->cap == 100, "the buffer's own cap counts too");
    OK(!clp_coding_decode(CLP_CODING_GZIP, body, (apr_size_t)-1, out, pool), "no cap");
}

int main(void)
{
    char *p;
    pool = tap_begin();
    out = clp_buffer_make(pool, 0);
    p = apr_palloc(pool, MANY);
    srand(7);
    for (int i = 0; i < MANY; i++) {
        p[i] = (char)("the quick brown fox "[i % 20] + (rand() % 4 ? 0 : rand() % 3));
    }
    text = clp_span_of(p, MANY);
    test_parse();
    test_each(CLP_CODING_IDENTITY, "identity");
    test_each(CLP_CODING_GZIP, "gzip");
    test_each(CLP_CODING_DEFLATE, "deflate");
    test_each(CLP_CODING_ZSTD, "zstd");
    test_members();
    test_deflate_kinds();
    test_bombs();
    test_window();
    test_rest();
    return tap_end();
}
