/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "admin_call.h"

#define READS  CLP_ADMIN_READS
#define ASKS   CLP_ADMIN_ASKS
#define RESETS CLP_ADMIN_RESETS
#define WRITES CLP_ADMIN_WRITES

/* Of paths that fit, the first row counts: those with {name} stand behind the others. Each row
 * has its description in docs/openapi.json. */
/* clang-format off */
const clp_admin_route clp_admin_routes[] = {
    {"GET",    "/api/channels",                          READS,  clp_admin_list_channels,  "All channels"},
    {"POST",   "/api/channels",                          WRITES, clp_admin_create_channel, "Add a channel"},
    {"POST",   "/api/channels/reorder",                  WRITES, clp_admin_reorder,        "Give channels priorities in this order"},
    {"GET",    "/api/channels/metrics",                  READS,  clp_admin_channel_metrics, "How channels do"},
    {"GET",    "/api/channels/metrics/history",          READS,  clp_admin_channel_history, "How channels did"},
    {"GET",    "/api/channels/scheduler/stats",          READS,  clp_admin_scheduler_stats, "What the choice of channels goes by"},
    {"GET",    "/api/channels/dashboard",                READS,  clp_admin_dashboard,      "All of it for a page"},
    {"GET",    "/api/channels/{name}",                   READS,  clp_admin_get_channel,    "A channel"},
    {"PUT",    "/api/channels/{name}",                   WRITES, clp_admin_put_channel,    "Say all of a channel anew, or add it"},
    {"PATCH",  "/api/channels/{name}",                   WRITES, clp_admin_patch_channel,  "Change some settings"},
    {"DELETE", "/api/channels/{name}",                   WRITES, clp_admin_delete_channel, "Remove a channel"},
    {"PATCH",  "/api/channels/{name}/status",            WRITES, clp_admin_set_status,     "Set the status"},
    {"POST",   "/api/channels/{name}/promotion",         WRITES, clp_admin_promote,        "Have a channel go before all others for a while"},
    {"POST",   "/api/channels/{name}/resume",            WRITES, clp_admin_resume,         "Close circuits, end rests, and take a suspended channel into use"},
    {"POST",   "/api/channels/{name}/keys",              WRITES, clp_admin_add_key,        "Add keys"},
    {"DELETE", "/api/channels/{name}/keys/{id}",         WRITES, clp_admin_remove_key,     "Remove a key"},
    {"POST",   "/api/channels/{name}/keys/{id}/top",     WRITES, clp_admin_key_top,        "Have a key taken first"},
    {"POST",   "/api/channels/{name}/keys/{id}/bottom",  WRITES, clp_admin_key_bottom,     "Have a key taken last"},
    {"POST",   "/api/channels/{name}/keys/{id}/disable", WRITES, clp_admin_key_disable,    "Take a key out of use"},
    {"POST",   "/api/channels/{name}/keys/{id}/enable",  WRITES, clp_admin_key_enable,     "Take a key into use again"},
    {"POST",   "/api/channels/{name}/keys/{id}/resume",  RESETS, clp_admin_resume_key,     "Close circuits and end rests of a key"},
    {"GET",    "/api/channels/{name}/keys/metrics/history", READS, clp_admin_key_history,  "How a channel's keys did"},
    {"GET",    "/api/global/stats/history",              READS,  clp_admin_global_history, "How all channels together did"},
    {"GET",    "/api/affinity",                          READS,  clp_admin_affinity,       "How many conversations are bound to channels"},
    {"GET",    "/api/sessions",                          READS,  clp_admin_sessions,       "How many responses are stored"},
    {"GET",    "/api/config",                            READS,  clp_admin_get_config,     "All that is in force, as JSON or as configuration"},
    {"POST",   "/api/config/validate",                   ASKS,   clp_admin_validate,       "Could this overlay be used?"},
    {"POST",   "/api/config/reload",                     WRITES, clp_admin_reload,         "Read the overlay and files of keys again"},
    {"GET",    "/api/ping",                              READS,  clp_admin_ping,           "Ask every upstream for a sign of life"},
    {"GET",    "/api/ping/{name}",                       READS,  clp_admin_ping_one,       "Ask one channel's upstream for a sign of life"},
    {"GET",    "/api/settings",                          READS,  clp_admin_settings,       "What the configuration says of the gateway"},
    {"POST",   "/api/route",                             ASKS,   clp_admin_explain,        "Which channels would this request try?"},
    {"GET",    "/api/requests",                          READS,  clp_admin_requests,       "The last requests, and what became of them"},
    {"GET",    "/api/openapi.json",                      READS,  clp_admin_openapi,        "This API"},
    {NULL, NULL, READS, NULL, NULL},
};
/* clang-format on */
