/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <apr_strings.h>

#include "admin_call.h"
#include "channel_metrics.h"
#include "circuit_figures.h"
#include "data_points.h"
#include "sched/channel_sets.h"
#include "state/children.h"
#include "status_parts.h"
#include "wire/instant.h"
#include "wire/quantity.h"

static const char *time_text(apr_interval_time_t time, apr_pool_t *pool)
{
    return clp_time_show(apr_time_as_msec(time), pool);
}

/* --- conversations ---------------------------------------------------------------------- */

/* Null for off. */
static void write_affinity_time(const clp_admin_call *call, clp_jw *w, const char *name)
{
    if (call->site->affinity_time) {
        clp_jw_kstr(w, name, time_text(call->site->affinity_time, call->pool));
    }
    else {
        clp_jw_knull(w, name);
    }
}

void clp_admin_affinity(clp_admin_call *call)
{
    const clp_admin_site *site = call->site;
    const apr_array_header_t *channels = site->channels;
    apr_uint64_t *counts =
        apr_pcalloc(call->pool, ((apr_size_t)channels->nelts + 1) * sizeof(*counts));
    apr_uint64_t all = 0;
    clp_jw w;

    if (site->bindings) {
        all = clp_affinity_count(site->bindings, channels, site->now, counts, call->pool);
    }
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kbool(&w, "counted", site->bindings != NULL);
    clp_jw_kint(&w, "count", (apr_int64_t)all);
    write_affinity_time(call, &w, "ttl");
    clp_jw_key(&w, "channels");
    clp_jw_object(&w);
    for (int i = 0; i < channels->nelts; i++) {
        if (counts[i]) {
            clp_jw_kint(&w, APR_ARRAY_IDX(channels, i, const clp_channel *)->name,
                        (apr_int64_t)counts[i]);
        }
    }
    clp_jw_end_object(&w);
    clp_jw_end_object(&w);
}

void clp_admin_sessions(clp_admin_call *call)
{
    clp_overview o = call->site->overview(call->site->ctx);
    clp_jw w;

    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kbool(&w, "counted", o.has_sessions);
    clp_jw_kint(&w, "count", (apr_int64_t)o.sessions.values);
    clp_jw_kint(&w, "usedBytes", (apr_int64_t)o.sessions.bytes);
    clp_jw_kint(&w, "memoryBytes", (apr_int64_t)o.sessions.room);
    clp_jw_kint(&w, "threads", (apr_int64_t)o.threads);
    clp_jw_end_object(&w);
}

/* --- the scheduler -------------------------------------------------------------------------- */

/* What all channels together have. */
typedef struct tally {
    int active;
    int open, half_open, probed; /* circuits of whole channels */
    int circuits_open;           /* of URLs with keys */
    int cooling;
    int keys, keys_cooling;
    apr_uint64_t in_flight;
} tally;

static void add_channel(tally *sum, const clp_status_scope *scope, const clp_channel *c)
{
    const clp_channel_row *row;
    clp_breaker_state state;

    sum->active += c->status == CLP_CHANNEL_ACTIVE;
    sum->keys += c->keys->nelts;
    if (!clp_channel_is_counted(scope, c)) {
        return;
    }
    row = &scope->tables->channels[c->row.row];
    if (c->breaker.on) {
        state = clp_breaker_look(&row->circuit, &c->breaker, scope->now);
        sum->open += state == CLP_BREAKER_OPEN;
        sum->half_open += state == CLP_BREAKER_HALF_OPEN;
        sum->probed += (apr_time_t)clp_word_get(&row->circuit.probe) > scope->now;
    }
    sum->circuits_open += clp_channel_circuits_in(scope, c, CLP_BREAKER_OPEN);
    sum->cooling += clp_cooling_look(&row->cooling, scope->now, NULL) != CLP_COOLING_NOT;
    sum->keys_cooling += clp_channel_keys_cooling(scope, c);
    sum->in_flight += clp_in_flight(scope->tables, CLP_TABLE_CHANNELS, c->row.row);
}

static int count_children(const clp_tables *t)
{
    const clp_child_row *row;
    int n = 0;

    for (unsigned i = 0; (row = clp_child_at(t, i)) != NULL; i++) {
        n += clp_word_get(&row->pid) != 0;
    }
    return n;
}

/* What channels have that say no ChannelBreaker. */
static void write_breaker(clp_jw *w, apr_pool_t *pool)
{
    clp_breaker_policy usual = clp_breaker_policy_default();

    clp_jw_kint(w, "failureThreshold", usual.percent);
    clp_jw_kint(w, "windowSize", usual.window);
    clp_jw_kint(w, "minimumResults", usual.min);
    clp_jw_kstr(w, "circuitRecoveryTime", time_text(usual.open, pool));
}

static void write_state(clp_jw *w, const clp_tables *t, const tally *sum)
{
    clp_jw_kint(w, "openCircuits", sum->open);
    clp_jw_kint(w, "halfOpenCircuits", sum->half_open);
    clp_jw_kint(w, "probes", sum->probed);
    clp_jw_kint(w, "openKeyCircuits", sum->circuits_open);
    clp_jw_kint(w, "channelsCooling", sum->cooling);
    clp_jw_kint(w, "keysCooling", sum->keys_cooling);
    clp_jw_kint(w, "activeRequests", (apr_int64_t)sum->in_flight);
    clp_jw_kint(w, "children", count_children(t));
    clp_jw_kint(w, "generation", (apr_int64_t)clp_word_get(&t->head->generation));
    clp_status_ledger(w, t);
}

static void write_stats(const clp_admin_call *call, clp_jw *w)
{
    const clp_admin_site *site = call->site;
    clp_status_scope scope = clp_admin_scope(call);
    tally sum = {0};

    for (int i = 0; i < scope.channels->nelts; i++) {
        add_channel(&sum, &scope, APR_ARRAY_IDX(scope.channels, i, const clp_channel *));
    }
    clp_jw_object(w);
    clp_jw_kbool(w, "counted", scope.tables != NULL);
    clp_jw_kstr(w, "strategy", clp_strategy_name(site->scheduling.strategy));
    clp_jw_kbool(w, "multiChannelMode", sum.active > 1);
    clp_jw_kint(w, "channelCount", scope.channels->nelts);
    clp_jw_kint(w, "activeChannelCount", sum.active);
    clp_jw_kint(w, "keyCount", sum.keys);
    clp_jw_kint(w, "traceAffinityCount",
                site->bindings
                    ? (apr_int64_t)clp_pin_table_count(site->bindings, scope.now, NULL, NULL)
                    : 0);
    write_affinity_time(call, w, "traceAffinityTTL");
    write_breaker(w, call->pool);
    if (scope.tables) {
        write_state(w, scope.tables, &sum);
    }
    clp_jw_end_object(w);
}

void clp_admin_scheduler_stats(clp_admin_call *call)
{
    clp_jw w;

    clp_jw_init(&w, call->out);
    write_stats(call, &w);
}

/* --- all at once ---------------------------------------------------------------------------- */

static void write_activity(const clp_admin_call *call, clp_jw *w)
{
    clp_status_scope scope = clp_admin_scope(call);

    clp_jw_key(w, "recentActivity");
    clp_jw_array(w);
    for (int i = 0; i < scope.channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(scope.channels, i, const clp_channel *);
        int counted = clp_channel_is_counted(&scope, c);

        clp_jw_object(w);
        clp_jw_kstr(w, "channelName", c->name);
        clp_jw_kbool(w, "counted", counted);
        if (counted) {
            clp_recent_activity_write(w, &scope.tables->channel_history[c->row.row], scope.now);
        }
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
}

void clp_admin_dashboard(clp_admin_call *call)
{
    const clp_admin_site *site = call->site;
    clp_jw w;

    call->told_revision = site->revision;
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kint(&w, "revision", site->revision);
    clp_jw_kstr(&w, "time", clp_instant_text(site->now, call->pool));
    clp_jw_kstr(&w, "loadBalance", clp_strategy_name(site->scheduling.strategy));
    clp_jw_key(&w, "channels");
    clp_admin_write_channels(call, &w);
    clp_jw_key(&w, "metrics");
    clp_admin_write_metrics(call, &w);
    clp_jw_key(&w, "stats");
    write_stats(call, &w);
    write_activity(call, &w);
    clp_jw_end_object(&w);
}
