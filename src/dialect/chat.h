/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_H
#define CLP_DIALECT_CHAT_H

#include "dialect/dialect.h"

/**
 * @file chat.h
 * @brief The functions behind clp_dialect_chat; what each does is told in
 * dialect/dialect.h.
 */

/* chat_request.c, chat_request_write.c */
clp_problem *clp_chat_sniff(clp_sniffed *out, clp_span body, const clp_intake *intake,
                            apr_pool_t *pool);
clp_problem *clp_chat_read_request(clp_conversation **out, clp_span body, const clp_intake *intake,
                                   apr_pool_t *pool);
clp_problem *clp_chat_write_request(const clp_conversation *c, const clp_target *target,
                                    clp_buffer *out, apr_table_t **names, apr_pool_t *pool);

/* chat_reader.c, chat_writer.c, problems_write.c */
clp_reader *clp_chat_open_reader(const clp_reader_options *options, clp_sink sink,
                                 apr_pool_t *pool);
clp_writer *clp_chat_open_writer(const clp_writer_options *options, clp_buffer *out,
                                 apr_pool_t *pool);
clp_problem *clp_chat_read_problem(int status, clp_span body, apr_pool_t *pool);
void clp_chat_write_problem(const clp_problem *p, clp_buffer *out);
int clp_chat_problem_status(const clp_problem *p);
extern const char clp_chat_keepalive[];

#endif
