/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "body.h"

#include <apr_strings.h>

#include "http_protocol.h"

#include "wire/buffer.h"
#include "wire/coding.h"

/* Asked of the input filters at once. */
#define READ_SIZE (64 * 1024)

static clp_problem *too_large(request_rec *r, apr_int64_t max)
{
    return clp_problem_make(r->pool, CLP_TOO_LARGE,
                            "The request body is larger than %" APR_INT64_T_FMT
                            " bytes. Send less, or ask the administrator to raise "
                            "ClaudeMaxRequestBody.",
                            max);
}

static int read_all(request_rec *r, clp_buffer *into, apr_int64_t max, clp_problem **problem)
{
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    int seen_eos = 0;

    while (!seen_eos) {
        apr_status_t rv =
            ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, APR_BLOCK_READ, READ_SIZE);
        if (rv != APR_SUCCESS) {
            return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        }
        for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
             b = APR_BUCKET_NEXT(b)) {
            const char *p;
            apr_size_t n;
            if (APR_BUCKET_IS_EOS(b)) {
                seen_eos = 1;
                break;
            }
            if (APR_BUCKET_IS_METADATA(b)) {
                continue;
            }
            rv = apr_bucket_read(b, &p, &n, APR_BLOCK_READ);
            if (rv != APR_SUCCESS) {
                return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
            }
            if ((apr_int64_t)(into->n + n) > max) {
                *problem = too_large(r, max);
                return OK;
            }
            clp_buffer_append(into, p, n);
        }
        apr_brigade_cleanup(bb);
    }
    return OK;
}

static clp_coding coding_of(request_rec *r)
{
    return clp_coding_parse(apr_table_get(r->headers_in, "Content-Encoding"));
}

int clp_body_take(request_rec *r, apr_int64_t max, apr_int64_t max_decoded, clp_span *body,
                  clp_problem **problem)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    clp_coding coding = coding_of(r);
    clp_buffer *raw = clp_buffer_make(r->pool, 0);
    clp_buffer *decoded;
    int status;

    *problem = NULL;
    if (coding == CLP_CODING_UNKNOWN) {
        *problem = clp_coding_decode(coding, clp_span_of("", 0), 0, raw, r->pool);
        return OK;
    }
    if (length) {
        apr_int64_t announced = apr_strtoi64(length, NULL, 10);
        if (announced > max) {
            *problem = too_large(r, max);
            return OK;
        }
        /* One block of the right size: doubling would cost a body twice. */
        clp_buffer_reserve(raw, (apr_size_t)announced + 1);
    }
    status = read_all(r, raw, max, problem);
    if (status != OK || *problem) {
        return status;
    }
    /* An input filter that took it off has taken it out of the header too. */
    coding = coding_of(r);
    if (coding == CLP_CODING_IDENTITY) {
        *body = clp_buffer_all(raw);
        return OK;
    }
    decoded = clp_buffer_make(r->pool, 0);
    *problem =
        clp_coding_decode(coding, clp_buffer_all(raw), (apr_size_t)max_decoded, decoded, r->pool);
    clp_buffer_release(raw);
    *body = clp_buffer_all(decoded);
    return OK;
}

int clp_body_read(request_rec *r, clp_request *q, clp_problem **problem)
{
    return clp_body_take(r, CLP_CONF(q->conf, max_body), CLP_CONF(q->conf, max_decoded), &q->body,
                         problem);
}
