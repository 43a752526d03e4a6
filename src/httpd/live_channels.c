/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "live_channels.h"

#include <apr_atomic.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_main.h"

#include "request.h"
#include "secrets.h"
#include "shared_state.h"

APLOG_USE_MODULE(claude_proxy);

#define FILE_NAME "channels.json"

/* Where requests that are not the gateway's keep what they began with. */
#define GENERATION_KEY "clp-channels"

/* How often a process looks at the file. */
#define LOOK_EVERY apr_time_from_msec(250)

/* A request takes hold of the channels in force by counting itself in; before they are freed,
 * whoever is about to do so has had this long. */
#define LAST_CALL apr_time_from_sec(10)

/** Which file was read: another inode, size or time is another file. */
typedef struct stamp {
    apr_ino_t inode;
    apr_off_t size;
    apr_time_t changed;
} stamp;

/** Channels that are or were in force. */
typedef struct generation {
    apr_pool_t *pool;
    apr_uint32_t requests; /* that use it */
    apr_int64_t revision;
    apr_array_header_t *channels; /* of const clp_channel *: all servers', each name once */
    apr_hash_t *sets;             /* clp_server_config * -> clp_channel_sets * */
    struct generation *older;
    apr_time_t retired;
} generation;

static generation *current;
static generation *retired;   /* under `changing` */
static stamp seen;            /* what `current`, or the last error, came of; under `changing` */
static char error_text[1024]; /* of the file that is there; "" = none; under `changing` */
static apr_thread_mutex_t *changing;
static apr_array_header_t *configured; /* of const clp_channel * */
static const char *path;
static server_rec *main_server;

/* --- reading the overlay ------------------------------------------------------- */

/* Names would let who may change channels read the server's files and environment. */
static const char *take_key(void *ctx, const char *label, const char *arg, apr_array_header_t *out,
                            apr_pool_t *pool)
{
    (void)ctx;
    if (!strncmp(arg, "file:", 5) || !strncmp(arg, "env:", 4) || !strncmp(arg, "exec:", 5)) {
        return apr_pstrcat(pool, label,
                           ": a key has to be said itself; only the configuration names where "
                           "it is",
                           NULL);
    }
    return clp_secret_read(pool, label, arg, 0, out);
}

const clp_channel_source clp_live_source = {NULL, NULL, take_key};

const char *clp_live_path(void)
{
    return path;
}

const apr_array_header_t *clp_live_configured(void)
{
    return configured;
}

/* The file's text, or what is wrong; `is` = which file it was. A missing one is empty. */
static const char *read_file(apr_pool_t *pool, clp_span *text, stamp *is)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;
    apr_size_t n = 0;
    char *bytes;
    char why[120];

    memset(is, 0, sizeof(*is));
    *text = clp_span_of("", 0);
    rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, 0, pool);
    if (APR_STATUS_IS_ENOENT(rv)) {
        return NULL;
    }
    if (rv != APR_SUCCESS ||
        (rv = apr_file_info_get(&info,
                                APR_FINFO_INODE | APR_FINFO_SIZE | APR_FINFO_MTIME |
                                    APR_FINFO_TYPE | APR_FINFO_PROT,
                                file)) != APR_SUCCESS) {
        return apr_pstrcat(pool, "cannot be opened: ", apr_strerror(rv, why, sizeof(why)), NULL);
    }
    *is = (stamp){info.inode, info.size, info.mtime};
    if (info.filetype != APR_REG || info.size > CLP_OVERLAY_SIZE_MAX) {
        return "is no regular file of at most 4 MiB";
    }
    if (info.protection & APR_FPROT_WREAD) {
        return CLP_SECRET_FILE_OPEN;
    }
    bytes = apr_palloc(pool, (apr_size_t)info.size + 1);
    rv = apr_file_read_full(file, bytes, (apr_size_t)info.size, &n);
    apr_file_close(file);
    if (rv != APR_SUCCESS && rv != APR_EOF) {
        return apr_pstrcat(pool, "cannot be read: ", apr_strerror(rv, why, sizeof(why)), NULL);
    }
    *text = clp_span_of(bytes, n);
    return NULL;
}

static const char *error_of(const clp_document_error *error, apr_pool_t *pool)
{
    return apr_pstrcat(pool, *error->path ? error->path : "the document", " ", error->message,
                       NULL);
}

static const char *read_overlay(apr_pool_t *pool, clp_overlay **overlay, stamp *is)
{
    clp_document_error error = {"", ""};
    clp_span text;
    const char *wrong = read_file(pool, &text, is);

    if (wrong) {
        return wrong;
    }
    *overlay = is->inode ? clp_overlay_parse(text, pool, &error) : clp_overlay_empty(pool);
    return *overlay ? NULL : error_of(&error, pool);
}

const char *clp_live_read(apr_pool_t *pool, clp_overlay **overlay)
{
    stamp is;

    return read_overlay(pool, overlay, &is);
}

/* --- generations ---------------------------------------------------------------- */

/* A server's channels as they are laid, and the new ones behind: as if they stood in the main
 * server, whose channels all servers inherit. */
static apr_array_header_t *channels_of(const clp_server_config *conf, const generation *g,
                                       apr_hash_t *laid)
{
    apr_array_header_t *own =
        apr_array_make(g->pool, conf->channels->nelts + 4, sizeof(const clp_channel *));

    for (int i = 0; i < conf->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(conf->channels, i, const clp_channel *);
        APR_ARRAY_PUSH(own, const clp_channel *) = apr_hash_get(laid, c->name, APR_HASH_KEY_STRING);
    }
    for (int i = configured->nelts; i < g->channels->nelts; i++) {
        APR_ARRAY_PUSH(own, const clp_channel *) =
            APR_ARRAY_IDX(g->channels, i, const clp_channel *);
    }
    return own;
}

static const clp_channel_sets *sets_of(const generation *g, void *conf)
{
    return apr_hash_get(g->sets, &conf, sizeof(conf));
}

static void make_sets(generation *g)
{
    apr_hash_t *laid = apr_hash_make(g->pool);

    for (int i = 0; i < g->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(g->channels, i, const clp_channel *);
        apr_hash_set(laid, c->name, APR_HASH_KEY_STRING, c);
    }
    g->sets = apr_hash_make(g->pool);
    for (server_rec *s = main_server; s; s = s->next) {
        clp_server_config *const conf = clp_server_config_of(s);
        if (!sets_of(g, conf)) {
            void **key = apr_palloc(g->pool, sizeof(*key));
            *key = conf;
            apr_hash_set(
                g->sets, key, sizeof(*key),
                clp_channel_sets_make(channels_of(conf, g, laid), conf->sets, NULL, NULL, g->pool));
        }
    }
}

/* A generation of the file as it is now; NULL and what is wrong, in `pool`. */
static generation *load(apr_pool_t *pool, stamp *is, const char **wrong)
{
    clp_document_error error = {"", ""};
    clp_overlay *overlay;
    generation *g;
    apr_pool_t *own;

    apr_pool_create_unmanaged(&own);
    apr_pool_tag(own, "clp_channels");
    g = apr_pcalloc(own, sizeof(*g));
    g->pool = own;
    if (path) {
        *wrong = read_overlay(own, &overlay, is);
    }
    else {
        overlay = clp_overlay_empty(own);
        *wrong = NULL;
    }
    if (!*wrong &&
        !clp_overlay_lay(overlay, configured, &clp_live_source, own, &g->channels, &error)) {
        *wrong = error_of(&error, own);
    }
    if (*wrong) {
        *wrong = apr_pstrdup(pool, *wrong);
        apr_pool_destroy(own);
        return NULL;
    }
    g->revision = overlay->revision;
    clp_shared_state_resolve(g->channels, own);
    make_sets(g);
    return g;
}

/* Free what no request can have any more. */
static void free_retired(apr_time_t now)
{
    generation **at = &retired;

    while (*at) {
        generation *g = *at;
        if (apr_atomic_read32(&g->requests) == 0 && now - g->retired > LAST_CALL) {
            *at = g->older;
            apr_pool_destroy(g->pool);
        }
        else {
            at = &g->older;
        }
    }
}

static void take_into_use(generation *g, apr_time_t now)
{
    generation *before = current;

    __atomic_store_n(&current, g, __ATOMIC_SEQ_CST);
    if (before) {
        before->retired = now;
        before->older = retired;
        retired = before;
    }
}

static int same_file(const stamp *a, const stamp *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed == b->changed;
}

static int changed_since(apr_pool_t *pool)
{
    apr_finfo_t info;
    stamp now = {0, 0, 0};

    if (path && apr_stat(&info, path, APR_FINFO_INODE | APR_FINFO_SIZE | APR_FINFO_MTIME, pool) ==
                    APR_SUCCESS) {
        now = (stamp){info.inode, info.size, info.mtime};
    }
    return !same_file(&now, &seen);
}

/* The file is another: take it into use, or say once why not. */
static void look(apr_pool_t *pool)
{
    const char *wrong = NULL;
    stamp is = {0, 0, 0};
    generation *g;

    if (!changed_since(pool) && (*error_text || !clp_shared_state_lost(current->channels))) {
        return;
    }
    g = load(pool, &is, &wrong);
    seen = is;
    apr_cpystrn(error_text, wrong ? wrong : "", sizeof(error_text));
    if (g) {
        take_into_use(g, apr_time_now());
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
    apr_pool_t *pool;

    apr_pool_create_unmanaged(&pool);
    apr_thread_mutex_lock(changing);
    look(pool);
    free_retired(apr_time_now());
    apr_thread_mutex_unlock(changing);
    apr_pool_destroy(pool);
}

/* --- requests ------------------------------------------------------------------- */

static generation *acquire(void)
{
    for (;;) {
        generation *g = __atomic_load_n(&current, __ATOMIC_SEQ_CST);
        apr_atomic_inc32(&g->requests);
        if (g == __atomic_load_n(&current, __ATOMIC_SEQ_CST)) {
            return g;
        }
        apr_atomic_dec32(&g->requests);
    }
}

static apr_status_t release(void *g)
{
    apr_atomic_dec32(&((generation *)g)->requests);
    return APR_SUCCESS;
}

const apr_array_header_t *clp_live_hold(apr_pool_t *pool)
{
    generation *g = acquire();

    apr_pool_cleanup_register(pool, g, release, apr_pool_cleanup_null);
    return g->channels;
}

/* What the request began with. Sub- and redirected requests share it, so it is the first one's. */
static const generation *generation_of(request_rec *r)
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
        kept = acquire();
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
    return sets_of(generation_of(r), clp_server_config_of(r->server));
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
    const generation *g = generation_of(r);
    clp_live_state state;

    apr_thread_mutex_lock(changing);
    state.error = *error_text ? apr_pstrdup(r->pool, error_text) : NULL;
    apr_thread_mutex_unlock(changing);
    state.revision = g->revision;
    state.channels = g->channels;
    return state;
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
    if (current) {
        apr_pool_destroy(current->pool);
        current = NULL;
    }
    return APR_SUCCESS;
}

/* The parent's generation is what children begin with. A broken overlay must not keep a server from
 * starting: then the configuration alone is in force. */
static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const char *dir = clp_server_config_of(s)->state_dir;
    const char *wrong;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    main_server = s;
    configured = collect(p);
    path = dir ? apr_pstrcat(p, dir, "/" FILE_NAME, NULL) : NULL;
    if (apr_thread_mutex_create(&changing, APR_THREAD_MUTEX_DEFAULT, p) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    memset(&seen, 0, sizeof(seen));
    *error_text = '\0';
    current = load(ptemp, &seen, &wrong);
    if (!current) {
        const char *unused = path;
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "CLP2402: %s: %s; the channels of the configuration alone are in force", path,
                     wrong);
        apr_cpystrn(error_text, wrong, sizeof(error_text));
        path = NULL;
        current = load(ptemp, &(stamp){0, 0, 0}, &wrong);
        path = unused;
    }
    clp_shared_state_start(s, configured, current->channels, p);
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
