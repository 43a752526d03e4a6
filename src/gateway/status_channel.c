/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/status_json.h"

#include "sched/channel_show.h"
#include "state/children.h"
#include "state/counters.h"
#include "state/history.h"
#include "status_parts.h"

/* Models that the key rests for. */
static void write_resting_models(clp_jw *w, const clp_status_scope *scope, const clp_key_row *row,
                                 apr_pool_t *pool)
{
    clp_jw_key(w, "resting_models");
    clp_jw_object(w);
    for (int i = 0; i < CLP_KEY_MODELS; i++) {
        apr_uint64_t model = clp_word_get(&row->models[i].model);
        const clp_cooling *cooling = &row->models[i].cooling;

        if (model && (apr_time_t)clp_word_get(&cooling->until) > scope->now) {
            clp_jw_key_text(w, clp_text_str(clp_status_model_name(scope->tables, model, pool)));
            clp_status_cooling(w, cooling, scope->now, pool);
        }
    }
    clp_jw_end_object(w);
}

static void write_last(clp_jw *w, const apr_uint64_t *success, const apr_uint64_t *failure,
                       const apr_uint64_t *in_a_row, apr_pool_t *pool)
{
    clp_status_time(w, "last_success", (apr_time_t)clp_word_get(success), pool);
    clp_status_time(w, "last_failure", (apr_time_t)clp_word_get(failure), pool);
    clp_jw_kint(w, "failures_in_a_row", (apr_int64_t)clp_word_get(in_a_row));
}

static void write_key(clp_jw *w, const clp_status_scope *scope, const clp_key *key,
                      apr_pool_t *pool)
{
    clp_tables *t = scope->tables;
    const clp_key_row *row;

    clp_jw_object(w);
    clp_jw_kstr(w, "id", key->id);
    if (t && key->row.row != CLP_NO_ROW) {
        row = &t->keys[key->row.row];
        clp_jw_kint(w, "in_flight", (apr_int64_t)clp_in_flight(t, CLP_TABLE_KEYS, key->row.row));
        clp_status_rates(w, &row->requests, &row->tokens, scope->now);
        clp_jw_key(w, "resting");
        clp_status_cooling(w, &row->cooling, scope->now, pool);
        write_resting_models(w, scope, row, pool);
        write_last(w, &row->last_success, &row->last_failure, &row->failures, pool);
        clp_status_results(w, "upstream_attempts", row->attempts);
        clp_status_counters(w, &row->counts);
    }
    clp_jw_end_object(w);
}

static void write_keys(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                       apr_pool_t *pool)
{
    clp_jw_key(w, "keys");
    clp_jw_array(w);
    for (int i = 0; i < c->keys->nelts; i++) {
        write_key(w, scope, &APR_ARRAY_IDX(c->keys, i, clp_key), pool);
    }
    clp_jw_end_array(w);
}

/* Each URL with each key. */
static void write_circuits(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                           apr_pool_t *pool)
{
    int keys = c->keys->nelts ? c->keys->nelts : 1;

    clp_jw_key(w, "circuits");
    clp_jw_array(w);
    for (int i = 0; c->circuits && i < c->urls->nelts * keys; i++) {
        unsigned row = c->circuits[i].row;

        if (row == CLP_NO_ROW) {
            continue;
        }
        clp_jw_object(w);
        clp_jw_kstr(w, "url", APR_ARRAY_IDX(c->urls, i / keys, const char *));
        if (c->keys->nelts) {
            clp_jw_kstr(w, "key", APR_ARRAY_IDX(c->keys, i % keys, clp_key).id);
        }
        else {
            clp_jw_knull(w, "key");
        }
        clp_status_circuit(w, &scope->tables->circuits[row].circuit, &c->breaker, scope->now, pool);
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
}

static void write_window(clp_jw *w, const clp_history_sums *sums)
{
    clp_jw_kint(w, "requests", (apr_int64_t)sums->of[CLP_POINT_REQUESTS]);
    clp_jw_kint(w, "failures", (apr_int64_t)sums->of[CLP_POINT_FAILURES]);
    clp_jw_kint(w, "aborts", (apr_int64_t)sums->of[CLP_POINT_ABORTS]);
    clp_jw_kint(w, "client_errors", (apr_int64_t)sums->of[CLP_POINT_CLIENT_ERRORS]);
    clp_jw_kint(w, "tokens_in", (apr_int64_t)sums->of[CLP_POINT_TOKENS_IN]);
    clp_jw_kint(w, "tokens_out", (apr_int64_t)sums->of[CLP_POINT_TOKENS_OUT]);
    clp_jw_kint(w, "cache_read", (apr_int64_t)sums->of[CLP_POINT_CACHE_READ]);
    clp_jw_kint(w, "cache_write", (apr_int64_t)sums->of[CLP_POINT_CACHE_WRITE]);
    clp_jw_kint(w, "reasoning", (apr_int64_t)sums->of[CLP_POINT_REASONING]);
}

static void write_health_check(clp_jw *w, const clp_channel_row *row, apr_pool_t *pool)
{
    apr_uint64_t checks = clp_word_get(&row->checks);

    if (!checks) {
        clp_jw_knull(w, "health_check");
        return;
    }
    clp_jw_key(w, "health_check");
    clp_jw_object(w);
    clp_status_time(w, "last", (apr_time_t)clp_word_get(&row->checked_at), pool);
    clp_jw_kbool(w, "ok", !(checks & 1));
    clp_jw_kint(w, "in_a_row", (apr_int64_t)(checks >> 1));
    clp_jw_end_object(w);
}

static void write_state(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                        apr_pool_t *pool)
{
    clp_tables *t = scope->tables;
    const clp_channel_row *row = &t->channels[c->row.row];
    apr_uint64_t first_token = clp_word_get(&row->first_token_us);

    clp_jw_kint(w, "in_flight", (apr_int64_t)clp_in_flight(t, CLP_TABLE_CHANNELS, c->row.row));
    clp_status_rates(w, &row->requests, &row->tokens, scope->now);
    clp_jw_key(w, "circuit");
    clp_jw_object(w);
    clp_status_circuit(w, &row->circuit, &c->breaker, scope->now, pool);
    clp_jw_end_object(w);
    clp_jw_key(w, "resting");
    clp_status_cooling(w, &row->cooling, scope->now, pool);
    write_last(w, &row->last_success, &row->last_failure, &row->failures, pool);
    if (first_token) {
        clp_jw_kint(w, "first_token_ms", (apr_int64_t)(first_token / 1000));
    }
    else {
        clp_jw_knull(w, "first_token_ms");
    }
    write_health_check(w, row, pool);
    clp_status_results(w, "upstream_attempts", row->attempts);
    clp_status_protocols(w, "protocols", row->protocols);
    clp_status_windows(w, "windows", &scope->tables->channel_history[c->row.row], scope->now,
                       write_window);
}

/* A setting of one word, as it would be said. */
static const char *said(const clp_channel *c, clp_channel_setting_id id, apr_pool_t *pool)
{
    apr_array_header_t *lines = clp_channel_show(c, id, pool);

    return APR_ARRAY_IDX(APR_ARRAY_IDX(lines, 0, clp_setting_line).argv, 0, const char *);
}

void clp_status_write_channel(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                              apr_pool_t *pool)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "name", c->name);
    clp_jw_kstr(w, "service", said(c, CLP_SETTING_SERVICE, pool));
    clp_jw_kstr(w, "status", said(c, CLP_SETTING_STATUS, pool));
    clp_jw_kint(w, "priority", c->priority);
    clp_status_time(w, "promoted_until", c->promotion.until > scope->now ? c->promotion.until : 0,
                    pool);
    if (scope->tables && c->row.row != CLP_NO_ROW) {
        write_state(w, scope, c, pool);
    }
    write_keys(w, scope, c, pool);
    if (scope->tables) {
        write_circuits(w, scope, c, pool);
    }
    clp_jw_end_object(w);
}
