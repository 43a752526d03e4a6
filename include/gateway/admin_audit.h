/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ADMIN_AUDIT_H
#define CLP_GATEWAY_ADMIN_AUDIT_H

#include "gateway/admin.h"

/**
 * @file admin_audit.h
 * @brief Who changed what over the admin API, or tried to: a line of JSON for each.
 *
 * A line holds no body and no key: what looks like a provider's key is masked, and so are the keys
 * of all channels in force. Control characters stand as escapes, so a line is a line.
 */
typedef struct clp_admin_caller {
    const char *id;     /**< of the request; NULL = none */
    const char *user;   /**< who has shown to be it; NULL = nobody has */
    const char *client; /**< its address */
} clp_admin_caller;

/** Is the call one that changes something, or would have if it had been let? Ask when it is found
 * what it means (clp_admin_find). */
int clp_admin_audit_wants(const clp_admin_call *call);

/** Append the line of an answered call, its end included. */
void clp_admin_audit_write(clp_buffer *out, const clp_admin_call *call,
                           const clp_admin_caller *caller, apr_time_t when);

#endif
