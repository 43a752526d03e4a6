/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_SERVER_DIRECTIVES_H
#define CLP_HTTPD_SERVER_DIRECTIVES_H

#include "config.h"

/**
 * @file server_directives.h
 * @brief Directives of servers, and of the main server alone (clp_global_...), that say more than
 * one number; as command_rec calls them. Each gives NULL, or what is wrong.
 */

/** ClaudeChannelSet */
const char *clp_server_channel_set(cmd_parms *cmd, void *dir, int argc, char *const argv[]);

/** ClaudeAuditLog */
const char *clp_server_audit_log(cmd_parms *cmd, void *dir, const char *target);

/** ClaudeStateDir */
const char *clp_global_state_dir(cmd_parms *cmd, void *dir, const char *path);

/** ClaudeTableSize */
const char *clp_global_table_size(cmd_parms *cmd, void *dir, int argc, char *const argv[]);

/** ClaudeSessionStore */
const char *clp_global_session_store(cmd_parms *cmd, void *dir, const char *text);

/** ClaudeRecentRequests */
const char *clp_global_recent(cmd_parms *cmd, void *dir, const char *number, const char *who);

/** ClaudeTraceExport */
const char *clp_global_trace_export(cmd_parms *cmd, void *dir, const char *url);

/** ClaudeTraceHeader */
const char *clp_global_trace_header(cmd_parms *cmd, void *dir, const char *name, const char *second,
                                    const char *third);

/** ClaudeUpstreamHosts, each of its patterns */
const char *clp_global_upstream_host(cmd_parms *cmd, void *dir, const char *pattern);

#endif
