/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_TABLE_SIZE_H
#define CLP_HTTPD_TABLE_SIZE_H

#include "httpd.h"
#include "http_config.h"

#include "state/tables.h"

/**
 * @file table_size.h
 * @brief How many rows the shared tables have: what ClaudeTableSize says, else what is needed.
 */
typedef struct clp_table_size {
    clp_capacity said; /**< 0 = not said */
    const char *place; /**< "file:line" of the directive, NULL = there is none */
} clp_table_size;

/** The directive's arguments: channels=N, keys=N, models=N, users=N. NULL, or what is wrong. */
const char *clp_table_size_set(clp_table_size *size, cmd_parms *cmd, int argc, char *const argv[]);

/** Is there room for what the configuration needs? NULL, or what is missing, in `p`. */
const char *clp_table_size_check(const clp_table_size *size, const clp_capacity *needed,
                                 apr_pool_t *p);

/**
 * What was said; else the default or half as much again as is needed, so that channels can be added
 * while the server runs, and not less than there was: tables that shrink would only cost old
 * children's last results.
 * @param had capacity of the tables there are; zeroes = none
 */
clp_capacity clp_table_size_for(const clp_table_size *size, const clp_capacity *needed,
                                const clp_capacity *had);

#endif
