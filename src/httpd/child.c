/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_main.h"

#include "config.h"
#include "request.h"
#include "session_socache.h"
#include "sessions.h"
#include "shared_pins.h"
#include "wire/log.h"

APLOG_USE_MODULE(claude_proxy);

static clp_curl_engines *engines;
static clp_thread_pins pins;

clp_curl_engines *clp_child_engines(void)
{
    return engines;
}

const clp_thread_pins *clp_child_pins(void)
{
    return &pins;
}

static void log_line(void *subject, clp_log_level level, apr_status_t rv, const char *line)
{
    request_rec *r = subject;
    const clp_request *q = r ? clp_request_of(r) : NULL;

    if (q) {
        ap_log_rerror(APLOG_MARK, (int)level, rv, r, "%s [%s]", line, q->id);
    }
    else if (r) {
        ap_log_rerror(APLOG_MARK, (int)level, rv, r, "%s", line);
    }
    else {
        ap_log_error(APLOG_MARK, (int)level, rv, ap_server_conf, "%s", line);
    }
}

static int log_wants(void *subject, clp_log_level level)
{
    return subject ? APLOG_R_IS_LEVEL((request_rec *)subject, (int)level)
                   : APLOG_IS_LEVEL(ap_server_conf, (int)level);
}

static int pre_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    return clp_session_socache_register(p) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    (void)ptemp;
    clp_log_set(log_line, log_wants);
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        clp_sessions_start(s, p);
    }
    return OK;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    const clp_server_config *conf = clp_server_config_of(s);
    int max_idle = (int)CLP_CONF(conf, idle_engines);

    clp_request_ids_begin();
    clp_sessions_child(s, p);
    pins.table = clp_shared_pins()->threads;
    pins.store = clp_sessions_shared(s);
    engines = clp_curl_engines_make(p, max_idle);
    if (!engines) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "CLP2101: libcurl could not be started; no upstream can be reached");
    }
}

void clp_child_register(apr_pool_t *p)
{
    /* Its thread finds transports. */
    static const char *const before[] = {"mod_watchdog.c", NULL};

    (void)p;
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, before, APR_HOOK_MIDDLE);
}
