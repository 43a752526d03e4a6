/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/curl_engines.h"

#include <apr_thread_mutex.h>

#include "curl_engine.h"

struct clp_curl_engines {
    apr_thread_mutex_t *mutex;
    clp_curl_engine *all;
    clp_curl_engine *idle;
    int idles;
    int max_idle;
};

static apr_status_t engines_gone(void *data)
{
    clp_curl_engines *set = data;
    while (set->all) {
        clp_curl_engine *e = set->all;
        set->all = e->all_next;
        clp_curl_engine_close(e);
    }
    curl_global_cleanup();
    return APR_SUCCESS;
}

clp_curl_engines *clp_curl_engines_make(apr_pool_t *pool, int max_idle)
{
    clp_curl_engines *set = apr_pcalloc(pool, sizeof(*set));
    set->max_idle = max_idle;
    if (apr_thread_mutex_create(&set->mutex, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS ||
        curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }
    apr_pool_cleanup_register(pool, set, engines_gone, apr_pool_cleanup_null);
    return set;
}

clp_transport *clp_curl_engine_take(clp_curl_engines *set)
{
    clp_curl_engine *e;
    apr_thread_mutex_lock(set->mutex);
    e = set->idle;
    if (e) {
        set->idle = e->idle_next;
        set->idles--;
    }
    apr_thread_mutex_unlock(set->mutex);
    if (e) {
        return &e->transport;
    }
    e = clp_curl_engine_open();
    if (!e) {
        return NULL;
    }
    apr_thread_mutex_lock(set->mutex);
    e->all_next = set->all;
    if (e->all_next) {
        e->all_next->all_prev = e;
    }
    set->all = e;
    apr_thread_mutex_unlock(set->mutex);
    return &e->transport;
}

void clp_curl_engine_give(clp_curl_engines *set, clp_transport *engine)
{
    clp_curl_engine *e = (clp_curl_engine *)engine;
    int keep;

    clp_curl_engine_clear(e);
    apr_thread_mutex_lock(set->mutex);
    keep = set->idles < set->max_idle;
    if (keep) {
        e->idle_next = set->idle;
        set->idle = e;
        set->idles++;
    }
    else {
        if (e->all_prev) {
            e->all_prev->all_next = e->all_next;
        }
        else {
            set->all = e->all_next;
        }
        if (e->all_next) {
            e->all_next->all_prev = e->all_prev;
        }
    }
    apr_thread_mutex_unlock(set->mutex);
    if (!keep) {
        clp_curl_engine_close(e);
    }
}
