/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_ACCESS_KEYS_H
#define CLP_HTTPD_ACCESS_KEYS_H

#include "httpd.h"
#include "http_config.h"

#include "gateway/key_list.h"

/**
 * @file access_keys.h
 * @brief The access keys of a location: from directives, and from files that
 * are read again when they change.
 */
typedef struct clp_access_keys clp_access_keys;

/** An empty store, in `p` (configuration time). */
clp_access_keys *clp_access_keys_make(apr_pool_t *p);

/** ClaudeAccessKey. Returns NULL or an error text. */
const char *clp_access_keys_add(clp_access_keys *keys, cmd_parms *cmd, const char *name,
                                const char *secret);

/** ClaudeAccessKeyFile: the file must be there and in order. Returns NULL or an error text. */
const char *clp_access_keys_add_file(clp_access_keys *keys, cmd_parms *cmd, const char *path);

/**
 * Who holds the key with this digest; NULL if nobody. Any thread. Looks at
 * the files once a second at most, and whenever a key is unknown; a file that
 * cannot be read, or has a mistake, changes nothing and is told in the error
 * log once per change.
 * @return in r->pool
 */
const char *clp_access_keys_find(clp_access_keys *keys, request_rec *r,
                                 const unsigned char digest[CLP_KEY_DIGEST]);

/** Is there any key to find at all? */
int clp_access_keys_any(clp_access_keys *keys);

#endif
