/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_CHANNEL_VIEW_H
#define CLP_GATEWAY_CHANNEL_VIEW_H

#include "gateway/channel_json.h"

/**
 * @file channel_view.h
 * @brief A channel as the admin API shows it: each setting, and where it comes from.
 *
 *   "name", "definedIn": "httpd.conf:12" or null, "origin": "configuration" or "overlay",
 *   a member for each setting (gateway/channel_json.h), "deleted" (of the
 *   configuration's),
 *   "origins": {"priority": "overlay", "status": "httpd.conf:14", "models": "default", …}
 *
 * A key is {id, mask, source, origin, status}; disabled ones stand behind the others.
 */

/** How the API calls what the overlay says. */
#define CLP_ORIGIN_OVERLAY "overlay"
#define CLP_ORIGIN_CONF    "configuration"
#define CLP_ORIGIN_DEFAULT "default"

/**
 * Make the object.
 * @param base the configuration's channel of that name, NULL = there is none
 * @return to be freed by the caller (cJSON_Delete)
 */
cJSON *clp_channel_view_make(const clp_channel *c, const clp_channel *base, apr_pool_t *pool);

#endif
