/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_DOCUMENT_H
#define CLP_DIALECT_CHAT_DOCUMENT_H

#include "dialect/dialect.h"

/**
 * @file chat_document.h
 * @brief Writes an answer of Chat as one document.
 */

/** As clp_dialect.open_writer, for options->stream == 0. */
clp_writer *clp_chat_open_document(const clp_writer_options *options, clp_buffer *out,
                                   apr_pool_t *pool);

#endif
