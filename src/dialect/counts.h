/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_COUNTS_H
#define CLP_DIALECT_COUNTS_H

#include "wire/buffer.h"
#include "wire/json_scan.h"

/**
 * @file counts.h
 * @brief Answers of the endpoints that count a request's tokens, for the
 * dialects that have one; what the functions do is told in dialect/dialect.h.
 */
apr_int64_t clp_messages_read_count(clp_jval answer);
void clp_messages_write_count(apr_int64_t tokens, clp_buffer *out);

apr_int64_t clp_responses_read_count(clp_jval answer);
void clp_responses_write_count(apr_int64_t tokens, clp_buffer *out);

apr_int64_t clp_gemini_read_count(clp_jval answer);
void clp_gemini_write_count(apr_int64_t tokens, clp_buffer *out);

#endif
