/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/models_cache.h"

#include <stdlib.h>
#include <string.h>

#include <apr_atomic.h>

#include "gateway/models.h"

/* One block of the heap: this, the models, their texts. */
struct clp_models_kept {
    apr_uint32_t refs;
    int count;
    clp_model models[];
};

typedef struct clp_models_kept kept_list;

static void let_go(kept_list *k)
{
    if (k && !apr_atomic_dec32(&k->refs)) {
        free(k);
    }
}

static apr_status_t let_go_cleanup(void *data)
{
    let_go(data);
    return APR_SUCCESS;
}

static const char *put_text(char **to, const char *s)
{
    apr_size_t n = strlen(s) + 1;
    char *at = memcpy(*to, s, n);
    *to += n;
    return at;
}

/* NULL when out of memory: then nothing is kept. */
static kept_list *copy_of(const apr_array_header_t *list)
{
    apr_size_t n = sizeof(kept_list) + (apr_size_t)list->nelts * sizeof(clp_model);
    const clp_model *from = (const clp_model *)list->elts;
    kept_list *k;
    char *texts;

    for (int i = 0; i < list->nelts; i++) {
        n += strlen(from[i].id) + strlen(from[i].display) + strlen(from[i].owner) + 3;
    }
    k = malloc(n);
    if (!k) {
        return NULL;
    }
    k->refs = 1;
    k->count = list->nelts;
    texts = (char *)&k->models[list->nelts];
    for (int i = 0; i < list->nelts; i++) {
        k->models[i].id = put_text(&texts, from[i].id);
        k->models[i].display = put_text(&texts, from[i].display);
        k->models[i].owner = put_text(&texts, from[i].owner);
        k->models[i].created = from[i].created;
    }
    return k;
}

const apr_array_header_t *clp_models_cache_get(clp_models_cache *cache, const clp_channel_set *set,
                                               apr_time_t now, apr_pool_t *pool)
{
    kept_list *k = NULL;
    apr_array_header_t *list;

    pthread_mutex_lock(&cache->lock);
    for (int i = 0; i < CLP_MODELS_CACHE_ROWS; i++) {
        const clp_models_row *row = &cache->rows[i];
        if (row->set == set && now < row->expires) {
            k = row->kept;
            apr_atomic_inc32(&k->refs);
            break;
        }
    }
    pthread_mutex_unlock(&cache->lock);
    if (!k) {
        return NULL;
    }
    apr_pool_cleanup_register(pool, k, let_go_cleanup, apr_pool_cleanup_null);
    list = apr_pcalloc(pool, sizeof(*list));
    list->pool = pool;
    list->elt_size = sizeof(clp_model);
    list->nelts = list->nalloc = k->count;
    list->elts = (char *)k->models;
    return list;
}

/* The row to write for a set: its own, a free one, or the one that expires first. */
static clp_models_row *row_for(clp_models_cache *cache, const clp_channel_set *set)
{
    clp_models_row *best = &cache->rows[0];
    for (int i = 0; i < CLP_MODELS_CACHE_ROWS; i++) {
        clp_models_row *row = &cache->rows[i];
        if (row->set == set) {
            return row;
        }
        if (best->set && (!row->set || row->expires < best->expires)) {
            best = row;
        }
    }
    return best;
}

void clp_models_cache_put(clp_models_cache *cache, const clp_channel_set *set,
                          const apr_array_header_t *list, apr_time_t expires)
{
    kept_list *k = copy_of(list);
    kept_list *former;
    clp_models_row *row;

    if (!k) {
        return;
    }
    pthread_mutex_lock(&cache->lock);
    row = row_for(cache, set);
    former = row->kept;
    row->set = set;
    row->kept = k;
    row->expires = expires;
    pthread_mutex_unlock(&cache->lock);
    let_go(former);
}

void clp_models_cache_clear(clp_models_cache *cache)
{
    clp_models_row former[CLP_MODELS_CACHE_ROWS];

    pthread_mutex_lock(&cache->lock);
    memcpy(former, cache->rows, sizeof(former));
    memset(cache->rows, 0, sizeof(cache->rows));
    pthread_mutex_unlock(&cache->lock);
    for (int i = 0; i < CLP_MODELS_CACHE_ROWS; i++) {
        let_go(former[i].kept);
    }
}
