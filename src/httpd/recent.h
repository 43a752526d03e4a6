/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_RECENT_H
#define CLP_HTTPD_RECENT_H

#include "config.h"
#include "request.h"
#include "state/recent_ring.h"

/**
 * @file recent.h
 * @brief ClaudeRecentRequests: the last requests of all children, in memory that every graceful
 * restart keeps.
 */

/** The directive: how many, or Off; and "anonymous" or NULL. @return NULL, or an error text */
const char *clp_recent_set(cmd_parms *cmd, clp_server_config *conf, const char *number,
                           const char *who);

/** The list; NULL if there is none. */
clp_recent_ring *clp_recent_of_server(void);

/** The request is one of those that the list is of; when it has ended it goes there. */
void clp_recent_begin(const request_rec *r, clp_request *q);

void clp_recent_register(apr_pool_t *p);

#endif
