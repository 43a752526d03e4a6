/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "live_channels.h"

#include <apr_atomic.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_main.h"

#include "generation.h"
#include "key_files.h"
#include "request.h"
#include "shared_state.h"
#include "state/children.h"

APLOG_USE_MODULE(claude_proxy);

#define FILE_NAME "channels.json"

/* Where requests that are not the gateway's keep what they began with. */
#define GENERATION_KEY "clp-channels"

/* How often a process looks at the file. */
#define LOOK_EVERY apr_time_from_msec(250)

static clp_file_stamp seen;   /* what is in force, or the last error, came of; under `changing` */
static char error_text[1024]; /* of the file that is there; "" = none; under `changing` */
static apr_thread_mutex_t *changing;
static apr_array_header_t *configured; /* of const clp_channel * */
static const char *path;
static server_rec *main_server;

const char *clp_live_path(void)
{
    return path;
}

/* --- looking at the file ---------------------------------------------------------- */

static int changed_since(apr_pool_t *pool)
{
    clp_file_stamp now = {0, 0, 0};

    if (path) {
        now = clp_file_stamp_at(path, pool);
    }
    return !clp_file_stamp_same(&now, &seen);
}

/* The file is another: take it into use, or say once why not. */
static void look(apr_pool_t *pool)
{
    const char *wrong = NULL;
    clp_file_stamp is = {0, 0, 0};
    clp_generation *g;

    if (!changed_since(pool) &&
        (*error_text || !clp_shared_state_lost(clp_generation_current()->channels))) {
        return;
    }
    g = clp_generation_load(main_server, configured, path, &is, pool, &wrong);
    seen = is;
    apr_cpystrn(error_text, wrong ? wrong : "", sizeof(error_text));
    if (g) {
        clp_generation_publish(g);
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, main_server,
                     "CLP2400: channels of revision %" APR_INT64_T_FMT " are in force",
                     g->revision);
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, main_server,
                 "CLP2401: %s: %s; the channels before it stay in force", path, wrong);
}

void clp_live_look(void)
{
    clp_tables *tables = clp_shared_tables();
    apr_pool_t *pool;
    unsigned kept;

    apr_pool_create_unmanaged(&pool);
    apr_thread_mutex_lock(changing);
    look(pool);
    kept = clp_generation_free_retired();
    if (tables) {
        clp_child_tell(tables, (apr_uint64_t)clp_generation_current()->revision, kept);
    }
    apr_thread_mutex_unlock(changing);
    apr_pool_destroy(pool);
}

/* --- requests ------------------------------------------------------------------- */

static apr_status_t release(void *g)
{
    clp_generation_release(g);
    return APR_SUCCESS;
}

static clp_live_state state_of(const clp_generation *g, apr_pool_t *pool)
{
    clp_live_state state;

    apr_thread_mutex_lock(changing);
    state.error = *error_text ? apr_pstrdup(pool, error_text) : NULL;
    apr_thread_mutex_unlock(changing);
    state.revision = g->revision;
    state.channels = g->channels;
    state.configured = g->base;
    return state;
}

clp_live_state clp_live_hold(apr_pool_t *pool)
{
    clp_generation *g = clp_generation_acquire();

    apr_pool_cleanup_register(pool, g, release, apr_pool_cleanup_null);
    return state_of(g, pool);
}

apr_array_header_t *clp_live_key_files(apr_pool_t *pool)
{
    apr_array_header_t *list;

    apr_thread_mutex_lock(changing);
    list = clp_key_files_list(pool);
    apr_thread_mutex_unlock(changing);
    return list;
}

/* What the request began with. Sub- and redirected requests share it, so it is the first one's. */
static const clp_generation *generation_of(request_rec *r)
{
    clp_request *q = clp_request_of(r);
    void *kept = NULL;

    while (r->main || r->prev) {
        r = r->main ? r->main : r->prev;
    }
    if (q) {
        kept = (void *)q->channels;
    }
    else {
        apr_pool_userdata_get(&kept, GENERATION_KEY, r->pool);
    }
    if (!kept) {
        kept = clp_generation_acquire();
        apr_pool_cleanup_register(r->pool, kept, release, apr_pool_cleanup_null);
        if (q) {
            q->channels = kept;
        }
        else {
            apr_pool_userdata_setn(kept, GENERATION_KEY, NULL, r->pool);
        }
    }
    return kept;
}

static const clp_channel_sets *sets_for(request_rec *r)
{
    return clp_generation_sets(generation_of(r), r->server);
}

const clp_channel_set *clp_live_channels(request_rec *r)
{
    /* The check of the configuration has refused every name that is in no server's sets. */
    return clp_channel_sets_find(sets_for(r), clp_dir_config_of(r)->set_name);
}

const clp_channel_set *clp_live_set(request_rec *r, const char *name)
{
    return name ? clp_channel_sets_find(sets_for(r), name) : clp_live_channels(r);
}

clp_live_state clp_live_state_of(request_rec *r)
{
    return state_of(generation_of(r), r->pool);
}

/* --- start ---------------------------------------------------------------------- */

/* All servers' channels; a name stands for one channel wherever it is said. */
static apr_array_header_t *collect(apr_pool_t *p)
{
    apr_array_header_t *all = apr_array_make(p, 8, sizeof(const clp_channel *));
    apr_hash_t *known = apr_hash_make(p);

    for (const server_rec *s = main_server; s; s = s->next) {
        const clp_server_config *conf =
            ap_get_module_config(s->module_config, &claude_proxy_module);
        for (int i = 0; i < conf->channels->nelts; i++) {
            const clp_channel *c = APR_ARRAY_IDX(conf->channels, i, const clp_channel *);
            if (!apr_hash_get(known, c->name, APR_HASH_KEY_STRING)) {
                apr_hash_set(known, c->name, APR_HASH_KEY_STRING, c);
                APR_ARRAY_PUSH(all, const clp_channel *) = c;
            }
        }
    }
    return all;
}

static apr_status_t forget(void *unused)
{
    (void)unused;
    clp_generation_end();
    return APR_SUCCESS;
}

/* The parent's generation is what children begin with. A broken overlay must not keep a server from
 * starting: then the configuration alone is in force. */
static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const clp_server_config *conf = clp_server_config_of(s);
    const char *wrong;
    clp_generation *g;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    main_server = s;
    configured = collect(p);
    path = conf->state_dir ? apr_pstrcat(p, conf->state_dir, "/" FILE_NAME, NULL) : NULL;
    clp_overlay_source_bind(conf->hosts ? conf->hosts : clp_host_rules_make(p));
    if (apr_thread_mutex_create(&changing, APR_THREAD_MUTEX_DEFAULT, p) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    memset(&seen, 0, sizeof(seen));
    *error_text = '\0';
    g = clp_generation_load(s, configured, path, &seen, ptemp, &wrong);
    if (!g) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "CLP2402: %s: %s; the channels of the configuration alone are in force", path,
                     wrong);
        apr_cpystrn(error_text, wrong, sizeof(error_text));
        g = clp_generation_load(s, configured, NULL, NULL, ptemp, &wrong);
    }
    clp_generation_publish(g);
    clp_shared_state_start(s, configured, g->channels, p);
    apr_pool_cleanup_register(p, NULL, forget, apr_pool_cleanup_null);
    return OK;
}

/* --- each child ------------------------------------------------------------------- */

static volatile apr_uint32_t ending;

static void *APR_THREAD_FUNC watch(apr_thread_t *thread, void *unused)
{
    (void)unused;
    while (!apr_atomic_read32(&ending)) {
        clp_live_look();
        apr_sleep(LOOK_EVERY);
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static apr_status_t end_watch(void *thread)
{
    apr_status_t rv;

    apr_atomic_set32(&ending, 1);
    return apr_thread_join(&rv, thread);
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    apr_thread_t *thread;
    apr_status_t rv;

    if (!path) {
        return;
    }
    /* The parent's channels may be old: what was changed since counts for the first request too. */
    clp_live_look();
    rv = ap_thread_create(&thread, NULL, watch, NULL, p);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2403: no thread to look at %s; this child keeps the channels it has",
                     path);
        return;
    }
    apr_pool_pre_cleanup_register(p, thread, end_watch);
}

void clp_live_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_LAST);
}
