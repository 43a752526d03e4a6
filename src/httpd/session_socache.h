/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_SESSION_SOCACHE_H
#define CLP_HTTPD_SESSION_SOCACHE_H

#include "httpd.h"
#include "http_config.h"

#include "gateway/session.h"

/**
 * @file session_socache.h
 * @brief Stored responses in one of httpd's small object caches: redis or
 * memcache for several hosts, shmcb or dbm.
 *
 * What is longer than a provider takes at once is stored in pieces; a value
 * whose pieces are not all there reads as absent.
 */
typedef struct clp_session_socache clp_session_socache;

/** While the configuration is read: "PROVIDER" or "PROVIDER:ARGUMENTS".
 * @return what is wrong with it, or NULL */
const char *clp_session_socache_make(clp_session_socache **out, cmd_parms *cmd, const char *text);

/** Name of its provider. */
const char *clp_session_socache_name(const clp_session_socache *c);

/** In pre_config: name the lock that some providers need. */
apr_status_t clp_session_socache_register(apr_pool_t *pconf);

/** In post_config. @return NULL if the provider could not be started; that is logged */
clp_session_store *clp_session_socache_start(clp_session_socache *c, server_rec *s, apr_pool_t *p);

/** In child_init. @return 0 if the store cannot be used in this child; that is logged */
int clp_session_socache_child(clp_session_socache *c, server_rec *s, apr_pool_t *p);

#endif
