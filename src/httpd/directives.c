/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "channel_section.h"
#include "location_directives.h"
#include "number_directive.h"
#include "server_directives.h"

#define DIR_NUMBER(member, kind, min, max, range)                                                  \
    ((void *)&(const clp_number_rule){APR_OFFSETOF(clp_dir_config, member), CLP_##kind, min, max,  \
                                      range})
#define SERVER_NUMBER(member, kind, min, max, range)                                               \
    ((void *)&(const clp_number_rule){APR_OFFSETOF(clp_server_config, member), CLP_##kind, min,    \
                                      max, range})
#define DIR_FLAG(member) ((void *)APR_OFFSETOF(clp_dir_config, member))

#define ANYWHERE (RSRC_CONF | ACCESS_CONF)
#define KIB      ((apr_int64_t)1024)
#define MIB      (KIB * 1024)
#define GIB      (MIB * 1024)
#define HOURS    ((apr_int64_t)3600 * 1000)

/* clang-format off */
const command_rec clp_directives[] = {
    CLP_CHANNEL_DIRECTIVES,
    AP_INIT_TAKE_ARGV("ClaudeChannelSet", clp_server_channel_set, NULL, RSRC_CONF,
                      "a name, and the channels (names or patterns) that belong to it"),
    AP_INIT_TAKE1("ClaudeStateDir", clp_global_state_dir, NULL, RSRC_CONF,
                  "directory for what shall outlive a restart"),
    AP_INIT_TAKE1("ClaudeIdleTransports", clp_global_number,
                  SERVER_NUMBER(idle_engines, A_COUNT, 0, 100000, "a number from 0 to 100000"),
                  RSRC_CONF, "how many idle upstream transports each child keeps"),
    AP_INIT_TAKE1("ClaudeThreadTableSize", clp_global_number,
                  SERVER_NUMBER(pin_rows, A_COUNT, 64, 16777216, "a number from 64 to 16777216"),
                  RSRC_CONF, "how many message threads are remembered with their channel"),
    AP_INIT_TAKE_ARGV("ClaudeTableSize", clp_global_table_size, NULL, RSRC_CONF,
                      "channels=N keys=N models=N users=N: rows of the tables of shared state"),
    AP_INIT_TAKE1("ClaudeAffinityTableSize", clp_global_number,
                  SERVER_NUMBER(affinity_rows, A_COUNT, 64, 16777216,
                                "a number from 64 to 16777216"),
                  RSRC_CONF, "how many conversations are remembered with their channel"),
    AP_INIT_TAKE1("ClaudeSnapshotInterval", clp_global_number,
                  SERVER_NUMBER(snapshot_ms, A_TIME_OR_OFF, 1000, 24 * HOURS,
                                "Off or a time from 1s to 24h"),
                  RSRC_CONF, "how often shared state is written to the state directory"),
    AP_INIT_TAKE12("ClaudeRecentRequests", clp_global_recent, NULL, RSRC_CONF,
                   "how many of the last requests can be looked at, or Off; maybe anonymous"),
    AP_INIT_TAKE1("ClaudeSessionStore", clp_global_session_store, NULL, RSRC_CONF,
                  "shm, or a cache provider with its arguments, e.g. redis:HOST:PORT"),
    AP_INIT_TAKE1("ClaudeSessionMemory", clp_global_number,
                  SERVER_NUMBER(session_memory, A_SIZE, MIB, 64 * GIB, "a size from 1m to 64g"),
                  RSRC_CONF, "memory for stored responses, all children together"),
    AP_INIT_FLAG("ClaudeSessions", clp_location_flag, DIR_FLAG(sessions), ANYWHERE,
                 "On or Off: whether responses are stored, to be continued by their id"),
    AP_INIT_TAKE1("ClaudeSessionIdle", clp_location_number,
                  DIR_NUMBER(session_idle_ms, A_TIME, 60 * 1000, 30 * 24 * HOURS,
                             "a time from 1min to 720h"),
                  ANYWHERE, "how long a stored response that nobody uses is kept"),
    AP_INIT_TAKE1("ClaudeSessionMaxItems", clp_location_number,
                  DIR_NUMBER(session_items, A_COUNT, 1, 100000, "a number from 1 to 100000"),
                  ANYWHERE, "most earlier items that a continued conversation brings along"),
    AP_INIT_TAKE1("ClaudeSessionMaxTokens", clp_location_number,
                  DIR_NUMBER(session_tokens, A_COUNT, 1000, 100000000,
                             "a number from 1000 to 100000000"),
                  ANYWHERE, "most tokens of them"),
    AP_INIT_FLAG("ClaudeProxy", clp_location_proxy, NULL, ANYWHERE,
                 "On or Off: whether requests here are for the gateway"),
    AP_INIT_TAKE1("ClaudeUseSet", clp_location_use_set, NULL, ANYWHERE,
                  "name of the channel set that serves here"),
    AP_INIT_TAKE1("ClaudeMaxRequestBody", clp_location_number,
                  DIR_NUMBER(max_body, A_SIZE, KIB, GIB, "a size from 1k to 1g"),
                  ANYWHERE, "most bytes of a request body as sent"),
    AP_INIT_TAKE1("ClaudeMaxDecodedBody", clp_location_number,
                  DIR_NUMBER(max_decoded, A_SIZE, KIB, GIB, "a size from 1k to 1g"),
                  ANYWHERE, "most bytes of a request body after its content coding is undone"),
    AP_INIT_TAKE1("ClaudeMaxJSONDepth", clp_location_number,
                  DIR_NUMBER(max_depth, A_COUNT, 16, 4096, "a number from 16 to 4096"),
                  ANYWHERE, "deepest nesting of a request's JSON"),
    AP_INIT_TAKE1("ClaudeMaxJSONValues", clp_location_number,
                  DIR_NUMBER(max_values, A_COUNT, 1000, 100000000, "a number from 1000 to 100000000"),
                  ANYWHERE, "most JSON values of a request that are looked at one by one"),
    AP_INIT_TAKE1("ClaudeMaxUpstreamEvent", clp_location_number,
                  DIR_NUMBER(max_event, A_SIZE, 64 * KIB, GIB, "a size from 64k to 1g"),
                  ANYWHERE, "most bytes of one event or document of an upstream"),
    AP_INIT_TAKE1("ClaudeKeepAliveInterval", clp_location_number,
                  DIR_NUMBER(keepalive_ms, A_TIME_OR_OFF, 100, 3600 * 1000,
                             "Off or a time from 100ms to 1h"),
                  ANYWHERE, "how long a stream may be silent before a keep-alive is sent"),
    AP_INIT_TAKE1("ClaudeMaxAttempts", clp_location_number,
                  DIR_NUMBER(max_attempts, A_COUNT, 1, 1000, "a number from 1 to 1000"),
                  ANYWHERE, "most upstream attempts for one request"),
    AP_INIT_TAKE1("ClaudeStrategy", clp_location_strategy, NULL, ANYWHERE,
                  "failover, round-robin, random, weighted, least-busy or lowest-latency: which of "
                  "several channels of the same priority is asked"),
    AP_INIT_TAKE1("ClaudeAffinity", clp_location_affinity,
                  DIR_NUMBER(affinity_ms, A_TIME_OR_OFF, 1000, 30 * 24 * HOURS,
                             "On, Off or a time from 1s to 30d"),
                  ANYWHERE, "how long a conversation stays with the channel that served it"),
    AP_INIT_TAKE1("ClaudeRetryTime", clp_location_number,
                  DIR_NUMBER(retry_ms, A_TIME_OR_OFF, 100, 24 * HOURS, "Off or a time from 100ms to 24h"),
                  ANYWHERE, "how long after a request's begin another upstream attempt may begin"),
    AP_INIT_TAKE1("ClaudeRetryWait", clp_location_number,
                  DIR_NUMBER(retry_wait_ms, A_TIME_OR_OFF, 10, 60 * 1000, "Off or a time from 10ms to 1m"),
                  ANYWHERE, "how long to wait for the last provider that asks for patience"),
    AP_INIT_TAKE1("ClaudeHedge", clp_location_number,
                  DIR_NUMBER(hedge_ms, A_TIME_OR_OFF, 10, HOURS, "Off or a time from 10ms to 1h"),
                  ANYWHERE, "after what silence a stream is asked of a second channel too"),
    AP_INIT_TAKE12("ClaudeDefaultMaxTokens", clp_location_default_max_tokens, NULL, ANYWHERE,
                   "max_tokens for Claude upstreams when the client gave none, and a model pattern"),
    AP_INIT_ITERATE("ClaudeModels", clp_location_model, NULL, ANYWHERE,
                    "names to add to the list of models"),
    AP_INIT_TAKE1("ClaudeModelsCache", clp_location_number,
                  DIR_NUMBER(models_cache_ms, A_TIME_OR_OFF, 1000, 24 * 3600 * 1000,
                             "Off or a time from 1s to 24h"),
                  ANYWHERE, "how long a list of models asked of the upstreams is kept"),
    AP_INIT_FLAG("ClaudeRequireUser", clp_location_flag, DIR_FLAG(require_user), ANYWHERE,
                 "On or Off: whether requests without an authenticated user are refused"),
    AP_INIT_TAKE2("ClaudeAccessKey", clp_location_access_key, NULL, ANYWHERE,
                  "a user's name and key: KEY, sha256:HEX, env:NAME, file:PATH or exec:COMMAND"),
    AP_INIT_TAKE1("ClaudeAccessKeyFile", clp_location_access_key_file, NULL, ANYWHERE,
                  "a file with a name and a key on each line"),
    AP_INIT_FLAG("ClaudeKeyInQuery", clp_location_flag, DIR_FLAG(key_in_query), ANYWHERE,
                 "On or Off: whether ?key= may hold the access key"),
    AP_INIT_TAKE_ARGV("ClaudeCORSOrigin", clp_location_origins, NULL, ANYWHERE,
                      "web origins whose scripts may use the gateway, or *, or None"),
    AP_INIT_TAKE1("ClaudeCORSMaxAge", clp_location_number,
                  DIR_NUMBER(cors_max_age_ms, A_TIME, 0, 24 * 3600 * 1000, "a time up to 24h"),
                  ANYWHERE, "how long browsers may keep the answer to a preflight"),
    AP_INIT_FLAG("ClaudeIgnoreClientAbort", clp_location_flag, DIR_FLAG(ignore_abort), ANYWHERE,
                 "On or Off: whether a request goes on when its client has gone"),
    AP_INIT_TAKE1("ClaudeBodyLog", clp_location_body_log, NULL, ANYWHERE,
                  "a file or |program that gets requests and answers as lines of JSON, or Off"),
    AP_INIT_TAKE1("ClaudeBodyLogMax", clp_location_number,
                  DIR_NUMBER(body_log_text, A_SIZE, 16, MIB, "a size from 16 to 1m"),
                  ANYWHERE, "longest text that ClaudeBodyLog shows whole"),
    AP_INIT_TAKE1("ClaudeAuditLog", clp_server_audit_log, NULL, RSRC_CONF,
                  "a file or |program that gets each change over the admin API as a line of JSON, "
                  "or Off"),
    AP_INIT_TAKE1("ClaudeTraceExport", clp_global_trace_export, NULL, RSRC_CONF,
                  "URL of a collector of OpenTelemetry that gets a span of each request, or Off"),
    AP_INIT_TAKE23("ClaudeTraceHeader", clp_global_trace_header, NULL, RSRC_CONF,
                   "a header field for the collector: name, maybe a scheme, and a secret: KEY, "
                   "env:NAME, file:PATH or exec:COMMAND"),
    AP_INIT_ITERATE("ClaudeUpstreamHosts", clp_global_upstream_host, NULL, RSRC_CONF,
                    "hosts that channels of the admin API may name: NAME, *.NAME, ADDRESS, "
                    "ADDRESS/BITS or All"),
    AP_INIT_FLAG("ClaudeDebugHeaders", clp_location_flag, DIR_FLAG(attempt_headers), ANYWHERE,
                 "On or Off: whether answers tell channel, attempts and process"),
    {NULL}};
/* clang-format on */

/* --- looking ---------------------------------------------------------------------------- */

int clp_directive_number(const command_rec *cmd, int *of_server, apr_size_t *offset,
                         clp_setting_kind *kind)
{
    const clp_number_rule *rule = cmd->cmd_data;

    *of_server = cmd->func.take1 == clp_global_number;
    if (cmd->func.flag == clp_location_flag) {
        *offset = (apr_size_t)cmd->cmd_data;
        *kind = CLP_SHOWN_FLAG;
        return 1;
    }
    if (!*of_server && cmd->func.take1 != clp_location_number &&
        cmd->func.take1 != clp_location_affinity) {
        return 0;
    }
    *offset = rule->offset;
    *kind = rule->kind == CLP_A_TIME || rule->kind == CLP_A_TIME_OR_OFF ? CLP_SHOWN_TIME
                                                                        : CLP_SHOWN_NUMBER;
    return 1;
}
