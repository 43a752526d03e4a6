/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_KEY_FILES_H
#define CLP_HTTPD_KEY_FILES_H

#include "httpd.h"

#include "sched/channel.h"

/**
 * @file key_files.h
 * @brief Files that channels of the configuration have their keys from (ChannelKey file:PATH), and
 * reading them again while the server runs.
 *
 * The parent reads them with the configuration, mostly as root. Children read one again that has
 * changed since, when they are asked to and may; what they cannot read or use changes nothing.
 * Each process does so for itself. One thread at a time.
 */

/** While the configuration is read: keys are about to be read from this source (file:PATH). */
void clp_key_files_note(const char *source, apr_pool_t *pool);

/**
 * Read those that have changed, unless that was done for this number of reloads. The first number
 * of a configuration only counts: its files have just been read.
 * @param configured of const clp_channel *: what their keys have to fit
 */
void clp_key_files_follow(apr_int64_t reloads, const apr_array_header_t *configured, server_rec *s);

/** The channels of the configuration with the keys that were read last: of const clp_channel *,
 * those that have not changed themselves, all else in `pool`. */
apr_array_header_t *clp_key_files_apply(const apr_array_header_t *configured, apr_pool_t *pool);

/** What is known of the files: of clp_admin_key_file, in `pool`. */
apr_array_header_t *clp_key_files_list(apr_pool_t *pool);

void clp_key_files_register(apr_pool_t *p);

#endif
