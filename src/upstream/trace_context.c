/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/trace_context.h"

#include <apr_strings.h>

#include "wire/text.h"

/* Offsets in "00-<trace id>-<parent id>-<flags>". */
#define AT_TRACE  3
#define AT_PARENT (AT_TRACE + CLP_TRACE_ID_HEX + 1)
#define AT_FLAGS  (AT_PARENT + CLP_SPAN_ID_HEX + 1)
#define LENGTH    (AT_FLAGS + 2)

#define FLAG_SAMPLED 1

#define STATE_MEMBERS 32
#define STATE_LENGTH  4096
#define STATE_PART    256

/* Upper case is not valid: values are compared as text by whoever comes behind us. */
static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `n` hex digits; for ids not all of them 0. */
static int is_hex(const char *p, apr_size_t n, int is_id)
{
    int any = 0;

    for (apr_size_t i = 0; i < n; i++) {
        if (hex(p[i]) < 0) {
            return 0;
        }
        any |= p[i] != '0';
    }
    return any || !is_id;
}

/* A later version may add parts behind a dash. */
static int is_traceparent(const char *p)
{
    apr_size_t n = strlen(p);

    if (n < LENGTH || !is_hex(p, 2, 0) || !strncmp(p, "ff", 2)) {
        return 0;
    }
    if (n > LENGTH && (!strncmp(p, "00", 2) || p[LENGTH] != '-')) {
        return 0;
    }
    return p[AT_TRACE - 1] == '-' && p[AT_PARENT - 1] == '-' && p[AT_FLAGS - 1] == '-' &&
           is_hex(p + AT_TRACE, CLP_TRACE_ID_HEX, 1) && is_hex(p + AT_PARENT, CLP_SPAN_ID_HEX, 1) &&
           is_hex(p + AT_FLAGS, 2, 0);
}

static int is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("_-*/@", c));
}

static int is_member(const char *p, apr_size_t n)
{
    const char *equals = memchr(p, '=', n);
    apr_size_t key = equals ? (apr_size_t)(equals - p) : 0;
    apr_size_t value = n - key - 1;

    if (!key || key > STATE_PART || !value || value > STATE_PART) {
        return 0;
    }
    for (apr_size_t i = 0; i < key; i++) {
        if (!is_key_char(p[i]) || (i == 0 && strchr("_-*/@", p[i]))) {
            return 0;
        }
    }
    for (const char *v = equals + 1; v < p + n; v++) {
        if (*v < 0x20 || *v > 0x7e || *v == '=') {
            return 0;
        }
    }
    return 1;
}

/* Members between commas with blanks around; empty ones are allowed. */
static int is_tracestate(const char *p)
{
    int members = 0;

    if (strlen(p) > STATE_LENGTH) {
        return 0;
    }
    for (;;) {
        const char *end;
        apr_size_t n;

        p += strspn(p, " \t");
        n = strcspn(p, ",");
        end = p + n;
        while (n && (p[n - 1] == ' ' || p[n - 1] == '\t')) {
            n--;
        }
        if (n && (!is_member(p, n) || ++members > STATE_MEMBERS)) {
            return 0;
        }
        if (!*end) {
            return members > 0;
        }
        p = end + 1;
    }
}

void clp_trace_read(clp_trace *out, const apr_table_t *from_client)
{
    const char *parent = apr_table_get(from_client, "traceparent");
    const char *state = apr_table_get(from_client, "tracestate");

    memset(out, 0, sizeof(*out));
    if (!parent || !is_traceparent(parent)) {
        return;
    }
    out->traceparent = parent;
    out->tracestate = state && is_tracestate(state) ? state : NULL;
    memcpy(out->trace_id, parent + AT_TRACE, CLP_TRACE_ID_HEX);
    memcpy(out->parent, parent + AT_PARENT, CLP_SPAN_ID_HEX);
    out->sampled = hex(parent[AT_FLAGS + 1]) & FLAG_SAMPLED;
}

/* --- ids of our own ------------------------------------------------------------------- */

static void put_hex(char *out, const unsigned char *bytes, apr_size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (apr_size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

/* All zeroes would mean that there is no id. */
static void make_id(char *out, apr_size_t digits)
{
    unsigned char bytes[CLP_TRACE_ID_HEX / 2];

    clp_random_bytes(bytes, digits / 2);
    bytes[0] |= 1;
    put_hex(out, bytes, digits / 2);
}

void clp_trace_record(clp_trace *trace)
{
    if (trace->traceparent && !trace->sampled) {
        return;
    }
    if (!trace->traceparent) {
        make_id(trace->trace_id, CLP_TRACE_ID_HEX);
        trace->sampled = 1;
    }
    make_id(trace->span, CLP_SPAN_ID_HEX);
}

/* From the request's span, so that nobody has to keep it: the finaliser of SplitMix64 maps
 * different numbers to different ones. */
void clp_trace_attempt(const clp_trace *trace, int number, char out[CLP_SPAN_ID_HEX + 1])
{
    apr_uint64_t x = 0;
    unsigned char bytes[CLP_SPAN_ID_HEX / 2];

    for (int i = 0; i < CLP_SPAN_ID_HEX; i++) {
        x = x << 4 | (apr_uint64_t)hex(trace->span[i]);
    }
    x += (apr_uint64_t)(number + 1) * APR_UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    x = x ? x : 1;
    for (int i = CLP_SPAN_ID_HEX / 2 - 1; i >= 0; i--, x >>= 8) {
        bytes[i] = (unsigned char)x;
    }
    put_hex(out, bytes, sizeof(bytes));
}

void clp_trace_write(apr_table_t *to_upstream, const clp_trace *trace, int number, apr_pool_t *pool)
{
    char span[CLP_SPAN_ID_HEX + 1];

    apr_table_unset(to_upstream, "traceparent");
    apr_table_unset(to_upstream, "tracestate");
    if (trace->span[0]) {
        clp_trace_attempt(trace, number, span);
        apr_table_setn(to_upstream, "traceparent",
                       apr_pstrcat(pool, "00-", trace->trace_id, "-", span, "-01", NULL));
    }
    else if (trace->traceparent) {
        apr_table_setn(to_upstream, "traceparent", trace->traceparent);
    }
    if (trace->tracestate) {
        apr_table_setn(to_upstream, "tracestate", trace->tracestate);
    }
}
