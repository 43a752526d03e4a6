/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_SESSIONS_H
#define CLP_HTTPD_SESSIONS_H

#include "config.h"
#include "gateway/response_chain.h"

/**
 * @file sessions.h
 * @brief Where this server keeps stored responses.
 */

/** In post_config and child_init. */
void clp_sessions_start(server_rec *s, apr_pool_t *p);
void clp_sessions_child(server_rec *s, apr_pool_t *p);

/** The store; NULL where ClaudeSessions is Off, or if there is none. */
clp_session_store *clp_sessions_store(const clp_dir_config *conf);

/** The store if it is one that other hosts or a later start of this one may share; else NULL. */
clp_session_store *clp_sessions_shared(server_rec *s);

/** The table in shared memory that the store is; NULL if it is another, or none. */
const clp_session_table *clp_sessions_table(void);

/** The limits that hold at a location. */
clp_chain_limits clp_sessions_limits(const clp_dir_config *conf);

#endif
