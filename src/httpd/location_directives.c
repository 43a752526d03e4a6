/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "location_directives.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "access_keys.h"
#include "body_log.h"
#include "cors.h"
#include "number_directive.h"
#include "sched/strategy.h"
#include "secrets.h"
#include "wire/quantity.h"

#define MAX_MODEL 256

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

const char *clp_location_proxy(cmd_parms *cmd, void *dir, int on)
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

const char *clp_location_use_set(cmd_parms *cmd, void *dir, const char *name)
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

const char *clp_location_strategy(cmd_parms *cmd, void *dir, const char *name)
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

const char *clp_location_affinity(cmd_parms *cmd, void *dir, const char *text)
{
    if (ap_cstr_casecmp(text, "on") != 0) {
        return clp_location_number(cmd, dir, text);
    }
    ((clp_dir_config *)dir)->affinity_ms = CLP_DEFAULT_affinity_ms;
    return ap_check_cmd_context(cmd, NOT_IN_LIMIT);
}

const char *clp_location_default_max_tokens(cmd_parms *cmd, void *dir, const char *number,
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

const char *clp_location_model(cmd_parms *cmd, void *dir, const char *name)
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

const char *clp_location_access_key(cmd_parms *cmd, void *dir, const char *name, const char *secret)
{
    const char *wrong;

    clp_secret_hide(cmd, 1);
    wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);
    return wrong ? wrong : clp_access_keys_add(keys_of(cmd, dir), cmd, name, secret);
}

const char *clp_location_access_key_file(cmd_parms *cmd, void *dir, const char *path)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    return wrong ? wrong : clp_access_keys_add_file(keys_of(cmd, dir), cmd, path);
}

const char *clp_location_origins(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    clp_dir_config *conf = dir;
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    return wrong ? wrong : clp_cors_add(conf->cors, cmd, argc, argv, &conf->cors);
}

const char *clp_location_body_log(cmd_parms *cmd, void *dir, const char *target)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    return wrong ? wrong : clp_body_log_set(cmd, dir, target);
}
