/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_SCHEMA_SOURCES_H
#define CLP_DIALECT_GEMINI_SCHEMA_SOURCES_H

#include <apr_pools.h>

#include "wire/json_scan.h"

/**
 * @file gemini_schema_sources.h
 * @brief The parts of a JSON Schema that one schema in Google's form is made of.
 *
 * Google's form takes references, allOf and one alternative beside null into
 * the schema itself. So a keyword is looked for in all of these, in order.
 */

/** Schemas that are merged into one. */
#define CLP_SCHEMA_SOURCES_MAX 32

/** References that are being put in, one in the other. */
#define CLP_SCHEMA_OPEN_MAX 64

/** Types of one schema. */
#define CLP_SCHEMA_TYPES_MAX 7

/** The document, and the references on the way to where we are in it. */
typedef struct clp_schema_references {
    apr_pool_t *pool;
    clp_jval root;
    apr_uint32_t open[CLP_SCHEMA_OPEN_MAX]; /* where they point */
    int opened;
} clp_schema_references;

/** What one schema is made of. */
typedef struct clp_schema_sources {
    clp_jval from[CLP_SCHEMA_SOURCES_MAX];
    int n;
    int nullable;
    int recursive; /* a reference leads back to where we are */
} clp_schema_sources;

/**
 * The sources of schema `v`. References that it goes through stay open, for
 * what lies inside of it; who is done with it puts r->opened back.
 */
void clp_schema_sources_of(clp_schema_references *r, clp_schema_sources *s, clp_jval v);

/** The keyword of the first source that has it; absent if none does. */
clp_jval clp_schema_keyword(const clp_schema_sources *s, const char *name);

/**
 * The types that the schema may have, in lower case; null is noted in
 * s->nullable. What is said nowhere follows from other keywords.
 * @return how many
 */
int clp_schema_types(clp_schema_sources *s, const char *types[CLP_SCHEMA_TYPES_MAX],
                     apr_pool_t *pool);

/** The alternatives of the first source that has several; absent if none has. */
clp_jval clp_schema_alternatives(const clp_schema_sources *s);

/** Does the schema allow nothing but null? */
int clp_schema_is_null(clp_jval v);

#endif
