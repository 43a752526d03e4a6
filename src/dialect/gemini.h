/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_H
#define CLP_DIALECT_GEMINI_H

#include "dialect/dialect.h"

/**
 * @file gemini.h
 * @brief The functions behind clp_dialect_gemini; what each does is told in
 * dialect/dialect.h.
 */

/* gemini_request.c, gemini_request_write.c */
clp_problem *clp_gemini_sniff(clp_sniffed *out, clp_span body, const clp_intake *intake,
                              apr_pool_t *pool);
clp_problem *clp_gemini_read_request(clp_conversation **out, clp_span body,
                                     const clp_intake *intake, apr_pool_t *pool);
clp_problem *clp_gemini_write_request(const clp_conversation *c, const clp_target *target,
                                      clp_buffer *out, apr_table_t **names, apr_pool_t *pool);

/* gemini_reader.c, gemini_writer.c, gemini_problems.c */
clp_reader *clp_gemini_open_reader(const clp_reader_options *options, clp_sink sink,
                                   apr_pool_t *pool);
clp_writer *clp_gemini_open_writer(const clp_writer_options *options, clp_buffer *out,
                                   apr_pool_t *pool);
clp_problem *clp_gemini_read_problem(int status, clp_span body, apr_pool_t *pool);
void clp_gemini_write_problem(const clp_problem *p, clp_buffer *out);
int clp_gemini_problem_status(const clp_problem *p);

/** What stands in place of a thought signature that nobody has: Google's own word for it. */
#define CLP_GEMINI_SKIP_MARK "skip_thought_signature_validator"

#endif
