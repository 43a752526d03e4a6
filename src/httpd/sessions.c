/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sessions.h"

#include "http_log.h"

#include "session_socache.h"
#include "shared_memory.h"

APLOG_USE_MODULE(claude_proxy);

#define MEMORY_KEY "mod_claude_proxy_sessions_v1"
#define TOLD_KEY   "mod_claude_proxy_sessions_told_v1"

static clp_session_store *store;

static clp_session_store *own_table(server_rec *s, const clp_server_config *conf, apr_pool_t *p)
{
    apr_size_t size = (apr_size_t)CLP_CONF(conf, session_memory);
    clp_session_table *table;
    apr_status_t rv;
    int fresh;
    void *memory = clp_shared_memory(s, MEMORY_KEY, size, &fresh, &rv);

    if (!memory) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2353: no shared memory for sessions (ClaudeSessionMemory); responses "
                     "are not stored");
        return NULL;
    }
    table = fresh ? clp_session_table_format(memory, size) : clp_session_table_open(memory, size);
    return table ? clp_session_store_of_table(table, p) : NULL;
}

/* Without shared memory each process keeps its own time. */
static clp_session_told *told_together(server_rec *s)
{
    static clp_session_told own;
    apr_status_t rv;
    int fresh;
    void *memory = clp_shared_memory(s, TOLD_KEY, sizeof(own), &fresh, &rv);
    return memory ? memory : &own;
}

void clp_sessions_start(server_rec *s, apr_pool_t *p)
{
    const clp_server_config *conf = clp_server_config_of(s);
    store = conf->session_socache ? clp_session_socache_start(conf->session_socache, s, p)
                                  : own_table(s, conf, p);
    if (store) {
        store->told = told_together(s);
    }
}

void clp_sessions_child(server_rec *s, apr_pool_t *p)
{
    const clp_server_config *conf = clp_server_config_of(s);
    if (store && conf->session_socache && !clp_session_socache_child(conf->session_socache, s, p)) {
        store = NULL;
    }
}

clp_session_store *clp_sessions_store(const clp_dir_config *conf)
{
    return CLP_CONF(conf, sessions) ? store : NULL;
}

clp_session_store *clp_sessions_shared(server_rec *s)
{
    return clp_server_config_of(s)->session_socache ? store : NULL;
}

clp_chain_limits clp_sessions_limits(const clp_dir_config *conf)
{
    clp_chain_limits limits;
    limits.idle = apr_time_from_msec(CLP_CONF(conf, session_idle_ms));
    limits.max_items = CLP_CONF(conf, session_items);
    limits.max_tokens = CLP_CONF(conf, session_tokens);
    return limits;
}
