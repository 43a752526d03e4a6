/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_KEY_LIST_H
#define CLP_GATEWAY_KEY_LIST_H

#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file key_list.h
 * @brief Access keys by their SHA-256, each with the name of who holds it.
 *
 * A list is filled by one thread and then only read, by any number of them.
 * The keys themselves are not kept.
 */
#define CLP_KEY_DIGEST 32

typedef struct clp_key_list clp_key_list;

clp_key_list *clp_key_list_make(apr_pool_t *pool);

/**
 * Add a key by its digest. One name may hold several keys; one key has one
 * name.
 * @param name copied into the list's pool
 * @return NULL, or what is wrong (in the list's pool)
 */
const char *clp_key_list_add(clp_key_list *list, const char *name,
                             const unsigned char digest[CLP_KEY_DIGEST]);

/**
 * Add a key as an operator writes it: "sha256:" and 64 hex digits, or the key
 * itself. An empty key, or one with blanks or control characters, is refused.
 */
const char *clp_key_list_add_text(clp_key_list *list, const char *name, clp_span key);

/**
 * Add the lines of a key file: "name key" with key as above, blank lines, and
 * comments that begin with '#' at the start of a line or after a blank.
 * @param line out: the line the error is about
 * @param plain out: how many lines had a key that was not given as a digest
 * @return NULL, or what is wrong; what stood before that line was added
 */
const char *clp_key_list_add_lines(clp_key_list *list, clp_span text, int *line, int *plain);

/** How many keys. */
int clp_key_list_count(const clp_key_list *list);

/** The name of who holds the key with this digest, or NULL. The time it takes
 * tells nothing of how much of a digest was right. */
const char *clp_key_list_find(const clp_key_list *list, const unsigned char digest[CLP_KEY_DIGEST]);

/** May a key holder be called so? [A-Za-z0-9._@+-], 1 to 64 characters. */
int clp_key_name_ok(const char *name);

#endif
