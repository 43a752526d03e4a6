/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sessions.h"

#include "http_log.h"

#include "retained_slotmem.h"
#include "session_socache.h"

APLOG_USE_MODULE(claude_proxy);

#define MEMORY_NAME "claude-sessions-v1"
#define TOLD_NAME   "claude-sessions-told-v1"

static clp_session_store *store;
static clp_session_table *table; /* behind the store; NULL = another is */

static clp_session_store *own_table(server_rec *s, const clp_server_config *conf, apr_pool_t *p)
{
    apr_size_t wanted = (apr_size_t)CLP_CONF(conf, session_memory);
    apr_size_t size = wanted;
    apr_status_t rv;
    void *memory = clp_retained_resized(MEMORY_NAME, &size, NULL, p, &rv);

    if (!memory) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2353: no shared memory for sessions (ClaudeSessionMemory); responses "
                     "are not stored");
        return NULL;
    }
    if (size != wanted) {
        ap_log_error(
            APLOG_MARK, APLOG_ERR, rv, s,
            "CLP2354: no shared memory for sessions of another size (ClaudeSessionMemory); "
            "it stays as large as it is");
    }
    table = clp_session_table_open(memory, size);
    if (!table) {
        table = clp_session_table_format(memory, size);
    }
    return clp_session_store_of_table(table, p);
}

/* Without shared memory each process keeps its own time. */
static clp_session_told *told_together(apr_pool_t *p)
{
    static clp_session_told own;
    apr_status_t rv;
    void *memory = clp_retained_items(TOLD_NAME, sizeof(own), 1, p, &rv);
    return memory ? memory : &own;
}

void clp_sessions_start(server_rec *s, apr_pool_t *p)
{
    const clp_server_config *conf = clp_server_config_of(s);
    table = NULL;
    store = conf->session_socache ? clp_session_socache_start(conf->session_socache, s, p)
                                  : own_table(s, conf, p);
    if (store) {
        store->told = told_together(p);
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

const clp_session_table *clp_sessions_table(void)
{
    return table;
}

clp_chain_limits clp_sessions_limits(const clp_dir_config *conf)
{
    clp_chain_limits limits;
    limits.idle = apr_time_from_msec(CLP_CONF(conf, session_idle_ms));
    limits.max_items = CLP_CONF(conf, session_items);
    limits.max_tokens = CLP_CONF(conf, session_tokens);
    return limits;
}
