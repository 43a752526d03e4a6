/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_REDACT_H
#define CLP_GATEWAY_REDACT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "wire/json_scan.h"
#include "wire/json_write.h"

/**
 * @file redact.h
 * @brief JSON documents of any protocol, made fit for a log that people read.
 *
 * Definitions of tools become their names. Texts are cut between characters, data in base64 and
 * opaque reasoning state to their first bytes; each cut says how much is missing. Values of members
 * that hold credentials are masked, and so is what looks like a key of a provider within a text,
 * and the secrets given. All else stays as it was, order included.
 */
typedef struct clp_redaction {
    apr_size_t text_max;               /**< longest text that is shown whole, in bytes */
    apr_size_t total_max;              /**< elements are left out once so many bytes are written */
    const apr_array_header_t *secrets; /**< of const char *; NULL = none are known */
} clp_redaction;

/** Write a value as JSON. */
void clp_redact_value(clp_jw *w, clp_jval v, const clp_redaction *rules, apr_pool_t *pool);

/** Write a document; what is no JSON as one text. */
void clp_redact_document(clp_jw *w, clp_span document, const clp_redaction *rules,
                         apr_pool_t *pool);

/** Write a text as JSON string. */
void clp_redact_text(clp_jw *w, clp_text text, const clp_redaction *rules, apr_pool_t *pool);

#endif
