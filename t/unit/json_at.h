/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_JSON_AT_H
#define CLP_T_JSON_AT_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

/** What stands at a path as "channels.0.name", as text; "(none)" if there is nothing. */
const char *json_at(const cJSON *document, const char *path, apr_pool_t *pool);

#endif
