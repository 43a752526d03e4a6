/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <apr_hash.h>
#include <apr_strings.h>

void *clp_dir_config_create(apr_pool_t *p, char *path)
{
    clp_dir_config *conf = apr_pcalloc(p, sizeof(*conf));

    (void)path;
#define UNSET(member, dflt) conf->member = -1;
    CLP_DIR_NUMBERS(UNSET)
#undef UNSET
    return conf;
}

void *clp_dir_config_merge(apr_pool_t *p, void *base_conf, void *add_conf)
{
    const clp_dir_config *base = base_conf;
    const clp_dir_config *add = add_conf;
    clp_dir_config *conf = apr_palloc(p, sizeof(*conf));

#define MERGE(member, dflt) conf->member = add->member != -1 ? add->member : base->member;
    CLP_DIR_NUMBERS(MERGE)
#undef MERGE
    /* A prefix belongs to the ClaudeProxy that set it: Off below On has none. */
    conf->prefix = add->enabled != -1 ? add->prefix : base->prefix;
    conf->set_name = add->set_name ? add->set_name : base->set_name;
    if (add->max_tokens_rules && base->max_tokens_rules) {
        conf->max_tokens_rules = apr_array_append(p, add->max_tokens_rules, base->max_tokens_rules);
    }
    else {
        conf->max_tokens_rules =
            add->max_tokens_rules ? add->max_tokens_rules : base->max_tokens_rules;
    }
    conf->named_models = add->named_models ? add->named_models : base->named_models;
    conf->access_keys = add->access_keys ? add->access_keys : base->access_keys;
    conf->cors = add->cors ? add->cors : base->cors;
    conf->body_log = add->body_log_said ? add->body_log : base->body_log;
    conf->body_log_said = add->body_log_said || base->body_log_said;
    return conf;
}

void *clp_server_config_create(apr_pool_t *p, server_rec *s)
{
    clp_server_config *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
#define UNSET(member, dflt) conf->member = -1;
    CLP_SERVER_NUMBERS(UNSET)
#undef UNSET
    conf->channels = apr_array_make(p, 4, sizeof(clp_channel *));
    conf->sets = apr_array_make(p, 2, sizeof(clp_set_rule));
    conf->section_digests = apr_hash_make(p);
    conf->set_uses = apr_array_make(p, 2, sizeof(clp_set_use));
    return conf;
}

void *clp_server_config_merge(apr_pool_t *p, void *base_conf, void *add_conf)
{
    const clp_server_config *base = base_conf;
    const clp_server_config *add = add_conf;
    clp_server_config *conf = apr_pcalloc(p, sizeof(*conf));

#define MERGE(member, dflt) conf->member = add->member != -1 ? add->member : base->member;
    CLP_SERVER_NUMBERS(MERGE)
#undef MERGE
    conf->channels = apr_array_append(p, base->channels, add->channels);
    conf->sets = apr_array_append(p, add->sets, base->sets);
    conf->state_dir = add->state_dir ? add->state_dir : base->state_dir;
    conf->state_dir_at = add->state_dir_at ? add->state_dir_at : base->state_dir_at;
    conf->table_size = base->table_size;
    conf->session_socache = base->session_socache;
    conf->tracing = base->tracing;
    conf->audit_log = add->audit_log_said ? add->audit_log : base->audit_log;
    conf->audit_log_said = add->audit_log_said || base->audit_log_said;
    conf->hosts = base->hosts;
    conf->section_digests = add->section_digests;
    conf->set_uses = add->set_uses;
    conf->proxy_on_at = add->proxy_on_at;
    return conf;
}

apr_int64_t clp_config_max_tokens(const clp_dir_config *conf, const char *model)
{
    if (conf->max_tokens_rules && model) {
        for (int i = 0; i < conf->max_tokens_rules->nelts; i++) {
            const clp_max_tokens_rule *rule =
                &APR_ARRAY_IDX(conf->max_tokens_rules, i, clp_max_tokens_rule);
            if (clp_model_matches(rule->pattern, model, NULL, NULL)) {
                return rule->tokens;
            }
        }
    }
    return CLP_CONF(conf, default_max_tokens);
}

const char *clp_config_place(apr_pool_t *p, const ap_directive_t *directive)
{
    return apr_psprintf(p, "%s:%d", directive->filename, directive->line_num);
}
