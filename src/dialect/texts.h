/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_TEXTS_H
#define CLP_DIALECT_TEXTS_H

#include "wire/span.h"

/**
 * @file texts.h
 * @brief Cuts of texts that stay in the spelling they came in.
 */

/** Without the white space at its end, however that is spelled. */
clp_text clp_text_trim_end(clp_text t);

/** What follows the first line end; empty if there is none. */
clp_text clp_text_after_line(clp_text t);

/** Does it begin with this text of plain letters? */
int clp_text_starts(clp_text t, const char *prefix);

/** Without its first `n` bytes. */
clp_text clp_text_skip(clp_text t, apr_size_t n);

#endif
