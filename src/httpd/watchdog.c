/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "watchdog.h"

#include <apr_optional.h>

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "mod_watchdog.h"

#include "config.h"
#include "health_checks.h"
#include "shared_state.h"
#include "state/children.h"
#include "state/process.h"
#include "tracing.h"

APLOG_USE_MODULE(claude_proxy);

#define NAME "_claude_proxy_"

/* Spans have a thread of their own: who waits for their collector delays no health check. */
#define SPANS_NAME "_claude_proxy_spans_"

/* How often it is called. */
#define TICK apr_time_from_sec(1)

/* How often processes are looked for that died without the parent's notice. */
#define LOOK_FOR_DEAD apr_time_from_sec(10)

/* Part of a tick that health checks, or sending spans, may take. */
#define TALKING apr_time_from_msec(900)

/* Words of the head row: when it was done last, whoever did it. */
enum { WATCH_FILE = 0, WATCH_DEAD = 1 };

static APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) * get_instance;
static APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) * register_callback;

/* Is it time, and has nobody else done it meanwhile? */
static int due(clp_tables *t, int watch, apr_interval_time_t every, apr_time_t now)
{
    apr_uint64_t *word = &t->head->watches[watch];
    apr_uint64_t last = clp_word_get(word);

    /* A time to come is that of a clock that was set back. */
    if ((apr_time_t)last <= now && now - (apr_time_t)last < every) {
        return 0;
    }
    return clp_word_swap(word, last, (apr_uint64_t)now);
}

static void save(server_rec *s, apr_pool_t *pool)
{
    apr_status_t rv = clp_shared_state_save(pool);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2140: shared state could not be written to ClaudeStateDir");
    }
}

static void reap_dead(clp_tables *t)
{
    const clp_child_row *row;

    for (unsigned i = 0; (row = clp_child_at(t, i)) != NULL; i++) {
        pid_t pid = (pid_t)(apr_uint32_t)clp_word_get(&row->pid);

        if (pid && clp_process_gone(pid)) {
            clp_child_reap(t, pid);
        }
    }
}

static void tick(server_rec *s, apr_pool_t *pool)
{
    const clp_server_config *conf = clp_server_config_of(s);
    apr_interval_time_t every = apr_time_from_msec(CLP_CONF(conf, snapshot_ms));
    clp_tables *t = clp_shared_tables();
    apr_time_t now = apr_time_now();

    if (!t) {
        return;
    }
    clp_ledger_enter(t->ledger);
    if (due(t, WATCH_DEAD, LOOK_FOR_DEAD, now)) {
        reap_dead(t);
    }
    if (every && due(t, WATCH_FILE, every, now)) {
        save(s, pool);
    }
    clp_health_checks_run(t, now + TALKING);
}

static apr_status_t called(int state, void *data, apr_pool_t *pool)
{
    switch (state) {
    case AP_WATCHDOG_STATE_STARTING: clp_health_checks_begin(); break;
    case AP_WATCHDOG_STATE_RUNNING: tick(data, pool); break;
    default: clp_health_checks_end(); break;
    }
    return APR_SUCCESS;
}

static apr_status_t called_for_spans(int state, void *data, apr_pool_t *pool)
{
    (void)data;
    (void)pool;
    switch (state) {
    case AP_WATCHDOG_STATE_STARTING: clp_tracing_send_begin(); break;
    case AP_WATCHDOG_STATE_RUNNING: clp_tracing_send(apr_time_now() + TALKING); break;
    default: clp_tracing_send_end(); break;
    }
    return APR_SUCCESS;
}

static int any_checked(const server_rec *s)
{
    for (; s; s = s->next) {
        const clp_server_config *conf =
            ap_get_module_config(s->module_config, &claude_proxy_module);

        for (int i = 0; i < conf->channels->nelts; i++) {
            if (APR_ARRAY_IDX(conf->channels, i, const clp_channel *)->health.interval) {
                return 1;
            }
        }
    }
    return 0;
}

/* Whoever configures what it does has to be told when nobody does it. */
static int check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const clp_server_config *conf = clp_server_config_of(s);

    (void)pconf;
    (void)plog;
    (void)ptemp;
    get_instance = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    register_callback = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    if (get_instance && register_callback) {
        return OK;
    }
    if (any_checked(s)) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, s,
                     "CLP2141: ChannelHealthCheck: there are no checks without mod_watchdog; load "
                     "it");
    }
    if (clp_tracing_is_on(conf)) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, s,
                     "CLP2144: ClaudeTraceExport: nothing is exported without mod_watchdog; load "
                     "it");
    }
    if (conf->state_dir) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, s,
                     "CLP2142: ClaudeStateDir: without mod_watchdog shared state is written when "
                     "the server stops, and only then");
    }
    return OK;
}

static void begin(const char *name, ap_watchdog_callback_fn_t *callback, server_rec *s,
                  apr_pool_t *p)
{
    ap_watchdog_t *watchdog;
    apr_status_t rv = get_instance(&watchdog, name, 0, 1, p);

    if (rv == APR_SUCCESS) {
        rv = register_callback(watchdog, TICK, s, callback);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s, "CLP2143: no watchdog %s could be started",
                     name);
    }
}

/* Before mod_watchdog's own, which starts those that have been asked for. */
static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    (void)ptemp;
    if (!get_instance || !register_callback ||
        ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    begin(NAME, called, s, p);
    if (clp_tracing_is_on(clp_server_config_of(s))) {
        begin(SPANS_NAME, called_for_spans, s, p);
    }
    return OK;
}

void clp_watchdog_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
}
