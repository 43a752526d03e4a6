/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <apr_strings.h>

#include "http_core.h"
#include "http_main.h"

#include "line_log.h"
#include "sched/strategy.h"
#include "session_socache.h"

static clp_setting_shown *add(apr_array_header_t *list, const char *directive,
                              clp_setting_kind kind, int said)
{
    clp_setting_shown *s = &APR_ARRAY_PUSH(list, clp_setting_shown);

    memset(s, 0, sizeof(*s));
    s->directive = directive;
    s->kind = kind;
    s->said = said;
    return s;
}

static void add_text(apr_array_header_t *list, const char *directive, const char *text)
{
    add(list, directive, CLP_SHOWN_TEXT, text != NULL)->text = text;
}

/* What counts where nothing is said. */
typedef struct number_default {
    apr_size_t offset;
    apr_int64_t number;
} number_default;

#define DIR_DEFAULT(member, dflt)    {APR_OFFSETOF(clp_dir_config, member), (dflt)},
#define SERVER_DEFAULT(member, dflt) {APR_OFFSETOF(clp_server_config, member), (dflt)},
static const number_default dir_defaults[] = {CLP_DIR_NUMBERS(DIR_DEFAULT)};
static const number_default server_defaults[] = {CLP_SERVER_NUMBERS(SERVER_DEFAULT)};

static apr_int64_t default_of(const number_default *defaults, apr_size_t offset)
{
    while (defaults->offset != offset) {
        defaults++;
    }
    return defaults->number;
}

/* Whatever has one number, of the server or of a location. */
static void add_numbers(apr_array_header_t *list, const void *conf, int servers,
                        const number_default *defaults)
{
    for (const command_rec *cmd = clp_directives; cmd->name; cmd++) {
        clp_setting_kind kind;
        apr_size_t offset;
        apr_int64_t said;
        int of_server;

        if (clp_directive_number(cmd, &of_server, &offset, &kind) && of_server == servers) {
            said = *(const apr_int64_t *)((const char *)conf + offset);
            add(list, cmd->name, kind, said != -1)->number =
                said != -1 ? said : default_of(defaults, offset);
        }
    }
}

/* A file as it was said; of a program no arguments, which may hold what is not to be shown. */
static const char *log_name(const struct clp_line_log *log, apr_pool_t *pool)
{
    const char *target = clp_line_log_target(log);
    apr_size_t n = strspn(target, "| ");

    return *target == '|' ? apr_pstrmemdup(pool, target, n + strcspn(target + n, " ")) : target;
}

/* --- locations ---------------------------------------------------------------------------- */

/* The default, and what it is for names that fit a pattern: "8192", "4096 claude-*". */
static apr_array_header_t *max_tokens(const clp_dir_config *conf, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 2, sizeof(const char *));

    APR_ARRAY_PUSH(list, const char *) =
        apr_psprintf(pool, "%" APR_INT64_T_FMT, CLP_CONF(conf, default_max_tokens));
    for (int i = 0; conf->max_tokens_rules && i < conf->max_tokens_rules->nelts; i++) {
        const clp_max_tokens_rule *rule =
            &APR_ARRAY_IDX(conf->max_tokens_rules, i, clp_max_tokens_rule);
        APR_ARRAY_PUSH(list, const char *) =
            apr_psprintf(pool, "%" APR_INT64_T_FMT " %s", rule->tokens, rule->pattern);
    }
    return list;
}

static apr_array_header_t *of_location(const clp_dir_config *conf, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 32, sizeof(clp_setting_shown));

    add(list, "ClaudeProxy", CLP_SHOWN_FLAG, 1)->number = 1;
    add_text(list, "ClaudeUseSet", conf->set_name);
    add(list, "ClaudeStrategy", CLP_SHOWN_TEXT, conf->strategy != -1)->text =
        clp_strategy_name((clp_strategy)CLP_CONF(conf, strategy));
    add_numbers(list, conf, 0, dir_defaults);
    add(list, "ClaudeDefaultMaxTokens", CLP_SHOWN_LIST,
        conf->default_max_tokens != -1 || conf->max_tokens_rules)
        ->list = max_tokens(conf, pool);
    add(list, "ClaudeModels", CLP_SHOWN_LIST, conf->named_models != NULL)->list =
        conf->named_models;
    add(list, "ClaudeBodyLog", CLP_SHOWN_TEXT, conf->body_log_said)->text =
        conf->body_log ? log_name(conf->body_log, pool) : "Off";
    return list;
}

/* Does a <Location> with this plain path take part where another one is? As httpd's walk does. */
static int covers(const char *path, const char *other)
{
    apr_size_t n = strlen(path);

    return !strncmp(path, other, n) && (!n || path[n - 1] == '/' || other[n] == '/' || !other[n]);
}

/* What is in force at a path: the server's, and all sections that cover it, in their order. */
static const clp_dir_config *in_force(server_rec *s, const char *path, apr_pool_t *pool)
{
    const core_server_config *core = ap_get_core_module_config(s->module_config);
    void *conf = ap_get_module_config(s->lookup_defaults, &claude_proxy_module);

    for (int i = 0; i < core->sec_url->nelts; i++) {
        ap_conf_vector_t *section = APR_ARRAY_IDX(core->sec_url, i, ap_conf_vector_t *);
        const core_dir_config *where = ap_get_core_module_config(section);
        void *more = ap_get_module_config(section, &claude_proxy_module);

        if (more && !where->r && !where->d_is_fnmatch && covers(where->d, path)) {
            conf = clp_dir_config_merge(pool, conf, more);
        }
    }
    return conf;
}

static void add_place(clp_settings *out, server_rec *s, const char *path, apr_pool_t *pool)
{
    const clp_dir_config *conf = in_force(s, path, pool);
    unsigned port = s->addrs ? s->addrs->host_port : 0;
    clp_settings_place *place;

    if (CLP_CONF(conf, enabled) != 1) {
        return; /* a later section says Off */
    }
    place = &APR_ARRAY_PUSH(out->places, clp_settings_place);
    place->server = s->server_hostname ? s->server_hostname : "";
    if (port ? port : (port = s->port)) {
        place->server = apr_psprintf(pool, "%s:%u", place->server, port);
    }
    place->defined_in =
        s->defn_name ? apr_psprintf(pool, "%s:%u", s->defn_name, s->defn_line_number) : NULL;
    place->path = path;
    place->settings = of_location(conf, pool);
}

static void add_places(clp_settings *out, server_rec *s, apr_pool_t *pool)
{
    const core_server_config *core = ap_get_core_module_config(s->module_config);
    const clp_dir_config *conf = ap_get_module_config(s->lookup_defaults, &claude_proxy_module);

    if (conf->enabled == 1) {
        add_place(out, s, "/", pool);
    }
    for (int i = 0; i < core->sec_url->nelts; i++) {
        ap_conf_vector_t *section = APR_ARRAY_IDX(core->sec_url, i, ap_conf_vector_t *);

        conf = ap_get_module_config(section, &claude_proxy_module);
        if (conf && conf->enabled == 1) {
            add_place(out, s, *conf->prefix ? conf->prefix : "/", pool);
        }
    }
}

/* --- the server --------------------------------------------------------------------------- */

/* As it would be said: "200", "200 anonymous", "Off". */
static const char *recent(const clp_server_config *conf, apr_pool_t *pool)
{
    apr_int64_t n = CLP_CONF(conf, recent);

    return n ? apr_psprintf(pool, "%" APR_INT64_T_FMT "%s", n,
                            CLP_CONF(conf, recent_anonymous) ? " anonymous" : "")
             : "Off";
}

static apr_array_header_t *of_server(const clp_server_config *conf, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 16, sizeof(clp_setting_shown));

    add_text(list, "ClaudeStateDir", conf->state_dir);
    add(list, "ClaudeSessionStore", CLP_SHOWN_TEXT, conf->session_socache != NULL)->text =
        conf->session_socache ? clp_session_socache_name(conf->session_socache) : "shm";
    add_text(list, "ClaudeAuditLog", conf->audit_log ? log_name(conf->audit_log, pool) : NULL);
    add(list, "ClaudeRecentRequests", CLP_SHOWN_TEXT, conf->recent != -1)->text =
        recent(conf, pool);
    add(list, "ClaudeUpstreamHosts", CLP_SHOWN_LIST, conf->hosts != NULL)->list =
        conf->hosts ? clp_host_rules_listed(conf->hosts) : NULL;
    add_numbers(list, conf, 1, server_defaults);
    return list;
}

clp_settings clp_settings_now(apr_pool_t *pool)
{
    clp_settings out;

    out.server = of_server(clp_server_config_of(ap_server_conf), pool);
    out.places = apr_array_make(pool, 8, sizeof(clp_settings_place));
    for (server_rec *s = ap_server_conf; s; s = s->next) {
        add_places(&out, s, pool);
    }
    return out;
}
