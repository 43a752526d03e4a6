/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_SETTINGS_H
#define CLP_HTTPD_SETTINGS_H

#include "config.h"
#include "gateway/settings_view.h"

/**
 * @file settings.h
 * @brief What the configuration says of the gateway, for the admin API.
 */

/**
 * Settings of the server, and of each place with ClaudeProxy On: servers, and locations with a
 * plain path. What <If>, <LocationMatch> and .htaccess files say is not known before a request.
 * Without secrets.
 */
clp_settings clp_settings_now(apr_pool_t *pool);

#endif
