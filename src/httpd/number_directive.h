/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_NUMBER_DIRECTIVE_H
#define CLP_HTTPD_NUMBER_DIRECTIVE_H

#include "config.h"

/**
 * @file number_directive.h
 * @brief Directives that say one number, or On and Off; as command_rec calls them. Each gives NULL,
 * or what is wrong.
 */

/** How a number is written (wire/quantity.h). */
typedef enum clp_number_kind {
    CLP_A_COUNT,
    CLP_A_SIZE,
    CLP_A_TIME,
    CLP_A_TIME_OR_OFF
} clp_number_kind;

/** A directive with one number: where it goes and what it may be. */
typedef struct clp_number_rule {
    apr_size_t offset;
    clp_number_kind kind;
    apr_int64_t min;
    apr_int64_t max;
    const char *range; /**< for the error text */
} clp_number_rule;

/** cmd->info is a clp_number_rule of the location's configuration. */
const char *clp_location_number(cmd_parms *cmd, void *dir, const char *text);

/** cmd->info is the offset of a number in the location's configuration, which becomes 1 or 0. */
const char *clp_location_flag(cmd_parms *cmd, void *dir, int on);

/** cmd->info is a clp_number_rule of the main server's configuration. */
const char *clp_global_number(cmd_parms *cmd, void *dir, const char *text);

#endif
