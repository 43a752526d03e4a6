/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin_call.h"
#include "channel_metrics.h"
#include "data_points.h"
#include "figures.h"

/* One answer has no more points than this, all channels or keys together: some 25 MB. */
#define MAX_POINTS 100000

clp_status_scope clp_admin_scope(const clp_admin_call *call)
{
    clp_status_scope scope = {0};

    scope.tables = call->site->scheduling.tables;
    scope.channels = call->site->channels;
    scope.now = call->site->now;
    return scope;
}

/* --- metrics --------------------------------------------------------------------------- */

void clp_admin_write_metrics(const clp_admin_call *call, clp_jw *w)
{
    clp_status_scope scope = clp_admin_scope(call);

    clp_jw_array(w);
    for (int i = 0; i < scope.channels->nelts; i++) {
        clp_channel_metrics_write(w, &scope, APR_ARRAY_IDX(scope.channels, i, const clp_channel *),
                                  call->pool);
    }
    clp_jw_end_array(w);
}

void clp_admin_channel_metrics(clp_admin_call *call)
{
    clp_jw w;

    clp_jw_init(&w, call->out);
    clp_admin_write_metrics(call, &w);
}

/* --- histories ---------------------------------------------------------------------------- */

/* 1; or 0, and 400 is answered. `lists` of points will be told. */
static int take_range(clp_admin_call *call, int of_keys, const char *usual, int lists,
                      clp_history_range *range)
{
    const char *duration = apr_table_get(call->args, "duration");
    clp_range_error error;

    if (!clp_history_range_read(range, of_keys, duration ? duration : usual,
                                apr_table_get(call->args, "interval"), call->site->now, &error,
                                call->pool)) {
        clp_admin_fail(call, 400, error.argument, "%s: %s", error.argument, error.message);
        return 0;
    }
    if (lists > MAX_POINTS / (int)range->steps) {
        clp_admin_fail(call, 400, "interval",
                       "interval: is too short: %d times %u points would be more than %d", lists,
                       range->steps, MAX_POINTS);
        return 0;
    }
    return 1;
}

static void write_step(clp_jw *w, const clp_history_range *range)
{
    clp_jw_kint(w, "intervalSeconds", apr_time_sec(range->step));
}

void clp_admin_channel_history(clp_admin_call *call)
{
    clp_status_scope scope = clp_admin_scope(call);
    clp_history_range range;
    clp_jw w;

    if (!take_range(call, 0, "24h", scope.channels->nelts, &range)) {
        return;
    }
    clp_jw_init(&w, call->out);
    clp_jw_array(&w);
    for (int i = 0; i < scope.channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(scope.channels, i, const clp_channel *);
        clp_history none = {NULL, 0, 1};
        int counted = clp_channel_is_counted(&scope, c);

        clp_jw_object(&w);
        clp_jw_kstr(&w, "channelName", c->name);
        clp_jw_kbool(&w, "counted", counted);
        write_step(&w, &range);
        clp_data_points_write(
            &w, &range,
            counted ? clp_history_range_ring(&range, &scope.tables->channel_history[c->row.row])
                    : none,
            call->pool);
        clp_jw_end_object(&w);
    }
    clp_jw_end_array(&w);
}

static void write_key(clp_jw *w, const clp_status_scope *scope, const clp_history_range *range,
                      const clp_key *key, apr_pool_t *pool)
{
    int counted = scope->tables && key->row.row != CLP_NO_ROW;
    clp_history h = {NULL, 0, 1};

    if (counted) {
        h = clp_history_quarters(&scope->tables->key_history[key->row.row]);
    }
    clp_jw_object(w);
    clp_jw_kstr(w, "id", key->id);
    clp_jw_kstr(w, "mask", key->mask);
    clp_jw_kbool(w, "counted", counted);
    clp_data_points_write(w, range, h, pool);
    clp_jw_end_object(w);
}

void clp_admin_key_history(clp_admin_call *call)
{
    const clp_channel *c = clp_admin_channel(call, call->name);
    clp_status_scope scope = clp_admin_scope(call);
    clp_history_range range;
    clp_jw w;

    if (!c || !take_range(call, 1, "6h", c->keys->nelts, &range)) {
        return;
    }
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "channelName", c->name);
    write_step(&w, &range);
    clp_jw_key(&w, "keys");
    clp_jw_array(&w);
    for (int i = 0; i < c->keys->nelts; i++) {
        write_key(&w, &scope, &range, &APR_ARRAY_IDX(c->keys, i, clp_key), call->pool);
    }
    clp_jw_end_array(&w);
    clp_jw_end_object(&w);
}

/* --- all channels together --------------------------------------------------------------- */

/* Those, too, that are no more, as long as the tables know them. */
static void add_all(const clp_tables *t, const clp_history_range *range, unsigned step,
                    clp_history_sums *sums)
{
    for (unsigned row = 1; row < clp_tables_rows(t, CLP_TABLE_CHANNELS); row++) {
        if (clp_word_get(&clp_tables_head(t, CLP_TABLE_CHANNELS, row)->id)) {
            clp_history_range_add(range, clp_history_range_ring(range, &t->channel_history[row]),
                                  step, sums);
        }
    }
}

static void write_summary(clp_jw *w, const clp_history_range *range, const clp_history_sums *sums)
{
    static const struct {
        const char *name;
        clp_point_half half;
    } totals[] = {
        {"totalFailure", CLP_POINT_FAILURES},
        {"totalAborted", CLP_POINT_ABORTS},
        {"totalClientErrors", CLP_POINT_CLIENT_ERRORS},
        {"totalInputTokens", CLP_POINT_TOKENS_IN},
        {"totalOutputTokens", CLP_POINT_TOKENS_OUT},
        {"totalCacheReadTokens", CLP_POINT_CACHE_READ},
        {"totalCacheCreationTokens", CLP_POINT_CACHE_WRITE},
        {"totalReasoningTokens", CLP_POINT_REASONING},
    };

    clp_jw_key(w, "summary");
    clp_jw_object(w);
    clp_jw_kint(w, "totalRequests", (apr_int64_t)sums->of[CLP_POINT_REQUESTS]);
    clp_jw_kint(w, "totalSuccess", (apr_int64_t)clp_history_successes(sums));
    for (apr_size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
        clp_jw_kint(w, totals[i].name, (apr_int64_t)sums->of[totals[i].half]);
    }
    clp_figure_hundredths(w, "avgSuccessRate", clp_history_success_rate(sums));
    clp_figure_hundredths(w, "cacheHitRate", clp_figure_cache_hits(sums));
    clp_jw_kint(w, "durationSeconds", apr_time_sec(range->span));
    write_step(w, range);
    clp_jw_end_object(w);
}

void clp_admin_global_history(clp_admin_call *call)
{
    const clp_tables *t = call->site->scheduling.tables;
    clp_history_sums all = {{0}};
    clp_history_range range;
    clp_jw w;

    if (!take_range(call, 0, "24h", 1, &range)) {
        return;
    }
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kbool(&w, "counted", t != NULL);
    clp_jw_key(&w, "dataPoints");
    clp_jw_array(&w);
    for (unsigned i = 0; t && i < range.steps; i++) {
        clp_history_sums sums = {{0}};

        add_all(t, &range, i, &sums);
        clp_data_point_write(&w, clp_history_step(&range, i), &sums, call->pool);
        clp_figures_add(&all, &sums);
    }
    clp_jw_end_array(&w);
    write_summary(&w, &range, &all);
    clp_jw_end_object(&w);
}
