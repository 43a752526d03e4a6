/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_DOCUMENT_H
#define CLP_GATEWAY_DOCUMENT_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "wire/span.h"

/**
 * @file document.h
 * @brief JSON documents that people write: the overlay, and what the admin API is sent.
 *
 * They are read strictly: what one reader would take in another way than the next (a member
 * said twice, bytes that are no UTF-8, a NUL in a string) is an error with its place.
 */

/** What is wrong with a document, and where. */
typedef struct clp_document_error {
    const char *path;    /**< "timeouts.connect"; "" = the whole */
    const char *message; /**< whole sentence, or the end of one that begins with the path */
} clp_document_error;

/** Containers inside each other at most. */
#define CLP_DOCUMENT_DEPTH 16

/**
 * Parse a document.
 * @return NULL and `error` if it is none; freed with the pool
 */
cJSON *clp_document_parse(clp_span text, apr_pool_t *pool, clp_document_error *error);

/** A copy of a value, freed with the pool. */
cJSON *clp_document_copy(const cJSON *value, apr_pool_t *pool);

/** Have a value freed with the pool; NULL is none. */
cJSON *clp_document_keep(cJSON *value, apr_pool_t *pool);

#endif
