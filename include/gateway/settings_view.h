/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_SETTINGS_VIEW_H
#define CLP_GATEWAY_SETTINGS_VIEW_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "wire/json_write.h"

/**
 * @file settings_view.h
 * @brief What the configuration says of the gateway, as the admin API shows it.
 *
 *   {"server": {"ClaudeStateDir": {"value": "/var/lib/claude", "origin": "configuration"}, …},
 *    "places": [{"server": "gateway.example:443", "definedIn": "httpd.conf:12", "path": "/",
 *                "settings": {"ClaudeStrategy": {"value": "failover", "origin": "default"}, …}}]}
 */
typedef enum clp_setting_kind {
    CLP_SHOWN_NUMBER, /**< also of bytes */
    CLP_SHOWN_FLAG,
    CLP_SHOWN_TIME, /**< in milliseconds; a text as directives take it, 0 = "Off" */
    CLP_SHOWN_TEXT, /**< NULL = null */
    CLP_SHOWN_LIST
} clp_setting_kind;

typedef struct clp_setting_shown {
    const char *directive;
    clp_setting_kind kind;
    int said; /**< else it is the default */
    apr_int64_t number;
    const char *text;
    const apr_array_header_t *list; /**< of const char *; NULL = empty */
} clp_setting_shown;

/** Where the gateway is on. */
typedef struct clp_settings_place {
    const char *server;           /**< name and port */
    const char *defined_in;       /**< "file:line" of its section; NULL = it has none */
    const char *path;             /**< of the location */
    apr_array_header_t *settings; /**< of clp_setting_shown */
} clp_settings_place;

typedef struct clp_settings {
    apr_array_header_t *server; /**< of clp_setting_shown */
    apr_array_header_t *places; /**< of clp_settings_place */
} clp_settings;

/** Write the object. */
void clp_settings_write(clp_jw *w, const clp_settings *settings, apr_pool_t *pool);

#endif
