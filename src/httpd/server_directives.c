/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "server_directives.h"

#include <apr_strings.h>

#include "audit.h"
#include "recent.h"
#include "secrets.h"
#include "session_socache.h"
#include "tracing.h"

const char *clp_server_channel_set(cmd_parms *cmd, void *dir, int argc, char *const argv[])
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

const char *clp_global_state_dir(cmd_parms *cmd, void *dir, const char *path)
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

const char *clp_global_table_size(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong ? wrong
                 : clp_table_size_set(&clp_server_config_of(cmd->server)->table_size, cmd, argc,
                                      argv);
}

const char *clp_global_session_store(cmd_parms *cmd, void *dir, const char *text)
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

const char *clp_global_recent(cmd_parms *cmd, void *dir, const char *number, const char *who)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong ? wrong : clp_recent_set(cmd, clp_server_config_of(cmd->server), number, who);
}

const char *clp_server_audit_log(cmd_parms *cmd, void *dir, const char *target)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);

    (void)dir;
    return wrong ? wrong : clp_audit_set(cmd, clp_server_config_of(cmd->server), target);
}

const char *clp_global_trace_export(cmd_parms *cmd, void *dir, const char *url)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong ? wrong : clp_tracing_set(cmd, clp_server_config_of(cmd->server), url);
}

const char *clp_global_upstream_host(cmd_parms *cmd, void *dir, const char *pattern)
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
const char *clp_global_trace_header(cmd_parms *cmd, void *dir, const char *name, const char *second,
                                    const char *third)
{
    const char *wrong;

    (void)dir;
    clp_secret_hide(cmd, third ? 2 : 1);
    wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    return wrong ? wrong
                 : clp_tracing_add_header(cmd, clp_server_config_of(cmd->server), name,
                                          third ? second : NULL, third ? third : second);
}
