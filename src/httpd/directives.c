/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "access_keys.h"
#include "audit.h"
#include "body_log.h"
#include "channel_section.h"
#include "cors.h"
#include "recent.h"
#include "secrets.h"
#include "sched/strategy.h"
#include "session_socache.h"
#include "tracing.h"
#include "wire/quantity.h"

#define MAX_MODEL 256

/** How a number is written. */
typedef enum number_kind { A_COUNT, A_SIZE, A_TIME, A_TIME_OR_OFF } number_kind;

/** A directive with one number: where it goes and what it may be. */
typedef struct number_rule {
    apr_size_t offset;
    number_kind kind;
    apr_int64_t min;
    apr_int64_t max;
    const char *range; /**< for the error text */
} number_rule;

#define DIR_NUMBER(member, kind, min, max, range)                                                  \
    ((void *)&(const number_rule){APR_OFFSETOF(clp_dir_config, member), kind, min, max, range})
#define SERVER_NUMBER(member, kind, min, max, range)                                               \
    ((void *)&(const number_rule){APR_OFFSETOF(clp_server_config, member), kind, min, max, range})
#define DIR_FLAG(member) ((void *)APR_OFFSETOF(clp_dir_config, member))

static apr_int64_t *member_at(void *conf, apr_size_t offset)
{
    return (apr_int64_t *)((char *)conf + offset);
}

static const char *read_number(cmd_parms *cmd, void *conf, const char *text)
{
    const number_rule *rule = cmd->info;
    apr_int64_t n = 0;
    int fits;

    if (rule->kind == A_COUNT) {
        fits = clp_count_parse(text, &n);
    }
    else if (rule->kind == A_SIZE) {
        fits = clp_size_parse(text, &n);
    }
    else if (rule->kind == A_TIME_OR_OFF && ap_cstr_casecmp(text, "off") == 0) {
        *member_at(conf, rule->offset) = 0;
        return NULL;
    }
    else {
        fits = clp_time_parse(text, &n);
    }
    if (!fits || n < rule->min || n > rule->max) {
        return apr_psprintf(cmd->pool, "%s: '%s' is not %s", cmd->cmd->name, text, rule->range);
    }
    *member_at(conf, rule->offset) = n;
    return NULL;
}

static const char *set_dir_number(cmd_parms *cmd, void *dir, const char *text)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    return wrong ? wrong : read_number(cmd, dir, text);
}

static const char *set_global_number(cmd_parms *cmd, void *dir, const char *text)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong ? wrong : read_number(cmd, clp_server_config_of(cmd->server), text);
}

static const char *set_dir_flag(cmd_parms *cmd, void *dir, int on)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    if (!wrong) {
        *member_at(dir, (apr_size_t)cmd->info) = on;
    }
    return wrong;
}

/** Why this place has no path to serve below; NULL if it has. */
static const char *check_proxy_place(cmd_parms *cmd)
{
    const char *wrong =
        ap_check_cmd_context(cmd, NOT_IN_DIRECTORY | NOT_IN_FILES | NOT_IN_LIMIT | NOT_IN_PROXY);

    for (const ap_directive_t *d = cmd->directive->parent; d && !wrong; d = d->parent) {
        const char *args = d->args;

        if (ap_cstr_casecmp(d->directive, "<LocationMatch") == 0) {
            wrong = "<LocationMatch>";
        }
        else if (ap_cstr_casecmp(d->directive, "<Location") == 0 &&
                 strcmp(ap_getword_conf(cmd->temp_pool, &args), "~") == 0) {
            wrong = "<Location ~>";
        }
        if (wrong) {
            return apr_pstrcat(cmd->pool, "ClaudeProxy cannot be said in ", wrong,
                               ": the paths below it follow from a <Location> with a plain path",
                               NULL);
        }
    }
    return wrong;
}

static const char *set_proxy(cmd_parms *cmd, void *dir, int on)
{
    clp_dir_config *conf = dir;
    clp_server_config *server = clp_server_config_of(cmd->server);
    const char *wrong = check_proxy_place(cmd);
    const char *path = cmd->path ? cmd->path : "";
    apr_size_t n = strlen(path);

    if (wrong) {
        return wrong;
    }
    if (n && (*path != '/' || strpbrk(path, "*?["))) {
        return apr_pstrcat(cmd->pool, "ClaudeProxy: <Location ", path,
                           "> has no plain path that begins with '/'", NULL);
    }
    while (n && path[n - 1] == '/') {
        n--;
    }
    conf->enabled = on;
    conf->prefix = on ? apr_pstrmemdup(cmd->pool, path, n) : NULL;
    if (on && !server->proxy_on_at) {
        server->proxy_on_at = clp_config_place(cmd->pool, cmd->directive);
    }
    return NULL;
}

static const char *set_use_set(cmd_parms *cmd, void *dir, const char *name)
{
    clp_server_config *server = clp_server_config_of(cmd->server);
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);
    clp_set_use *use;

    if (wrong) {
        return wrong;
    }
    ((clp_dir_config *)dir)->set_name = name;
    use = &APR_ARRAY_PUSH(server->set_uses, clp_set_use);
    use->name = name;
    use->used_in = clp_config_place(cmd->pool, cmd->directive);
    return NULL;
}

static const char *set_strategy(cmd_parms *cmd, void *dir, const char *name)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);
    clp_strategy strategy;

    if (wrong) {
        return wrong;
    }
    if (!clp_strategy_parse(name, &strategy)) {
        return apr_pstrcat(cmd->pool, "ClaudeStrategy: '", name,
                           "' is not failover, round-robin, random, weighted, least-busy or "
                           "lowest-latency",
                           NULL);
    }
    ((clp_dir_config *)dir)->strategy = strategy;
    return NULL;
}

static const char *set_affinity(cmd_parms *cmd, void *dir, const char *text)
{
    if (ap_cstr_casecmp(text, "on") != 0) {
        return set_dir_number(cmd, dir, text);
    }
    ((clp_dir_config *)dir)->affinity_ms = CLP_DEFAULT_affinity_ms;
    return ap_check_cmd_context(cmd, NOT_IN_LIMIT);
}

static const char *set_default_max_tokens(cmd_parms *cmd, void *dir, const char *number,
                                          const char *pattern)
{
    clp_dir_config *conf = dir;
    clp_max_tokens_rule *rule;
    apr_int64_t n = 0;
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    if (wrong) {
        return wrong;
    }
    if (!clp_count_parse(number, &n) || n < 1 || n > 10000000) {
        return apr_pstrcat(cmd->pool, "ClaudeDefaultMaxTokens: '", number,
                           "' is not a number from 1 to 10000000", NULL);
    }
    if (!pattern) {
        conf->default_max_tokens = n;
        return NULL;
    }
    if (!*pattern || strlen(pattern) > MAX_MODEL) {
        return apr_psprintf(
            cmd->pool, "ClaudeDefaultMaxTokens: the model pattern has 1 to %d bytes", MAX_MODEL);
    }
    if (!conf->max_tokens_rules) {
        conf->max_tokens_rules = apr_array_make(cmd->pool, 4, sizeof(clp_max_tokens_rule));
    }
    rule = &APR_ARRAY_PUSH(conf->max_tokens_rules, clp_max_tokens_rule);
    rule->pattern = pattern;
    rule->tokens = n;
    return NULL;
}

static const char *add_model(cmd_parms *cmd, void *dir, const char *name)
{
    clp_dir_config *conf = dir;
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    if (wrong) {
        return wrong;
    }
    if (!*name || strlen(name) > MAX_MODEL || strpbrk(name, "*?")) {
        return apr_psprintf(cmd->pool,
                            "ClaudeModels: '%s' is no model's name: 1 to %d bytes, no pattern",
                            name, MAX_MODEL);
    }
    for (const char *c = name; *c; c++) {
        if (apr_iscntrl(*c)) {
            return "ClaudeModels: a name holds a control character";
        }
    }
    if (!conf->named_models) {
        conf->named_models = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    APR_ARRAY_PUSH(conf->named_models, const char *) = name;
    return NULL;
}

static clp_access_keys *keys_of(cmd_parms *cmd, clp_dir_config *conf)
{
    if (!conf->access_keys) {
        conf->access_keys = clp_access_keys_make(cmd->pool);
    }
    return conf->access_keys;
}

static const char *add_access_key(cmd_parms *cmd, void *dir, const char *name, const char *secret)
{
    const char *wrong;

    clp_secret_hide(cmd, 1);
    wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);
    return wrong ? wrong : clp_access_keys_add(keys_of(cmd, dir), cmd, name, secret);
}

static const char *add_access_key_file(cmd_parms *cmd, void *dir, const char *path)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    return wrong ? wrong : clp_access_keys_add_file(keys_of(cmd, dir), cmd, path);
}

static const char *add_origins(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    clp_dir_config *conf = dir;
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    return wrong ? wrong : clp_cors_add(conf->cors, cmd, argc, argv, &conf->cors);
}

static const char *add_channel_set(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    clp_server_config *conf = clp_server_config_of(cmd->server);
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
    clp_set_rule *rule;

    (void)dir;
    if (wrong) {
        return wrong;
    }
    if (argc < 2) {
        return "ClaudeChannelSet wants a name and at least one channel or pattern";
    }
    for (int i = 0; i < conf->sets->nelts; i++) {
        const clp_set_rule *other = &APR_ARRAY_IDX(conf->sets, i, clp_set_rule);
        if (strcmp(other->name, argv[0]) == 0) {
            return apr_psprintf(cmd->pool, "ClaudeChannelSet: set '%s' is already defined at %s",
                                argv[0], other->defined_in);
        }
    }
    rule = &APR_ARRAY_PUSH(conf->sets, clp_set_rule);
    rule->name = argv[0];
    rule->defined_in = clp_config_place(cmd->pool, cmd->directive);
    rule->patterns = apr_array_make(cmd->pool, argc, sizeof(const char *));
    for (int i = 1; i < argc; i++) {
        APR_ARRAY_PUSH(rule->patterns, const char *) = argv[i];
    }
    return NULL;
}

static const char *set_state_dir(cmd_parms *cmd, void *dir, const char *path)
{
    clp_server_config *conf = clp_server_config_of(cmd->server);
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    if (wrong) {
        return wrong;
    }
    conf->state_dir = ap_runtime_dir_relative(cmd->pool, path);
    conf->state_dir_at = clp_config_place(cmd->pool, cmd->directive);
    return conf->state_dir
               ? NULL
               : apr_pstrcat(cmd->pool, "ClaudeStateDir: '", path, "' is no usable path", NULL);
}

static const char *set_global_table_size(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong ? wrong
                 : clp_table_size_set(&clp_server_config_of(cmd->server)->table_size, cmd, argc,
                                      argv);
}

static const char *set_global_session_store(cmd_parms *cmd, void *dir, const char *text)
{
    clp_server_config *conf = clp_server_config_of(cmd->server);
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    conf->session_socache = NULL;
    if (wrong || ap_cstr_casecmp(text, "shm") == 0) {
        return wrong;
    }
    return clp_session_socache_make(&conf->session_socache, cmd, text);
}

static const char *set_global_recent(cmd_parms *cmd, void *dir, const char *number, const char *who)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong ? wrong : clp_recent_set(cmd, clp_server_config_of(cmd->server), number, who);
}

static const char *set_body_log(cmd_parms *cmd, void *dir, const char *target)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    return wrong ? wrong : clp_body_log_set(cmd, dir, target);
}

static const char *set_audit_log(cmd_parms *cmd, void *dir, const char *target)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);

    (void)dir;
    return wrong ? wrong : clp_audit_set(cmd, clp_server_config_of(cmd->server), target);
}

static const char *set_global_trace_export(cmd_parms *cmd, void *dir, const char *url)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong ? wrong : clp_tracing_set(cmd, clp_server_config_of(cmd->server), url);
}

static const char *set_global_upstream_host(cmd_parms *cmd, void *dir, const char *pattern)
{
    clp_server_config *conf = clp_server_config_of(cmd->server);
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    if (wrong) {
        return wrong;
    }
    if (!conf->hosts) {
        conf->hosts = clp_host_rules_make(cmd->pool);
    }
    wrong = clp_host_rules_add(conf->hosts, pattern);
    return wrong ? apr_psprintf(cmd->pool, "%s: '%s' %s", cmd->cmd->name, pattern, wrong) : NULL;
}

/* The secret is the last of two or three words. */
static const char *set_global_trace_header(cmd_parms *cmd, void *dir, const char *name,
                                           const char *second, const char *third)
{
    const char *wrong;

    (void)dir;
    clp_secret_hide(cmd, third ? 2 : 1);
    wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    return wrong ? wrong
                 : clp_tracing_add_header(cmd, clp_server_config_of(cmd->server), name,
                                          third ? second : NULL, third ? third : second);
}

#define ANYWHERE (RSRC_CONF | ACCESS_CONF)
#define KIB      ((apr_int64_t)1024)
#define MIB      (KIB * 1024)
#define GIB      (MIB * 1024)
#define HOURS    ((apr_int64_t)3600 * 1000)

/* clang-format off */
const command_rec clp_directives[] = {
    CLP_CHANNEL_DIRECTIVES,
    AP_INIT_TAKE_ARGV("ClaudeChannelSet", add_channel_set, NULL, RSRC_CONF,
                      "a name, and the channels (names or patterns) that belong to it"),
    AP_INIT_TAKE1("ClaudeStateDir", set_state_dir, NULL, RSRC_CONF,
                  "directory for what shall outlive a restart"),
    AP_INIT_TAKE1("ClaudeIdleTransports", set_global_number,
                  SERVER_NUMBER(idle_engines, A_COUNT, 0, 100000, "a number from 0 to 100000"),
                  RSRC_CONF, "how many idle upstream transports each child keeps"),
    AP_INIT_TAKE1("ClaudeThreadTableSize", set_global_number,
                  SERVER_NUMBER(pin_rows, A_COUNT, 64, 16777216, "a number from 64 to 16777216"),
                  RSRC_CONF, "how many message threads are remembered with their channel"),
    AP_INIT_TAKE_ARGV("ClaudeTableSize", set_global_table_size, NULL, RSRC_CONF,
                      "channels=N keys=N models=N users=N: rows of the tables of shared state"),
    AP_INIT_TAKE1("ClaudeAffinityTableSize", set_global_number,
                  SERVER_NUMBER(affinity_rows, A_COUNT, 64, 16777216,
                                "a number from 64 to 16777216"),
                  RSRC_CONF, "how many conversations are remembered with their channel"),
    AP_INIT_TAKE1("ClaudeSnapshotInterval", set_global_number,
                  SERVER_NUMBER(snapshot_ms, A_TIME_OR_OFF, 1000, 24 * HOURS,
                                "Off or a time from 1s to 24h"),
                  RSRC_CONF, "how often shared state is written to the state directory"),
    AP_INIT_TAKE12("ClaudeRecentRequests", set_global_recent, NULL, RSRC_CONF,
                   "how many of the last requests can be looked at, or Off; maybe anonymous"),
    AP_INIT_TAKE1("ClaudeSessionStore", set_global_session_store, NULL, RSRC_CONF,
                  "shm, or a cache provider with its arguments, e.g. redis:HOST:PORT"),
    AP_INIT_TAKE1("ClaudeSessionMemory", set_global_number,
                  SERVER_NUMBER(session_memory, A_SIZE, MIB, 64 * GIB, "a size from 1m to 64g"),
                  RSRC_CONF, "memory for stored responses, all children together"),
    AP_INIT_FLAG("ClaudeSessions", set_dir_flag, DIR_FLAG(sessions), ANYWHERE,
                 "On or Off: whether responses are stored, to be continued by their id"),
    AP_INIT_TAKE1("ClaudeSessionIdle", set_dir_number,
                  DIR_NUMBER(session_idle_ms, A_TIME, 60 * 1000, 30 * 24 * HOURS,
                             "a time from 1min to 720h"),
                  ANYWHERE, "how long a stored response that nobody uses is kept"),
    AP_INIT_TAKE1("ClaudeSessionMaxItems", set_dir_number,
                  DIR_NUMBER(session_items, A_COUNT, 1, 100000, "a number from 1 to 100000"),
                  ANYWHERE, "most earlier items that a continued conversation brings along"),
    AP_INIT_TAKE1("ClaudeSessionMaxTokens", set_dir_number,
                  DIR_NUMBER(session_tokens, A_COUNT, 1000, 100000000,
                             "a number from 1000 to 100000000"),
                  ANYWHERE, "most tokens of them"),
    AP_INIT_FLAG("ClaudeProxy", set_proxy, NULL, ANYWHERE,
                 "On or Off: whether requests here are for the gateway"),
    AP_INIT_TAKE1("ClaudeUseSet", set_use_set, NULL, ANYWHERE,
                  "name of the channel set that serves here"),
    AP_INIT_TAKE1("ClaudeMaxRequestBody", set_dir_number,
                  DIR_NUMBER(max_body, A_SIZE, KIB, GIB, "a size from 1k to 1g"),
                  ANYWHERE, "most bytes of a request body as sent"),
    AP_INIT_TAKE1("ClaudeMaxDecodedBody", set_dir_number,
                  DIR_NUMBER(max_decoded, A_SIZE, KIB, GIB, "a size from 1k to 1g"),
                  ANYWHERE, "most bytes of a request body after its content coding is undone"),
    AP_INIT_TAKE1("ClaudeMaxJSONDepth", set_dir_number,
                  DIR_NUMBER(max_depth, A_COUNT, 16, 4096, "a number from 16 to 4096"),
                  ANYWHERE, "deepest nesting of a request's JSON"),
    AP_INIT_TAKE1("ClaudeMaxJSONValues", set_dir_number,
                  DIR_NUMBER(max_values, A_COUNT, 1000, 100000000, "a number from 1000 to 100000000"),
                  ANYWHERE, "most JSON values of a request that are looked at one by one"),
    AP_INIT_TAKE1("ClaudeMaxUpstreamEvent", set_dir_number,
                  DIR_NUMBER(max_event, A_SIZE, 64 * KIB, GIB, "a size from 64k to 1g"),
                  ANYWHERE, "most bytes of one event or document of an upstream"),
    AP_INIT_TAKE1("ClaudeKeepAliveInterval", set_dir_number,
                  DIR_NUMBER(keepalive_ms, A_TIME_OR_OFF, 100, 3600 * 1000,
                             "Off or a time from 100ms to 1h"),
                  ANYWHERE, "how long a stream may be silent before a keep-alive is sent"),
    AP_INIT_TAKE1("ClaudeMaxAttempts", set_dir_number,
                  DIR_NUMBER(max_attempts, A_COUNT, 1, 1000, "a number from 1 to 1000"),
                  ANYWHERE, "most upstream attempts for one request"),
    AP_INIT_TAKE1("ClaudeStrategy", set_strategy, NULL, ANYWHERE,
                  "failover, round-robin, random, weighted, least-busy or lowest-latency: which of "
                  "several channels of the same priority is asked"),
    AP_INIT_TAKE1("ClaudeAffinity", set_affinity,
                  DIR_NUMBER(affinity_ms, A_TIME_OR_OFF, 1000, 30 * 24 * HOURS,
                             "On, Off or a time from 1s to 30d"),
                  ANYWHERE, "how long a conversation stays with the channel that served it"),
    AP_INIT_TAKE1("ClaudeRetryTime", set_dir_number,
                  DIR_NUMBER(retry_ms, A_TIME_OR_OFF, 100, 24 * HOURS, "Off or a time from 100ms to 24h"),
                  ANYWHERE, "how long after a request's begin another upstream attempt may begin"),
    AP_INIT_TAKE1("ClaudeRetryWait", set_dir_number,
                  DIR_NUMBER(retry_wait_ms, A_TIME_OR_OFF, 10, 60 * 1000, "Off or a time from 10ms to 1m"),
                  ANYWHERE, "how long to wait for the last provider that asks for patience"),
    AP_INIT_TAKE1("ClaudeHedge", set_dir_number,
                  DIR_NUMBER(hedge_ms, A_TIME_OR_OFF, 10, HOURS, "Off or a time from 10ms to 1h"),
                  ANYWHERE, "after what silence a stream is asked of a second channel too"),
    AP_INIT_TAKE12("ClaudeDefaultMaxTokens", set_default_max_tokens, NULL, ANYWHERE,
                   "max_tokens for Claude upstreams when the client gave none, and a model pattern"),
    AP_INIT_ITERATE("ClaudeModels", add_model, NULL, ANYWHERE,
                    "names to add to the list of models"),
    AP_INIT_TAKE1("ClaudeModelsCache", set_dir_number,
                  DIR_NUMBER(models_cache_ms, A_TIME_OR_OFF, 1000, 24 * 3600 * 1000,
                             "Off or a time from 1s to 24h"),
                  ANYWHERE, "how long a list of models asked of the upstreams is kept"),
    AP_INIT_FLAG("ClaudeRequireUser", set_dir_flag, DIR_FLAG(require_user), ANYWHERE,
                 "On or Off: whether requests without an authenticated user are refused"),
    AP_INIT_TAKE2("ClaudeAccessKey", add_access_key, NULL, ANYWHERE,
                  "a user's name and key: KEY, sha256:HEX, env:NAME, file:PATH or exec:COMMAND"),
    AP_INIT_TAKE1("ClaudeAccessKeyFile", add_access_key_file, NULL, ANYWHERE,
                  "a file with a name and a key on each line"),
    AP_INIT_FLAG("ClaudeKeyInQuery", set_dir_flag, DIR_FLAG(key_in_query), ANYWHERE,
                 "On or Off: whether ?key= may hold the access key"),
    AP_INIT_TAKE_ARGV("ClaudeCORSOrigin", add_origins, NULL, ANYWHERE,
                      "web origins whose scripts may use the gateway, or *, or None"),
    AP_INIT_TAKE1("ClaudeCORSMaxAge", set_dir_number,
                  DIR_NUMBER(cors_max_age_ms, A_TIME, 0, 24 * 3600 * 1000, "a time up to 24h"),
                  ANYWHERE, "how long browsers may keep the answer to a preflight"),
    AP_INIT_FLAG("ClaudeIgnoreClientAbort", set_dir_flag, DIR_FLAG(ignore_abort), ANYWHERE,
                 "On or Off: whether a request goes on when its client has gone"),
    AP_INIT_TAKE1("ClaudeBodyLog", set_body_log, NULL, ANYWHERE,
                  "a file or |program that gets requests and answers as lines of JSON, or Off"),
    AP_INIT_TAKE1("ClaudeBodyLogMax", set_dir_number,
                  DIR_NUMBER(body_log_text, A_SIZE, 16, MIB, "a size from 16 to 1m"),
                  ANYWHERE, "longest text that ClaudeBodyLog shows whole"),
    AP_INIT_TAKE1("ClaudeAuditLog", set_audit_log, NULL, RSRC_CONF,
                  "a file or |program that gets each change over the admin API as a line of JSON, "
                  "or Off"),
    AP_INIT_TAKE1("ClaudeTraceExport", set_global_trace_export, NULL, RSRC_CONF,
                  "URL of a collector of OpenTelemetry that gets a span of each request, or Off"),
    AP_INIT_TAKE23("ClaudeTraceHeader", set_global_trace_header, NULL, RSRC_CONF,
                   "a header field for the collector: name, maybe a scheme, and a secret: KEY, "
                   "env:NAME, file:PATH or exec:COMMAND"),
    AP_INIT_ITERATE("ClaudeUpstreamHosts", set_global_upstream_host, NULL, RSRC_CONF,
                    "hosts that channels of the admin API may name: NAME, *.NAME, ADDRESS, "
                    "ADDRESS/BITS or All"),
    AP_INIT_FLAG("ClaudeDebugHeaders", set_dir_flag, DIR_FLAG(attempt_headers), ANYWHERE,
                 "On or Off: whether answers tell channel, attempts and process"),
    {NULL}};
/* clang-format on */

/* --- looking ---------------------------------------------------------------------------- */

int clp_directive_number(const command_rec *cmd, int *of_server, apr_size_t *offset,
                         clp_setting_kind *kind)
{
    const number_rule *rule = cmd->cmd_data;

    *of_server = cmd->func.take1 == set_global_number;
    if (cmd->func.flag == set_dir_flag) {
        *offset = (apr_size_t)cmd->cmd_data;
        *kind = CLP_SHOWN_FLAG;
        return 1;
    }
    if (!*of_server && cmd->func.take1 != set_dir_number && cmd->func.take1 != set_affinity) {
        return 0;
    }
    *offset = rule->offset;
    *kind = rule->kind == A_TIME || rule->kind == A_TIME_OR_OFF ? CLP_SHOWN_TIME : CLP_SHOWN_NUMBER;
    return 1;
}
