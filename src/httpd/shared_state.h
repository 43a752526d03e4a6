/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_SHARED_STATE_H
#define CLP_HTTPD_SHARED_STATE_H

#include "config.h"
#include "state/tables.h"

/**
 * @file shared_state.h
 * @brief The tables that all processes share: made by the parent, kept by every graceful restart,
 * written to a file so that a full restart finds them again, together with those of shared_pins.h.
 *
 * Their size is that of ClaudeTableSize, or what the channels need. When it changes, or with a
 * version of this module that lays them out otherwise, there are new tables with what the old
 * ones hold; children of older generations go on with theirs, and what they book after that is
 * not in the new ones.
 */

/** This process's handle; NULL if there is no shared memory: then everything goes without state. */
clp_tables *clp_shared_tables(void);

/**
 * Open the tables, or make them, those of pins too; in post_config. What a file of the state
 * directory holds is read when the server starts.
 * @param configured of const clp_channel *: those of the configuration, each name once
 * @param channels   all that are in force
 */
void clp_shared_state_start(server_rec *s, const apr_array_header_t *configured,
                            const apr_array_header_t *channels, apr_pool_t *p);

/**
 * Give rows to those channels that have none yet, before any request sees them.
 * @param pool lives as long as they do
 */
void clp_shared_state_resolve(const apr_array_header_t *channels, apr_pool_t *pool);

/** Did one that is not as configured lose a row to another process's? Then all are to be made
 * anew. */
int clp_shared_state_lost(const apr_array_header_t *channels);

/** Write the file; nothing without ClaudeStateDir. Any process, any thread. */
apr_status_t clp_shared_state_save(apr_pool_t *scratch);

void clp_shared_state_register(apr_pool_t *p);

#endif
