/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/coding.h"

#include <stdlib.h>
#include <strings.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* How much output is asked for at once. */
#define CHUNK (64 * 1024)

/* RFC 9659 wants 8 MiB windows understood; more only where the body may be that large. */
#define ZSTD_WINDOW_LOG_LEAST 23
#define ZSTD_WINDOW_LOG_MOST  27

static const char *const names[] = {
    [CLP_CODING_IDENTITY] = "identity",
    [CLP_CODING_GZIP] = "gzip",
    [CLP_CODING_DEFLATE] = "deflate",
    [CLP_CODING_ZSTD] = "zstd",
};

static clp_coding coding_of(const char *p, apr_size_t n)
{
    for (int c = CLP_CODING_IDENTITY; c < CLP_CODING_UNKNOWN; c++) {
        if (strlen(names[c]) == n && strncasecmp(p, names[c], n) == 0) {
            return (clp_coding)c;
        }
    }
    /* RFC 9110 8.4.1.3 */
    return n == 6 && strncasecmp(p, "x-gzip", n) == 0 ? CLP_CODING_GZIP : CLP_CODING_UNKNOWN;
}

clp_coding clp_coding_parse(const char *content_encoding)
{
    static const char blank[] = " \t";
    clp_coding coding = CLP_CODING_IDENTITY;
    const char *p = content_encoding ? content_encoding : "";

    while (*p) {
        apr_size_t n;
        clp_coding next;
        p += strspn(p, " \t,");
        n = strcspn(p, ",");
        while (n && strchr(blank, p[n - 1])) {
            n--;
        }
        next = n ? coding_of(p, n) : CLP_CODING_IDENTITY;
        if (next != CLP_CODING_IDENTITY) {
            if (coding != CLP_CODING_IDENTITY) {
                return CLP_CODING_UNKNOWN;
            }
            coding = next;
        }
        p += n;
    }
    return coding;
}

/* --- output with a bound ------------------------------------------------ */

typedef enum outcome { DECODED, CORRUPT, CUT, TOO_LONG, WINDOW } outcome;

typedef struct sink {
    clp_buffer *out;
    apr_size_t from; /* where the decoded bytes begin */
    apr_size_t cap;
} sink;

/* Room for the next piece; one byte past the cap, so that passing it shows. */
static char *sink_room(sink *k, apr_size_t *n)
{
    apr_size_t left = k->cap - (k->out->n - k->from);
    *n = left < CHUNK ? left + 1 : CHUNK;
    return clp_buffer_reserve(k->out, *n);
}

/* Book `n` bytes; false when they pass the cap. */
static int sink_add(sink *k, apr_size_t n)
{
    k->out->n += n;
    return k->out->n - k->from <= k->cap;
}

/* --- zlib --------------------------------------------------------------- */

#define WINDOW_RAW  (-MAX_WBITS)
#define WINDOW_ZLIB MAX_WBITS
#define WINDOW_GZIP (MAX_WBITS + 16)

static outcome inflate_member(z_stream *z, sink *k, clp_span *left)
{
    for (;;) {
        apr_size_t room;
        uInt given = left->n > 0x40000000 ? 0x40000000 : (uInt)left->n;
        char *to = sink_room(k, &room);
        int rc;
        if (!to) {
            return TOO_LONG;
        }
        z->next_in = (Bytef *)left->p;
        z->avail_in = given;
        z->next_out = (Bytef *)to;
        z->avail_out = (uInt)room;
        rc = inflate(z, Z_NO_FLUSH);
        left->p += given - z->avail_in;
        left->n -= given - z->avail_in;
        if (!sink_add(k, room - z->avail_out)) {
            return TOO_LONG;
        }
        if (rc == Z_STREAM_END) {
            return DECODED;
        }
        if (rc == Z_MEM_ERROR) {
            abort();
        }
        if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return CORRUPT;
        }
        if (!left->n && z->avail_out) {
            return CUT;
        }
    }
}

static outcome inflate_all(clp_span body, sink *k, int window, int many)
{
    z_stream z;
    clp_span left = body;
    outcome o;

    memset(&z, 0, sizeof(z));
    if (inflateInit2(&z, window) != Z_OK) {
        abort();
    }
    do {
        o = inflate_member(&z, k, &left);
    } while (o == DECODED && left.n && many && inflateReset(&z) == Z_OK);
    inflateEnd(&z);
    return o == DECODED && left.n ? CORRUPT : o;
}

/* "deflate" is zlib's format by the RFC; some send the bare one. */
static outcome decode_deflate(clp_span body, sink *k)
{
    const unsigned char *p = (const unsigned char *)body.p;
    outcome o;

    if (body.n >= 2 && (p[0] & 0x0f) == 8 && p[0] >> 4 <= 7 && (p[0] << 8 | p[1]) % 31 == 0) {
        o = inflate_all(body, k, WINDOW_ZLIB, 0);
        if (o != CORRUPT) {
            return o;
        }
        k->out->n = k->from;
        o = inflate_all(body, k, WINDOW_RAW, 0);
        return o == CUT ? CORRUPT : o;
    }
    return inflate_all(body, k, WINDOW_RAW, 0);
}

/* --- zstd --------------------------------------------------------------- */

static int window_log(apr_size_t cap)
{
    int log = ZSTD_WINDOW_LOG_LEAST;
    while (log < ZSTD_WINDOW_LOG_MOST && (apr_size_t)1 << log < cap) {
        log++;
    }
    return log;
}

static outcome decode_zstd(clp_span body, sink *k)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer in = {body.p, body.n, 0};
    apr_size_t more = 1; /* 0 at the end of a frame */
    outcome o = DECODED;

    if (!z || ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, window_log(k->cap)))) {
        abort();
    }
    for (;;) {
        ZSTD_outBuffer out = {NULL, 0, 0};
        out.dst = sink_room(k, &out.size);
        if (!out.dst) {
            o = TOO_LONG;
            break;
        }
        more = ZSTD_decompressStream(z, &out, &in);
        if (ZSTD_isError(more)) {
            o = ZSTD_getErrorCode(more) == ZSTD_error_frameParameter_windowTooLarge ? WINDOW
                                                                                    : CORRUPT;
            break;
        }
        if (!sink_add(k, out.pos)) {
            o = TOO_LONG;
            break;
        }
        if (in.pos == in.size && (!more || out.pos < out.size)) {
            o = more ? CUT : DECODED;
            break;
        }
    }
    ZSTD_freeDCtx(z);
    return o;
}

/* --- both --------------------------------------------------------------- */

static clp_problem *problem_of(apr_pool_t *pool, outcome o, clp_coding coding, apr_size_t cap)
{
    const char *name = names[coding];
    clp_problem *p;

    switch (o) {
    case TOO_LONG:
        p = clp_problem_make(pool, CLP_TOO_LARGE,
                             "The request body is larger than %" APR_SIZE_T_FMT
                             " bytes after its Content-Encoding (%s) is undone. "
                             "Send a smaller request.",
                             cap, name);
        p->code = "request_body_too_large_after_decoding";
        p->details = CLP_SPAN_LIT("{\"error_code\":\"request_body_too_large_after_decoding\"}");
        return p;
    case WINDOW:
        p = clp_problem_make(pool, CLP_BAD_REQUEST,
                             "The request body (Content-Encoding: %s) needs a larger window than "
                             "%d MiB to decode. Compress it without long-distance matching.",
                             name, 1 << (window_log(cap) - 20));
        break;
    default:
        p = clp_problem_make(pool, CLP_BAD_REQUEST,
                             "The request body %s as its Content-Encoding (%s) says. Send it "
                             "whole and coded that way, or without a Content-Encoding.",
                             o == CUT ? "ends too early to be decoded" : "cannot be decoded", name);
        break;
    }
    p->code = "request_body_encoding_invalid";
    p->details = CLP_SPAN_LIT("{\"error_code\":\"request_body_encoding_invalid\"}");
    return p;
}

static clp_problem *problem_unknown(apr_pool_t *pool)
{
    clp_problem *p = clp_problem_make(pool, CLP_UNSUPPORTED_CODING,
                                      "The Content-Encoding of the request is not supported. "
                                      "Use gzip, deflate or zstd, or none.");
    p->code = "request_body_encoding_unsupported";
    p->details = CLP_SPAN_LIT("{\"error_code\":\"request_body_encoding_unsupported\"}");
    return p;
}

static outcome decode(clp_coding coding, clp_span body, sink *k)
{
    switch (coding) {
    case CLP_CODING_GZIP: return inflate_all(body, k, WINDOW_GZIP, 1);
    case CLP_CODING_DEFLATE: return decode_deflate(body, k);
    case CLP_CODING_ZSTD: return decode_zstd(body, k);
    default:
        if (body.n > k->cap) {
            return TOO_LONG;
        }
        clp_buffer_span(k->out, body);
        return k->out->overflow ? TOO_LONG : DECODED;
    }
}

clp_problem *clp_coding_decode(clp_coding coding, clp_span body, apr_size_t cap, clp_buffer *out,
                               apr_pool_t *pool)
{
    apr_size_t own_cap = out->cap;
    sink k = {out, out->n, cap};
    outcome o;

    if ((unsigned)coding >= CLP_CODING_UNKNOWN) {
        return problem_unknown(pool);
    }
    /* growth by doubling shall not pass the cap either */
    if (cap < (apr_size_t)-1 - out->n - 1 && (!own_cap || own_cap > out->n + cap + 1)) {
        out->cap = out->n + cap + 1 > out->room ? out->n + cap + 1 : out->room;
    }
    o = decode(coding, body, &k);
    out->cap = own_cap;
    if (o == DECODED) {
        return NULL;
    }
    out->n = k.from;
    out->overflow = 0;
    return problem_of(pool, o, coding, cap);
}
