/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_LEGACY_H
#define CLP_DIALECT_CHAT_LEGACY_H

#include "dialect/dialect.h"

/**
 * @file chat_legacy.h
 * @brief The functions behind clp_dialect_chat_legacy; what each does is told in
 * dialect/dialect.h.
 */

/*
 * Requests of the function era come to the same endpoint as chat requests, so
 * the chat reader understands both; writing differs.
 */

/* chat_legacy_request.c */
clp_problem *clp_chat_legacy_read_request(clp_conversation **out, clp_span body,
                                          const clp_intake *intake, apr_pool_t *pool);
clp_problem *clp_chat_legacy_write_request(const clp_conversation *c, const clp_target *target,
                                           clp_buffer *out, apr_table_t **names, apr_pool_t *pool);

/* chat_reader.c, chat_writer.c, problems_write.c */
clp_reader *clp_chat_legacy_open_reader(const clp_reader_options *options, clp_sink sink,
                                        apr_pool_t *pool);
clp_writer *clp_chat_legacy_open_writer(const clp_writer_options *options, clp_buffer *out,
                                        apr_pool_t *pool);
clp_problem *clp_chat_legacy_read_problem(int status, clp_span body, apr_pool_t *pool);
void clp_chat_legacy_write_problem(const clp_problem *p, clp_buffer *out);
int clp_chat_legacy_problem_status(const clp_problem *p);
extern const char clp_chat_legacy_keepalive[];

#endif
