/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "generation.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#include "endpoints.h"
#include "key_files.h"
#include "shared_state.h"

static clp_generation *current;
static clp_generation *retired;

/* How many are about to count themselves in: they may have read `current` when it was another. */
static apr_uint32_t entering;

/* --- making ------------------------------------------------------------------------- */

/* A server's channels as they are laid, and the new ones behind: as if they stood in the main
 * server, whose channels all servers inherit. */
static apr_array_header_t *channels_of(const clp_server_config *conf, const clp_generation *g,
                                       int configured, apr_hash_t *laid)
{
    apr_array_header_t *own =
        apr_array_make(g->pool, conf->channels->nelts + 4, sizeof(const clp_channel *));

    for (int i = 0; i < conf->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(conf->channels, i, const clp_channel *);
        APR_ARRAY_PUSH(own, const clp_channel *) = apr_hash_get(laid, c->name, APR_HASH_KEY_STRING);
    }
    for (int i = configured; i < g->channels->nelts; i++) {
        APR_ARRAY_PUSH(own, const clp_channel *) =
            APR_ARRAY_IDX(g->channels, i, const clp_channel *);
    }
    return own;
}

static const clp_channel_sets *sets_of(const clp_generation *g, const void *conf)
{
    return apr_hash_get(g->sets, &conf, sizeof(conf));
}

static void make_sets(clp_generation *g, server_rec *main_server, int configured)
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
            apr_hash_set(g->sets, key, sizeof(*key),
                         clp_channel_sets_make(channels_of(conf, g, configured, laid), conf->sets,
                                               NULL, NULL, g->pool));
        }
    }
}

static const char *lay(clp_generation *g, server_rec *main_server,
                       const apr_array_header_t *configured, const char *path, clp_file_stamp *is)
{
    clp_document_error error = {"", ""};
    clp_overlay *overlay = NULL;
    const char *wrong = NULL;

    if (path) {
        wrong = clp_overlay_file_read(path, g->pool, &overlay, is);
    }
    else {
        overlay = clp_overlay_empty(g->pool);
    }
    if (wrong) {
        return wrong;
    }
    g->revision = overlay->revision;
    clp_key_files_follow(overlay->reloads, configured, main_server);
    g->base = clp_key_files_apply(configured, g->pool);
    return clp_overlay_lay(overlay, g->base, clp_overlay_source(), g->pool, &g->channels, &error)
               ? NULL
               : clp_overlay_file_error(&error, g->pool);
}

clp_generation *clp_generation_load(server_rec *main_server, const apr_array_header_t *configured,
                                    const char *path, clp_file_stamp *is, apr_pool_t *pool,
                                    const char **wrong)
{
    clp_generation *g;
    apr_pool_t *own;

    apr_pool_create_unmanaged(&own);
    apr_pool_tag(own, "clp_channels");
    g = apr_pcalloc(own, sizeof(*g));
    g->pool = own;
    *wrong = lay(g, main_server, configured, path, is);
    if (*wrong) {
        *wrong = apr_pstrdup(pool, *wrong);
        apr_pool_destroy(own);
        return NULL;
    }
    clp_shared_state_resolve(g->channels, own);
    make_sets(g, main_server, configured->nelts);
    return g;
}

const clp_channel_sets *clp_generation_sets(const clp_generation *g, server_rec *s)
{
    return sets_of(g, clp_server_config_of(s));
}

/* --- in force ------------------------------------------------------------------------- */

const clp_generation *clp_generation_current(void)
{
    return current;
}

void clp_generation_publish(clp_generation *g)
{
    clp_generation *before = current;

    __atomic_store_n(&current, g, __ATOMIC_SEQ_CST);
    if (before) {
        before->older = retired;
        retired = before;
    }
}

/* Once nobody was entering, a retired one can only become less used: whoever enters later finds
 * the one in force. */
unsigned clp_generation_free_retired(void)
{
    int settled = apr_atomic_read32(&entering) == 0;
    clp_generation **at = &retired;
    unsigned kept = 1;

    while (*at) {
        clp_generation *g = *at;
        if (settled && apr_atomic_read32(&g->requests) == 0) {
            *at = g->older;
            clp_endpoint_models_forget();
            apr_pool_destroy(g->pool);
        }
        else {
            at = &g->older;
            kept++;
        }
    }
    return kept;
}

void clp_generation_end(void)
{
    if (current) {
        apr_pool_destroy(current->pool);
        current = NULL;
    }
}

clp_generation *clp_generation_acquire(void)
{
    clp_generation *g;

    apr_atomic_inc32(&entering);
    g = __atomic_load_n(&current, __ATOMIC_SEQ_CST);
    apr_atomic_inc32(&g->requests);
    apr_atomic_dec32(&entering);
    return g;
}

void clp_generation_release(clp_generation *g)
{
    apr_atomic_dec32(&g->requests);
}
