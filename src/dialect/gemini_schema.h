/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_SCHEMA_H
#define CLP_DIALECT_GEMINI_SCHEMA_H

#include <apr_pools.h>

#include "wire/json_write.h"
#include "wire/span.h"

/**
 * @file gemini_schema.h
 * @brief Google's own form of schemas (an excerpt of OpenAPI's), and the way
 * between it and JSON Schema.
 *
 * All of it knows what is a keyword and what is the name of somebody's
 * property: a property may be called `type` or `$schema`. Depth and size of
 * what comes out are bounded; what would pass the bounds becomes
 * {"type":"object"}.
 */

/**
 * Google's form as JSON Schema, in `pool`: types in lower case, `nullable` as a
 * type, no propertyOrdering. A schema that is JSON Schema already stays as it
 * was spelled.
 */
clp_span clp_gemini_schema_open(clp_span schema, apr_pool_t *pool);

/** Can the schema be put in Google's form: are all names of properties such that it takes? */
int clp_gemini_schema_fits(clp_span schema, apr_pool_t *pool);

/**
 * Write a JSON Schema in Google's form. References are put in, several types
 * become anyOf, alternatives anyOf, allOf is merged, const and enum become
 * strings, exclusive bounds inclusive ones, and unknown keywords go.
 * @return 0 and nothing written for a schema that allows no members at all
 *         (functions without parameters must not have any)
 */
int clp_gemini_schema_write(clp_jw *w, clp_span schema, apr_pool_t *pool);

#endif
