/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_LIVE_CHANNELS_H
#define CLP_HTTPD_LIVE_CHANNELS_H

#include "config.h"

/**
 * @file live_channels.h
 * @brief The channels in force: those of the configuration with the overlay
 * laid over them, exchanged while requests run.
 *
 * The overlay is the file channels.json in the state directory
 * (ClaudeStateDir). Every process looks at it four times a second; when it is
 * another file or another version, the process reads it, makes all channels
 * anew and takes them into use at once. A request keeps the channels that it
 * began with. A file that cannot be used leaves those in force that were.
 */

/** What is in force in this process. */
typedef struct clp_live_state {
    apr_int64_t revision; /**< of the overlay in force; 0 = there is none */
    const char *error; /**< why the file that is there is not in force, in `pool`; NULL = it is */
    apr_array_header_t *channels;   /**< of const clp_channel *: all servers' */
    apr_array_header_t *configured; /**< likewise: the configuration's alone, each name once */
} clp_live_state;

/**
 * The channels a request may use: its location's set, or all of its server.
 * Never NULL; may be empty. They stay as long as the request.
 */
const clp_channel_set *clp_live_channels(request_rec *r);

/** A set by its name, in the request's server; NULL as name = clp_live_channels(). NULL = there is
 * none. */
const clp_channel_set *clp_live_set(request_rec *r, const char *name);

/** What is in force, for a request; stays as long as the request. */
clp_live_state clp_live_state_of(request_rec *r);

/** What is in force at this moment, which is not always what a request began with; stays until the
 * pool is cleared. Any thread. */
clp_live_state clp_live_hold(apr_pool_t *pool);

/** What is known of the files that channels of the configuration have their keys from: of
 * clp_admin_key_file, in `pool`. */
apr_array_header_t *clp_live_key_files(apr_pool_t *pool);

/** Path of the overlay; NULL without a state directory. */
const char *clp_live_path(void);

/** Look at the file now; what this process wrote is in force when it returns. */
void clp_live_look(void);

void clp_live_register(apr_pool_t *p);

#endif
