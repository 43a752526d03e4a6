/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "shared_pins.h"

#include "http_log.h"

#include "config.h"
#include "retained_slotmem.h"

APLOG_USE_MODULE(claude_proxy);

/* Names of layouts too. */
#define AFFINITY_NAME "claude-affinity-v1"
#define THREADS_NAME  "claude-pins-v2"

static clp_snapshot_pins pins;

const clp_snapshot_pins *clp_shared_pins(void)
{
    return &pins;
}

static void move(void *to, apr_size_t to_size, void *from, apr_size_t from_size)
{
    const clp_pin_table *was = clp_pin_table_open(from, from_size);
    clp_pin_table *now = clp_pin_table_format(to, clp_pin_table_rows(to_size));
    if (was) {
        clp_pin_table_copy(now, was, apr_time_now());
    }
}

static clp_pin_table *open_table(server_rec *s, const char *name, apr_int64_t rows,
                                 const char *what, apr_pool_t *p)
{
    apr_size_t wanted = clp_pin_table_size((apr_uint32_t)rows);
    apr_size_t size = wanted;
    apr_status_t rv;
    void *memory = clp_retained_resized(name, &size, move, p, &rv);
    clp_pin_table *table = memory ? clp_pin_table_open(memory, size) : NULL;
    if (memory && !table) {
        table = clp_pin_table_format(memory, clp_pin_table_rows(size));
    }
    if (!memory) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2100: no shared memory for %" APR_INT64_T_FMT " %s", rows, what);
    }
    else if (size != wanted) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2119: no shared memory for %" APR_INT64_T_FMT
                     " %s; the table stays as large as it is",
                     rows, what);
    }
    return table;
}

void clp_shared_pins_start(server_rec *s, apr_pool_t *p)
{
    const clp_server_config *conf = clp_server_config_of(s);
    pins.affinity = open_table(s, AFFINITY_NAME, CLP_CONF(conf, affinity_rows),
                               "conversations and their channels", p);
    pins.threads = open_table(s, THREADS_NAME, CLP_CONF(conf, pin_rows), "message threads", p);
}
