/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "shared_state.h"

#include <apr_strings.h>

#include "http_core.h"
#include "http_log.h"
#include "mpm_common.h"

#include "layout_record.h"
#include "retained_slotmem.h"
#include "sched/channel_rows.h"
#include "shared_pins.h"
#include "state/children.h"
#include "state/row_claim.h"
#include "state/snapshot.h"

APLOG_USE_MODULE(claude_proxy);

#define FILE_NAME "state.snapshot"

static clp_tables *tables;
static server_rec *main_server;
static const char *path;                     /* of the file; NULL without ClaudeStateDir */
static const apr_array_header_t *configured; /* of const clp_channel * */
static apr_uint64_t restart;                 /* the first generation of this configuration */

clp_tables *clp_shared_tables(void)
{
    return tables;
}

static clp_capacity needed_by(const apr_array_header_t *channels)
{
    clp_capacity needed = {0};
    for (int i = 0; i < channels->nelts; i++) {
        clp_channel_rows_count(APR_ARRAY_IDX(channels, i, const clp_channel *), &needed);
    }
    return needed;
}

static apr_uint32_t larger(apr_uint32_t a, apr_uint32_t b)
{
    return a > b ? a : b;
}

/* Most channels are in both lists. */
static clp_capacity needed_by_either(const apr_array_header_t *a, const apr_array_header_t *b)
{
    clp_capacity one = needed_by(a);
    clp_capacity other = needed_by(b);
    one.channels = larger(one.channels, other.channels);
    one.keys = larger(one.keys, other.keys);
    one.circuits = larger(one.circuits, other.circuits);
    return one;
}

/* --- the memory ----------------------------------------------------------------- */

static void say_read(const clp_snapshot_told *told, const char *from)
{
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, main_server,
                 "CLP2112: %u rows of shared state and %u pins from %s", told->rows, told->pins,
                 from);
    if (told->left_out || told->other_layout) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, main_server,
                     "CLP2113: %s: %u rows found no room in the tables, and %u tables are laid out "
                     "otherwise; they begin anew",
                     from, told->left_out, told->other_layout);
    }
}

/* The tables of the record into new ones. */
static void take_over(const clp_layout_record *record, apr_pool_t *p)
{
    apr_pool_t *scratch;
    clp_buffer *out;
    clp_snapshot_told told;
    apr_pool_create(&scratch, p);
    apr_pool_tag(scratch, "clp_take_over");
    out = clp_buffer_make(scratch, 0);
    clp_layout_record_write(record, out, scratch);
    told = clp_snapshot_read(tables, NULL, clp_buffer_all(out), apr_time_now(), scratch);
    say_read(&told, "tables of another size");
    clp_layout_record_forget(record, scratch);
    apr_pool_destroy(scratch);
}

static void restore(apr_pool_t *p)
{
    apr_pool_t *scratch;
    clp_snapshot_told told;
    apr_status_t rv;
    apr_pool_create(&scratch, p);
    apr_pool_tag(scratch, "clp_restore");
    told = clp_snapshot_load(tables, clp_shared_pins(), path, apr_time_now(), scratch, &rv);
    if (told.wrong) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, rv == APR_EGENERAL ? 0 : rv, main_server,
                     "CLP2114: %s: %s; the state begins anew, and the file is renamed to *.bad",
                     path, told.wrong);
    }
    else if (rv == APR_SUCCESS) {
        say_read(&told, path);
    }
    apr_pool_destroy(scratch);
}

/* There is no memory for other tables: those there are, if this version can read them. */
static clp_tables *keep_tables(const clp_layout_record *record, apr_pool_t *p, apr_status_t why)
{
    clp_tables *kept = NULL;
    apr_status_t rv;
    if (record->number && clp_layout_record_is(record, &record->capacity)) {
        kept = clp_layout_record_open(record, p, &rv);
    }
    if (kept) {
        ap_log_error(APLOG_MARK, APLOG_ERR, why, main_server,
                     "CLP2111: no shared memory for tables of another size; those there are stay "
                     "in use");
    }
    return kept;
}

/* Tables with room for what is needed: those there are, or new ones with what there was. */
static clp_tables *open_or_make(const clp_capacity *needed, apr_pool_t *p, apr_status_t *rv)
{
    const clp_server_config *conf = clp_server_config_of(main_server);
    clp_layout_record *record =
        clp_retained_items(CLP_LAYOUT_RECORD_NAME, sizeof(*record), 1, p, rv);
    clp_layout_record before;
    clp_capacity capacity;
    if (!record) {
        return NULL;
    }
    before = *record;
    capacity = clp_table_size_for(&conf->table_size, needed, &before.capacity);
    if (before.number && clp_layout_record_is(&before, &capacity)) {
        return clp_layout_record_open(&before, p, rv);
    }
    clp_layout_record_fill(record, before.number + 1, &capacity);
    tables = clp_layout_record_open(record, p, rv);
    if (!tables) {
        clp_layout_record_forget(record, p);
        *record = before;
        return keep_tables(&before, p, *rv);
    }
    if (before.number) {
        take_over(&before, p);
    }
    else if (path) {
        restore(p);
    }
    return tables;
}

/* --- the file ------------------------------------------------------------------- */

apr_status_t clp_shared_state_save(apr_pool_t *scratch)
{
    return tables && path ? clp_snapshot_save(tables, clp_shared_pins(), path, scratch)
                          : APR_SUCCESS;
}

/* When the parent ends; on a restart the memory stays, and the next configuration opens it for
 * itself. */
static apr_status_t end_configuration(void *unused)
{
    apr_pool_t *scratch;
    apr_status_t rv;
    (void)unused;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING) {
        apr_pool_create_unmanaged(&scratch);
        rv = clp_shared_state_save(scratch);
        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_ERR, rv, main_server, "CLP2115: %s cannot be written",
                         path);
        }
        apr_pool_destroy(scratch);
    }
    tables = NULL;
    return APR_SUCCESS;
}

/* --- the life of a server ------------------------------------------------------- */

static void resolve(const apr_array_header_t *channels, apr_pool_t *pool)
{
    int missing = clp_channel_rows_resolve(configured, channels, tables, restart, pool);
    if (missing) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main_server,
                     "CLP2117: the tables of shared state are full: %d channels go without part "
                     "of their state until the next restart, or a larger ClaudeTableSize",
                     missing);
    }
}

void clp_shared_state_start(server_rec *s, const apr_array_header_t *of_conf,
                            const apr_array_header_t *channels, apr_pool_t *p)
{
    const clp_server_config *conf = clp_server_config_of(s);
    clp_capacity needed = needed_by_either(of_conf, channels);
    apr_status_t rv;
    main_server = s;
    configured = of_conf;
    path = conf->state_dir ? apr_pstrcat(p, conf->state_dir, "/" FILE_NAME, NULL) : NULL;
    clp_shared_pins_start(s, p);
    tables = open_or_make(&needed, p, &rv);
    if (!tables) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2116: no shared memory for the state of channels; breakers, limits, "
                     "affinity, health checks and counters are off");
        return;
    }
    apr_pool_cleanup_register(p, NULL, end_configuration, apr_pool_cleanup_null);
    restart = clp_tables_restart(tables);
    resolve(channels, p);
}

void clp_shared_state_resolve(const apr_array_header_t *channels, apr_pool_t *pool)
{
    if (tables) {
        resolve(channels, pool);
    }
}

/* The configuration's own keep their rows; those made since stand at the places of theirs. */
static int is_configured(const clp_channel *c, int i)
{
    return i < configured->nelts && c == APR_ARRAY_IDX(configured, i, const clp_channel *);
}

int clp_shared_state_lost(const apr_array_header_t *channels)
{
    int lost = 0;
    for (int i = 0; tables && i < channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(channels, i, const clp_channel *);
        lost |= !is_configured(c, i) && clp_channel_rows_lost(c, tables);
    }
    return lost;
}

static apr_status_t child_ends(void *unused)
{
    (void)unused;
    clp_child_end(tables);
    return APR_SUCCESS;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    if (!tables) {
        return;
    }
    if (!clp_child_begin(tables, apr_time_now())) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "CLP2118: more processes than there are rows for: what this one has in flight "
                     "is not counted");
    }
    apr_pool_cleanup_register(p, NULL, child_ends, apr_pool_cleanup_null);
}

/* In the parent, also for children of older generations. */
static void child_status(server_rec *s, pid_t pid, ap_generation_t generation, int slot,
                         mpm_child_status status)
{
    (void)s;
    (void)generation;
    (void)slot;
    if (tables && status == MPM_CHILD_EXITED) {
        clp_child_reap(tables, pid);
    }
}

void clp_shared_state_register(apr_pool_t *p)
{
    /* Its thread has requests in flight: health checks. */
    static const char *const before[] = {"mod_watchdog.c", NULL};

    clp_retained_slotmem_register(p);
    ap_hook_child_init(child_init, NULL, before, APR_HOOK_MIDDLE);
    ap_hook_child_status(child_status, NULL, NULL, APR_HOOK_MIDDLE);
}
