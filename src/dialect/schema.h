/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_SCHEMA_H
#define CLP_DIALECT_SCHEMA_H

#include <apr_pools.h>

#include "wire/json_write.h"
#include "wire/span.h"

/**
 * @file schema.h
 * @brief JSON Schemas, as far as a protocol is particular about them.
 */

/**
 * Does the schema lie in the subset that OpenAI's strict mode takes as it is?
 * Every object closed and all its properties required, no keyword outside the
 * documented ones. A schema too large to look through in bounds is not strict.
 */
int clp_schema_is_strict(clp_span schema, apr_pool_t *pool);

/** Write a tool's schema; one that is absent or empty becomes that of an object without members. */
void clp_schema_write(clp_jw *w, clp_span schema);

/** As clp_schema_write(), with type "object" at its root, which Messages demands. */
void clp_schema_write_object(clp_jw *w, clp_span schema, apr_pool_t *pool);

#endif
