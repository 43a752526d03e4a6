/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_CODING_H
#define CLP_WIRE_CODING_H

#include <apr_pools.h>

#include "wire/buffer.h"
#include "wire/problem.h"
#include "wire/span.h"

/**
 * @file coding.h
 * @brief Content codings of request bodies: gzip (RFC 1952), deflate (RFC 9110
 * 8.4.1.2: zlib, bare deflate accepted as browsers do), zstd (RFC 8878).
 */
typedef enum clp_coding {
    CLP_CODING_IDENTITY = 0,
    CLP_CODING_GZIP,
    CLP_CODING_DEFLATE,
    CLP_CODING_ZSTD,
    CLP_CODING_UNKNOWN
} clp_coding;

/** What a Content-Encoding value names; NULL, "" and "identity" are identity;
 * a list of several is unknown, except that identity in it is ignored. */
clp_coding clp_coding_parse(const char *content_encoding);

/**
 * Decode a whole body. `cap` bounds the decoded bytes.
 * @return NULL and the bytes appended to `out`, or a problem: too large (413),
 *         corrupt or cut (400), unknown coding (415). Errors name the coding.
 */
clp_problem *clp_coding_decode(clp_coding coding, clp_span body, apr_size_t cap, clp_buffer *out,
                               apr_pool_t *pool);

#endif
