/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_AUDIT_H
#define CLP_HTTPD_AUDIT_H

#include "config.h"
#include "gateway/admin.h"

/**
 * @file audit.h
 * @brief ClaudeAuditLog: each change over the admin API, and each attempt, in a log of its own.
 *
 * Without one, or when it cannot be written to, the lines go to the error log: none is lost
 * in silence.
 */

/** For the directive: a path, "|program", or Off. Gives what is wrong, or NULL. */
const char *clp_audit_set(cmd_parms *cmd, clp_server_config *conf, const char *target);

/** Note an answered call down, before its answer goes out; nothing if it would change nothing. */
void clp_audit_note(request_rec *r, const clp_admin_call *call);

void clp_audit_register(apr_pool_t *p);

#endif
