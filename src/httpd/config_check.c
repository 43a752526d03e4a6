/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <unistd.h>

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "unixd.h"

#include "sched/channel_rows.h"

APLOG_USE_MODULE(claude_proxy);

/** What is looked for over all servers. */
typedef struct check {
    apr_pool_t *pconf;
    apr_pool_t *ptemp;
    server_rec *server; /**< the one being checked, for the log */
    int errors;
} check;

static void complain(check *c, const char *place, const char *text)
{
    c->errors++;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, c->server, "CLP2030: %s: %s", place,
                 text);
}

/** A channel's first definition; `digest` of its section's text. */
typedef struct definition {
    const clp_channel *channel;
    const char *digest;
} definition;

static void complain_twice(check *c, const clp_channel *channel, const clp_channel *before)
{
    complain(c, channel->defined_in,
             apr_psprintf(c->ptemp,
                          "<ClaudeChannel>: channel '%s' is already defined at %s; a name stands "
                          "for one channel in all servers: choose another",
                          channel->name, before->defined_in));
}

/**
 * The name is a channel's identity in shared state. One server may know a name
 * once; two virtual hosts may both define it when they say the same, as when
 * both include one file.
 */
static void check_names(check *c, apr_hash_t *seen)
{
    const clp_server_config *conf = clp_server_config_of(c->server);
    apr_hash_t *here = apr_hash_make(c->ptemp);

    for (int i = 0; i < conf->channels->nelts; i++) {
        const clp_channel *channel = APR_ARRAY_IDX(conf->channels, i, const clp_channel *);
        const char *digest =
            apr_hash_get(conf->section_digests, channel->name, APR_HASH_KEY_STRING);
        const clp_channel *inherited = apr_hash_get(here, channel->name, APR_HASH_KEY_STRING);
        definition *first = apr_hash_get(seen, channel->name, APR_HASH_KEY_STRING);

        if (inherited) {
            complain_twice(c, channel, inherited);
        }
        else if (!first) {
            first = apr_palloc(c->ptemp, sizeof(*first));
            first->channel = channel;
            first->digest = digest;
            apr_hash_set(seen, channel->name, APR_HASH_KEY_STRING, first);
        }
        else if (first->channel != channel && (!digest || strcmp(first->digest, digest) != 0)) {
            complain_twice(c, channel, first->channel);
        }
        apr_hash_set(here, channel->name, APR_HASH_KEY_STRING, channel);
    }
}

static void complain_unfit(void *ctx, const clp_set_rule *rule, const char *pattern)
{
    check *c = ctx;

    complain(c, rule->defined_in,
             apr_psprintf(c->ptemp,
                          "ClaudeChannelSet %s: no channel of this server is called or matches "
                          "'%s'",
                          rule->name, pattern));
}

/** A set that serves, and whose channels are all asleep: every request would get 503. */
static void check_awake(check *c, const clp_channel_set *set, const char *used_in,
                        const char *directive)
{
    if (set->channels->nelts > 0 && !clp_channel_set_active(set)) {
        complain(c, used_in,
                 apr_psprintf(c->ptemp,
                              "%s: none of the channels it would ask is active; see ChannelStatus",
                              directive));
    }
}

static void check_promotions(check *c, const clp_server_config *conf)
{
    const clp_channel *one, *other;

    if (clp_channel_set_promoted_twice(conf->resolved->all, apr_time_now(), &one, &other)) {
        complain(c, other->defined_in,
                 apr_psprintf(c->ptemp,
                              "ChannelPromotion: channel '%s' and channel '%s' (%s) are promoted "
                              "at the same time for the same clients",
                              other->name, one->name, one->defined_in));
    }
}

static void check_set_uses(check *c, const clp_server_config *conf)
{
    for (int i = 0; i < conf->set_uses->nelts; i++) {
        const clp_set_use *use = &APR_ARRAY_IDX(conf->set_uses, i, clp_set_use);
        const clp_channel_set *set = clp_channel_sets_find(conf->resolved, use->name);

        if (set) {
            check_awake(c, set, use->used_in, "ClaudeUseSet");
        }
        else {
            complain(c, use->used_in,
                     apr_psprintf(c->ptemp,
                                  "ClaudeUseSet: there is no set '%s' in this server; define it "
                                  "with ClaudeChannelSet",
                                  use->name));
        }
    }
}

/** May the user that children run as read the file, going by its mode? */
static int child_may_read(const char *path, apr_pool_t *p)
{
    apr_finfo_t info;

    if (apr_stat(&info, path, APR_FINFO_PROT | APR_FINFO_OWNER, p) != APR_SUCCESS) {
        return 0;
    }
    if (info.user == ap_unixd_config.user_id) {
        return (info.protection & APR_FPROT_UREAD) != 0;
    }
    if (info.group == ap_unixd_config.group_id) {
        return (info.protection & APR_FPROT_GREAD) != 0;
    }
    return (info.protection & APR_FPROT_WREAD) != 0;
}

/** Children open the TLS files after they gave up root. */
static void check_tls_files(check *c, const clp_channel *channel)
{
    const char *const paths[] = {channel->tls.ca_file, channel->tls.ca_path, channel->tls.cert_file,
                                 channel->tls.key_file};

    if (geteuid() != 0) {
        return;
    }
    for (int i = 0; i < 4; i++) {
        if (paths[i] && !child_may_read(paths[i], c->ptemp)) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, c->server,
                         "CLP2031: %s: channel '%s': the user of the children (%s) may not be able "
                         "to read %s",
                         channel->defined_in, channel->name,
                         ap_unixd_config.user_name ? ap_unixd_config.user_name : "User", paths[i]);
        }
    }
}

static void check_table_size(check *c, apr_hash_t *definitions)
{
    const clp_table_size *size = &clp_server_config_of(c->server)->table_size;
    clp_capacity needed = {0};
    const char *wrong;

    for (apr_hash_index_t *at = apr_hash_first(c->ptemp, definitions); at; at = apr_hash_next(at)) {
        const definition *first = apr_hash_this_val(at);

        clp_channel_rows_count(first->channel, &needed);
    }
    wrong = clp_table_size_check(size, &needed, c->ptemp);
    if (wrong) {
        complain(c, size->place ? size->place : "configuration", wrong);
    }
}

static void check_server(check *c, clp_server_config *conf)
{
    /* Servers without a directive of their own share the configuration of the main one. */
    if (conf->resolved) {
        return;
    }
    /* Own sets stand before inherited ones of the same name. */
    conf->resolved = clp_channel_sets_make(conf->channels, conf->sets, complain_unfit, c, c->pconf);
    check_set_uses(c, conf);
    check_promotions(c, conf);
    if (conf->proxy_on_at) {
        check_awake(c, conf->resolved->all, conf->proxy_on_at, "ClaudeProxy");
    }
}

/** ClaudeProxy On, and nobody to ask: the gateway would refuse everything. With a state directory
 * channels may come while it runs. */
static void check_served(check *c, server_rec *main_server)
{
    int may_come = clp_server_config_of(main_server)->state_dir != NULL;
    int any = 0;

    for (server_rec *s = main_server; s; s = s->next) {
        any |= clp_server_config_of(s)->channels->nelts > 0;
    }
    for (server_rec *s = main_server; s; s = s->next) {
        const clp_server_config *conf = clp_server_config_of(s);

        if (s != main_server && conf == clp_server_config_of(main_server)) {
            continue;
        }
        if (!conf->proxy_on_at || conf->channels->nelts > 0 || (s == main_server && any)) {
            continue;
        }
        if (!may_come) {
            c->server = s;
            complain(c, conf->proxy_on_at,
                     "ClaudeProxy: this server has no <ClaudeChannel>, and without ClaudeStateDir "
                     "none can come while it runs");
        }
        else {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, s,
                         "CLP2032: %s: ClaudeProxy is On, but this server has no <ClaudeChannel>",
                         conf->proxy_on_at);
        }
    }
}

static const char *prepare_state_dir(const char *path, apr_pool_t *p)
{
    apr_finfo_t info;
    apr_status_t rv = apr_stat(&info, path, APR_FINFO_TYPE | APR_FINFO_PROT | APR_FINFO_OWNER, p);
    char why[120];

    if (rv == APR_SUCCESS) {
        if (info.filetype != APR_DIR) {
            return "is not a directory";
        }
        if (access(path, W_OK | X_OK) != 0) {
            return "is not writable";
        }
        return NULL;
    }
    if (!APR_STATUS_IS_ENOENT(rv)) {
        return apr_pstrcat(p, "cannot be used: ", apr_strerror(rv, why, sizeof(why)), NULL);
    }
    if (ap_state_query(AP_SQ_RUN_MODE) != AP_SQ_RM_NORMAL) {
        rv = apr_stat(&info, ap_make_dirstr_parent(p, path), APR_FINFO_TYPE, p);
        return rv == APR_SUCCESS && info.filetype == APR_DIR
                   ? NULL
                   : "does not exist, nor does the directory it would be made in";
    }
    rv = apr_dir_make(path, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE, p);
    if (rv != APR_SUCCESS) {
        return apr_pstrcat(p, "cannot be made: ", apr_strerror(rv, why, sizeof(why)), NULL);
    }
    if (geteuid() == 0 && chown(path, ap_unixd_config.user_id, ap_unixd_config.group_id) != 0) {
        return "cannot be given to the user of the children";
    }
    return NULL;
}

int clp_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const clp_server_config *main_conf = clp_server_config_of(s);
    apr_hash_t *seen = apr_hash_make(ptemp);
    apr_hash_index_t *at;
    check c = {pconf, ptemp, s, 0};

    (void)plog;
    for (c.server = s; c.server; c.server = c.server->next) {
        check_names(&c, seen);
        check_server(&c, clp_server_config_of(c.server));
    }
    c.server = s;
    for (at = apr_hash_first(ptemp, seen); at; at = apr_hash_next(at)) {
        const definition *first = apr_hash_this_val(at);

        check_tls_files(&c, first->channel);
    }
    check_served(&c, s);
    c.server = s;
    check_table_size(&c, seen);
    if (main_conf->state_dir) {
        const char *wrong = prepare_state_dir(main_conf->state_dir, ptemp);

        if (wrong) {
            complain(
                &c, main_conf->state_dir_at,
                apr_pstrcat(ptemp, "ClaudeStateDir: ", main_conf->state_dir, " ", wrong, NULL));
        }
    }
    return c.errors ? HTTP_INTERNAL_SERVER_ERROR : OK;
}
