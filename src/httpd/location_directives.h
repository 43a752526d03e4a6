/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_LOCATION_DIRECTIVES_H
#define CLP_HTTPD_LOCATION_DIRECTIVES_H

#include "config.h"

/**
 * @file location_directives.h
 * @brief Directives of locations that say more than one number; as command_rec calls them, with
 * the location's configuration. Each gives NULL, or what is wrong.
 */

/** ClaudeProxy */
const char *clp_location_proxy(cmd_parms *cmd, void *dir, int on);

/** ClaudeUseSet */
const char *clp_location_use_set(cmd_parms *cmd, void *dir, const char *name);

/** ClaudeStrategy */
const char *clp_location_strategy(cmd_parms *cmd, void *dir, const char *name);

/** ClaudeAffinity */
const char *clp_location_affinity(cmd_parms *cmd, void *dir, const char *text);

/** ClaudeDefaultMaxTokens */
const char *clp_location_default_max_tokens(cmd_parms *cmd, void *dir, const char *number,
                                            const char *pattern);

/** ClaudeModels, each of its names */
const char *clp_location_model(cmd_parms *cmd, void *dir, const char *name);

/** ClaudeAccessKey */
const char *clp_location_access_key(cmd_parms *cmd, void *dir, const char *name,
                                    const char *secret);

/** ClaudeAccessKeyFile */
const char *clp_location_access_key_file(cmd_parms *cmd, void *dir, const char *path);

/** ClaudeCORSOrigin */
const char *clp_location_origins(cmd_parms *cmd, void *dir, int argc, char *const argv[]);

/** ClaudeBodyLog */
const char *clp_location_body_log(cmd_parms *cmd, void *dir, const char *target);

#endif
