/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_H
#define CLP_DIALECT_RESPONSES_H

#include "dialect/dialect.h"

/**
 * @file responses.h
 * @brief The functions behind clp_dialect_responses; what each does is told in
 * dialect/dialect.h.
 */

/* responses_request.c, responses_request_write.c */
clp_problem *clp_responses_sniff(clp_sniffed *out, clp_span body, const clp_intake *intake,
                                 apr_pool_t *pool);
clp_problem *clp_responses_read_request(clp_conversation **out, clp_span body,
                                        const clp_intake *intake, apr_pool_t *pool);
clp_problem *clp_responses_write_request(const clp_conversation *c, const clp_target *target,
                                         clp_buffer *out, apr_table_t **names, apr_pool_t *pool);

/* responses_reader.c, responses_writer.c */
clp_reader *clp_responses_open_reader(const clp_reader_options *options, clp_sink sink,
                                      apr_pool_t *pool);
clp_writer *clp_responses_open_writer(const clp_writer_options *options, clp_buffer *out,
                                      apr_pool_t *pool);
extern const char clp_responses_keepalive[];

/* problems_write.c */
clp_problem *clp_responses_read_problem(int status, clp_span body, apr_pool_t *pool);
void clp_responses_write_problem(const clp_problem *p, clp_buffer *out);
int clp_responses_problem_status(const clp_problem *p);

#endif
