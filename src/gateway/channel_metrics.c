/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "channel_metrics.h"

#include "circuit_figures.h"
#include "figures.h"
#include "sched/cooldown.h"
#include "state/children.h"
#include "status_parts.h"
#include "wire/instant.h"

int clp_channel_is_counted(const clp_status_scope *scope, const clp_channel *c)
{
    return scope->tables && c->row.row != CLP_NO_ROW;
}

/* --- keys ---------------------------------------------------------------------------- */

static void write_cooling_models(clp_jw *w, const clp_status_scope *scope, const clp_key_row *row,
                                 apr_pool_t *pool)
{
    clp_jw_key(w, "modelsCoolingUntil");
    clp_jw_object(w);
    for (int i = 0; i < CLP_KEY_MODELS; i++) {
        apr_uint64_t model = clp_word_get(&row->models[i].model);
        apr_time_t until;

        if (model &&
            clp_cooling_look(&row->models[i].cooling, scope->now, &until) != CLP_COOLING_NOT) {
            const char *name = clp_status_model_name(scope->tables, model, pool);

            clp_jw_key_text(w, clp_text_str(name));
            clp_jw_str(w, clp_instant_text(until, pool));
        }
    }
    clp_jw_end_object(w);
}

static void write_last(clp_jw *w, const apr_uint64_t *success, const apr_uint64_t *failure,
                       apr_pool_t *pool)
{
    clp_status_time(w, "lastSuccessAt", (apr_time_t)clp_word_get(success), pool);
    clp_status_time(w, "lastFailureAt", (apr_time_t)clp_word_get(failure), pool);
}

static void write_key_state(clp_jw *w, const clp_status_scope *scope, const clp_channel *c, int i,
                            apr_pool_t *pool)
{
    unsigned n = APR_ARRAY_IDX(c->keys, i, clp_key).row.row;
    const clp_key_row *row = &scope->tables->keys[n];
    clp_history_sums sums = clp_figures_of_results(row->attempts);
    clp_breaker_state state = clp_circuit_of_key(scope, c, i);

    clp_figures_counts(w, &sums);
    clp_jw_kint(w, "consecutiveFailures", (apr_int64_t)clp_word_get(&row->failures));
    clp_jw_kint(w, "activeRequests", (apr_int64_t)clp_in_flight(scope->tables, CLP_TABLE_KEYS, n));
    clp_jw_kbool(w, "circuitBroken", c->breaker.on && state == CLP_BREAKER_OPEN);
    clp_jw_kstr(w, "circuit", clp_circuit_state_shown(c, state));
    clp_cooling_until(w, "coolingUntil", &row->cooling, scope->now, pool);
    write_cooling_models(w, scope, row, pool);
    write_last(w, &row->last_success, &row->last_failure, pool);
}

static void write_keys(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                       apr_pool_t *pool)
{
    clp_jw_key(w, "keyMetrics");
    clp_jw_array(w);
    for (int i = 0; i < c->keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(c->keys, i, clp_key);
        int counted = scope->tables && key->row.row != CLP_NO_ROW;

        clp_jw_object(w);
        clp_jw_kstr(w, "id", key->id);
        clp_jw_kstr(w, "mask", key->mask);
        clp_jw_kbool(w, "counted", counted);
        if (counted) {
            write_key_state(w, scope, c, i, pool);
        }
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
}

/* --- windows and times ---------------------------------------------------------------- */

static void write_window(clp_jw *w, const clp_history_sums *sums)
{
    clp_figures_counts(w, sums);
    clp_figures_tokens(w, sums);
    clp_figure_hundredths(w, "cacheHitRate", clp_figure_cache_hits(sums));
}

/* Of all protocols together: who asks matters little for how long a channel takes. */
static void write_times(clp_jw *w, const clp_channel_row *row)
{
    apr_uint64_t first_token[CLP_HISTOGRAM] = {0};
    apr_uint64_t duration[CLP_HISTOGRAM] = {0};
    apr_uint64_t first_token_us = 0;
    apr_uint64_t duration_ms = 0;

    for (int p = 0; p < CLP_PROTOCOLS; p++) {
        const clp_traffic *t = &row->protocols[p];

        for (int i = 0; i < CLP_HISTOGRAM; i++) {
            first_token[i] += clp_word_get(&t->first_token[i]);
            duration[i] += clp_word_get(&t->duration[i]);
        }
        first_token_us += clp_word_get(&t->counts.first_token_us);
        duration_ms += clp_word_get(&t->counts.duration_ms);
    }
    clp_figures_times(w, "firstToken", first_token, first_token_us);
    clp_figures_times(w, "duration", duration, duration_ms * 1000);
}

/* --- the channel ------------------------------------------------------------------------ */

static void write_counted(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                          apr_pool_t *pool)
{
    const clp_channel_row *row = &scope->tables->channels[c->row.row];
    clp_history_sums sums = clp_figures_of_results(row->attempts);
    int rate = clp_history_success_rate(&sums);

    clp_figures_counts(w, &sums);
    clp_figure_hundredths(w, "errorRate", rate < 0 ? -1 : 10000 - rate);
    clp_jw_kint(w, "consecutiveFailures", (apr_int64_t)clp_word_get(&row->failures));
    clp_jw_kint(w, "activeRequests",
                (apr_int64_t)clp_in_flight(scope->tables, CLP_TABLE_CHANNELS, c->row.row));
    clp_jw_kbool(w, "circuitBroken",
                 c->breaker.on &&
                     clp_breaker_look(&row->circuit, &c->breaker, scope->now) == CLP_BREAKER_OPEN);
    clp_jw_key(w, "circuit");
    clp_jw_object(w);
    clp_circuit_members(w, scope, c, &row->circuit, pool);
    clp_jw_end_object(w);
    clp_circuits_write(w, scope, c, pool);
    clp_cooling_until(w, "coolingUntil", &row->cooling, scope->now, pool);
    write_last(w, &row->last_success, &row->last_failure, pool);
    write_times(w, row);
    clp_status_windows(w, "timeWindows", &scope->tables->channel_history[c->row.row], scope->now,
                       write_window);
}

void clp_channel_metrics_write(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                               apr_pool_t *pool)
{
    int counted = clp_channel_is_counted(scope, c);

    clp_jw_object(w);
    clp_jw_kstr(w, "channelName", c->name);
    clp_jw_kbool(w, "counted", counted);
    if (counted) {
        write_counted(w, scope, c, pool);
    }
    write_keys(w, scope, c, pool);
    clp_jw_end_object(w);
}

void clp_channel_state_write(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                             apr_pool_t *pool)
{
    const clp_channel_row *row;
    clp_history_sums sums;

    if (!clp_channel_is_counted(scope, c)) {
        clp_jw_null(w);
        return;
    }
    row = &scope->tables->channels[c->row.row];
    clp_history_sum(clp_history_seconds(&scope->tables->channel_history[c->row.row]), scope->now,
                    apr_time_from_sec(15 * 60), &sums);
    clp_jw_object(w);
    clp_jw_kint(w, "activeRequests",
                (apr_int64_t)clp_in_flight(scope->tables, CLP_TABLE_CHANNELS, c->row.row));
    clp_jw_kstr(
        w, "circuit",
        clp_circuit_state_shown(c, clp_breaker_look(&row->circuit, &c->breaker, scope->now)));
    clp_jw_kint(w, "circuitsOpen", clp_channel_circuits_in(scope, c, CLP_BREAKER_OPEN));
    clp_cooling_until(w, "coolingUntil", &row->cooling, scope->now, pool);
    clp_jw_kint(w, "keysCooling", clp_channel_keys_cooling(scope, c));
    clp_jw_kint(w, "consecutiveFailures", (apr_int64_t)clp_word_get(&row->failures));
    clp_figures_counts(w, &sums);
    write_last(w, &row->last_success, &row->last_failure, pool);
    clp_jw_end_object(w);
}
