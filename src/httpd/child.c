/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <apr_shm.h>

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_main.h"

#include "config.h"
#include "request.h"
#include "wire/log.h"

APLOG_USE_MODULE(claude_proxy);

#define RETAINED_KEY "mod_claude_proxy_pins_v1"

/* Survives every graceful restart and the reload of this very module. */
typedef struct retained_pins {
    apr_shm_t *shm;
} retained_pins;

static clp_curl_engines *engines;
static clp_pin_table *pins;

clp_curl_engines *clp_child_engines(void)
{
    return engines;
}

clp_pin_table *clp_child_pins(void)
{
    return pins;
}

static void log_line(void *subject, clp_log_level level, apr_status_t rv, const char *line)
{
    if (subject) {
        ap_log_rerror(APLOG_MARK, (int)level, rv, (request_rec *)subject, "%s", line);
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

static void make_pins(server_rec *s)
{
    const clp_server_config *conf = clp_server_config_of(s);
    apr_uint32_t rows = (apr_uint32_t)CLP_CONF(conf, pin_rows);
    retained_pins *kept = ap_retained_data_get(RETAINED_KEY);
    apr_size_t size = clp_pin_table_size(rows);

    if (!kept) {
        kept = ap_retained_data_create(RETAINED_KEY, sizeof(*kept));
    }
    /* Another size: the old block stays mapped for the old children. */
    if (kept->shm && apr_shm_size_get(kept->shm) == size) {
        pins = clp_pin_table_open(apr_shm_baseaddr_get(kept->shm), size);
    }
    else {
        apr_status_t rv = apr_shm_create(&kept->shm, size, NULL, s->process->pool);
        if (rv != APR_SUCCESS) {
            kept->shm = NULL;
            pins = NULL;
            ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                         "CLP2100: no shared memory for %u message threads", rows);
            return;
        }
        memset(apr_shm_baseaddr_get(kept->shm), 0, size);
        pins = clp_pin_table_format(apr_shm_baseaddr_get(kept->shm), rows);
    }
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)p;
    (void)plog;
    (void)ptemp;
    clp_log_set(log_line, log_wants);
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        make_pins(s);
    }
    return OK;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    const clp_server_config *conf = clp_server_config_of(s);
    int max_idle = (int)CLP_CONF(conf, idle_engines);

    clp_request_ids_begin();
    engines = clp_curl_engines_make(p, max_idle);
    if (!engines) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "CLP2101: libcurl could not be started; no upstream can be reached");
    }
}

void clp_child_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
}
