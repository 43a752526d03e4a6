/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/status_json.h"

#include <apr_strings.h>

#include "clp_version.h"
#include "state/children.h"
#include "status_parts.h"

static int is_configured(const clp_status_scope *scope, unsigned row)
{
    for (int i = 0; i < scope->channels->nelts; i++) {
        if (APR_ARRAY_IDX(scope->channels, i, const clp_channel *)->row.row == row) {
            return 1;
        }
    }
    return 0;
}

static const char *row_name(const apr_uint64_t *words, apr_pool_t *pool)
{
    char *name = apr_palloc(pool, CLP_NAME_ROOM);

    clp_row_name_get(words, CLP_NAME_WORDS, name);
    return name;
}

static int is_used(const clp_tables *t, clp_table_kind kind, unsigned row)
{
    return clp_word_get(&clp_tables_head(t, kind, row)->id) != 0;
}

static void write_channels(clp_jw *w, const clp_status_scope *scope, apr_pool_t *pool)
{
    clp_jw_key(w, "channels");
    clp_jw_array(w);
    for (int i = 0; i < scope->channels->nelts; i++) {
        clp_status_write_channel(w, scope, APR_ARRAY_IDX(scope->channels, i, const clp_channel *),
                                 pool);
    }
    clp_jw_end_array(w);
}

/* Rows of channels that the configuration does not name any more. */
static void write_former_channels(clp_jw *w, const clp_status_scope *scope, apr_pool_t *pool)
{
    const clp_tables *t = scope->tables;

    clp_jw_key(w, "former_channels");
    clp_jw_array(w);
    for (unsigned i = 1; i < clp_tables_rows(t, CLP_TABLE_CHANNELS); i++) {
        const clp_channel_row *row = &t->channels[i];

        if (!is_used(t, CLP_TABLE_CHANNELS, i) || is_configured(scope, i)) {
            continue;
        }
        clp_jw_object(w);
        clp_jw_kstr(w, "name", row_name(row->name.words, pool));
        clp_jw_kint(w, "in_flight", (apr_int64_t)clp_in_flight(t, CLP_TABLE_CHANNELS, i));
        clp_status_results(w, "upstream_attempts", row->attempts);
        clp_status_protocols(w, "protocols", row->protocols);
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
}

/* Row 0 counts those that have no row. */
static void write_models(clp_jw *w, const clp_tables *t, apr_pool_t *pool)
{
    clp_jw_key(w, "models");
    clp_jw_object(w);
    for (unsigned i = 1; i < clp_tables_rows(t, CLP_TABLE_MODELS); i++) {
        if (is_used(t, CLP_TABLE_MODELS, i)) {
            clp_jw_key_text(w, clp_text_str(row_name(t->models[i].name.words, pool)));
            clp_status_traffic(w, &t->models[i].traffic);
        }
    }
    clp_jw_end_object(w);
    clp_jw_key(w, "other_models");
    clp_status_traffic(w, &t->models[0].traffic);
}

static void write_user(clp_jw *w, const clp_user_row *row)
{
    clp_jw_object(w);
    clp_status_counters(w, &row->counts);
    clp_jw_end_object(w);
}

static void write_users(clp_jw *w, const clp_tables *t, apr_pool_t *pool)
{
    clp_jw_key(w, "users");
    clp_jw_object(w);
    for (unsigned i = 1; i < clp_tables_rows(t, CLP_TABLE_USERS); i++) {
        if (is_used(t, CLP_TABLE_USERS, i)) {
            clp_jw_key_text(w, clp_text_str(row_name(t->users[i].name.words, pool)));
            write_user(w, &t->users[i]);
        }
    }
    clp_jw_end_object(w);
    clp_jw_key(w, "other_users");
    write_user(w, &t->users[0]);
}

static void write_children(clp_jw *w, const clp_status_scope *scope, apr_pool_t *pool)
{
    const clp_tables *t = scope->tables;
    const clp_child_row *row;

    clp_jw_key(w, "children");
    clp_jw_array(w);
    for (unsigned i = 0; (row = clp_child_at(t, i)) != NULL; i++) {
        apr_uint64_t pid = clp_word_get(&row->pid);

        if (pid) {
            clp_jw_object(w);
            clp_jw_kint(w, "pid", (apr_int64_t)(apr_uint32_t)pid);
            clp_status_time(w, "since", (apr_time_t)clp_word_get(&row->since), pool);
            clp_jw_kint(w, "in_flight", (apr_int64_t)clp_child_in_flight(t, row));
            clp_jw_kint(w, "revision", (apr_int64_t)clp_word_get(&row->revision));
            clp_jw_kint(w, "generations", (apr_int64_t)clp_word_get(&row->generations));
            clp_jw_end_object(w);
        }
    }
    clp_jw_end_array(w);
}

/* What becomes of the spans of requests. */
static void write_trace_export(clp_jw *w, const clp_span_ring *ring)
{
    clp_span_counts counts;

    clp_jw_key(w, "trace_export");
    if (!ring) {
        clp_jw_null(w);
        return;
    }
    clp_span_ring_count(ring, &counts);
    clp_jw_object(w);
    clp_jw_kint(w, "waiting", (apr_int64_t)counts.waiting);
    clp_jw_kint(w, "sent", (apr_int64_t)counts.sent);
    clp_jw_kint(w, "dropped", (apr_int64_t)counts.dropped);
    clp_jw_kint(w, "refused", (apr_int64_t)counts.refused);
    clp_jw_kint(w, "lost", (apr_int64_t)counts.lost);
    clp_jw_end_object(w);
}

/* How full the tables are. */
static void write_tables(clp_jw *w, const clp_tables *t)
{
    static const clp_table_kind kinds[] = {CLP_TABLE_CHANNELS, CLP_TABLE_KEYS, CLP_TABLE_CIRCUITS,
                                           CLP_TABLE_MODELS, CLP_TABLE_USERS};

    clp_jw_key(w, "tables");
    clp_jw_object(w);
    for (apr_size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        unsigned rows = clp_tables_rows(t, kinds[k]);
        int used = 0;

        for (unsigned i = 1; i < rows; i++) {
            used += is_used(t, kinds[k], i);
        }
        clp_jw_key(w, t->layout[kinds[k]].name);
        clp_jw_object(w);
        clp_jw_kint(w, "rows", rows - 1);
        clp_jw_kint(w, "used", used);
        clp_jw_end_object(w);
    }
    clp_jw_end_object(w);
}

void clp_status_write(clp_jw *w, const clp_status_scope *scope, apr_pool_t *pool)
{
    const clp_tables *t = scope->tables;

    clp_jw_object(w);
    clp_jw_kstr(w, "version", CLP_VERSION);
    clp_status_time(w, "time", scope->now, pool);
    clp_jw_kbool(w, "shared", t != NULL);
    write_channels(w, scope, pool);
    if (t) {
        write_former_channels(w, scope, pool);
        clp_status_protocols(w, "protocols", t->head->protocols);
        write_models(w, t, pool);
        write_users(w, t, pool);
        write_children(w, scope, pool);
        clp_status_ledger(w, t);
        write_tables(w, t);
        clp_status_time(w, "since", (apr_time_t)clp_word_get(&t->head->born), pool);
    }
    write_trace_export(w, scope->spans);
    clp_jw_end_object(w);
}
