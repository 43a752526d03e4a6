/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "status_parts.h"

#include <apr_strings.h>

#include "state/counters.h"
#include "state/rate_window.h"
#include "wire/instant.h"

static void write_count(clp_jw *w, const char *name, apr_uint64_t n)
{
    clp_jw_kint(w, name, (apr_int64_t)n);
}

static void write_word(clp_jw *w, const char *name, const apr_uint64_t *word)
{
    write_count(w, name, clp_word_get(word));
}

void clp_status_time(clp_jw *w, const char *name, apr_time_t when, apr_pool_t *pool)
{
    if (when) {
        clp_jw_kstr(w, name, clp_instant_text(when, pool));
    }
    else {
        clp_jw_knull(w, name);
    }
}

const char *clp_status_model_name(const clp_tables *t, apr_uint64_t id, apr_pool_t *pool)
{
    clp_row_ref ref = clp_tables_find(t, CLP_TABLE_MODELS, id);
    char *name = apr_palloc(pool, CLP_NAME_ROOM);

    if (ref.row == CLP_NO_ROW) {
        return apr_psprintf(pool, "#%" APR_UINT64_T_HEX_FMT, id);
    }
    clp_row_name_get(t->models[ref.row].name.words, CLP_NAME_WORDS, name);
    return name;
}

void clp_status_results(clp_jw *w, const char *name, const apr_uint64_t results[CLP_BOOKED_ROOM])
{
    clp_jw_key(w, name);
    clp_jw_object(w);
    for (int i = 0; i < CLP_BOOKED_RESULTS; i++) {
        apr_uint64_t n = clp_word_get(&results[i]);
        if (n) {
            write_count(w, clp_booked_name((clp_booked)i), n);
        }
    }
    clp_jw_end_object(w);
}

void clp_status_counters(clp_jw *w, const clp_counters *counts)
{
    write_count(w, "requests", clp_counters_requests(counts));
    write_count(w, "failures", clp_counters_failures(counts));
    clp_status_results(w, "results", counts->results);
    write_word(w, "attempts", &counts->attempts);
    clp_jw_key(w, "tokens");
    clp_jw_object(w);
    write_word(w, "in", &counts->tokens[CLP_TOKENS_IN]);
    write_word(w, "out", &counts->tokens[CLP_TOKENS_OUT]);
    write_word(w, "cache_read", &counts->tokens[CLP_TOKENS_CACHE_READ]);
    write_word(w, "cache_write", &counts->tokens[CLP_TOKENS_CACHE_WRITE]);
    write_word(w, "reasoning", &counts->tokens[CLP_TOKENS_REASONING]);
    clp_jw_end_object(w);
    write_word(w, "first_tokens", &counts->first_tokens);
    write_count(w, "first_token_ms", clp_word_get(&counts->first_token_us) / 1000);
    write_word(w, "duration_ms", &counts->duration_ms);
}

/* Bounds and what fell below each, the ones below it left out; empty buckets are not told. */
static void write_histogram(clp_jw *w, const char *name, const apr_uint64_t buckets[CLP_HISTOGRAM])
{
    clp_jw_key(w, name);
    clp_jw_array(w);
    for (int i = 0; i < CLP_HISTOGRAM; i++) {
        apr_int64_t bound = clp_histogram_bound_ms(i);
        apr_uint64_t n = clp_word_get(&buckets[i]);
        if (!n) {
            continue;
        }
        clp_jw_object(w);
        if (bound < 0) {
            clp_jw_knull(w, "up_to_ms");
        }
        else {
            clp_jw_kint(w, "up_to_ms", bound);
        }
        write_count(w, "requests", n);
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
}

void clp_status_traffic(clp_jw *w, const clp_traffic *traffic)
{
    clp_jw_object(w);
    clp_status_counters(w, &traffic->counts);
    write_histogram(w, "first_token_spread", traffic->first_token);
    write_histogram(w, "duration_spread", traffic->duration);
    clp_jw_end_object(w);
}

void clp_status_protocols(clp_jw *w, const char *name, const clp_traffic traffic[CLP_PROTOCOLS])
{
    clp_jw_key(w, name);
    clp_jw_object(w);
    for (int p = 0; p < CLP_PROTOCOLS; p++) {
        if (clp_counters_requests(&traffic[p].counts)) {
            clp_jw_key(w, clp_protocol_name((clp_protocol)p));
            clp_status_traffic(w, &traffic[p]);
        }
    }
    clp_jw_end_object(w);
}

void clp_status_circuit(clp_jw *w, const clp_circuit *circuit, const clp_breaker_policy *policy,
                        apr_time_t now, apr_pool_t *pool)
{
    clp_breaker_state state = clp_breaker_look(circuit, policy, now);
    clp_jw_kstr(w, "state", policy->on ? clp_breaker_state_name(state) : "off");
    clp_jw_kint(w, "failures_percent", clp_breaker_percent(circuit, policy));
    clp_status_time(
        w, "open_until",
        state == CLP_BREAKER_CLOSED ? 0 : (apr_time_t)clp_word_get(&circuit->open_until), pool);
    clp_status_time(w, "opened_at", (apr_time_t)clp_word_get(&circuit->opened_at), pool);
    write_word(w, "trips", &circuit->trips);
    clp_jw_kbool(w, "probed", (apr_time_t)clp_word_get(&circuit->probe) > now);
}

void clp_status_cooling(clp_jw *w, const clp_cooling *cooling, apr_time_t now, apr_pool_t *pool)
{
    apr_time_t until = (apr_time_t)clp_word_get(&cooling->until);
    if (until <= now) {
        clp_jw_null(w);
        return;
    }
    clp_jw_object(w);
    clp_status_time(w, "until", until, pool);
    clp_jw_kbool(w, "told", clp_word_get(&cooling->told) != 0);
    write_word(w, "in_a_row", &cooling->failures);
    clp_jw_end_object(w);
}

void clp_status_rates(clp_jw *w, const clp_rate_window *requests, const clp_rate_window *tokens,
                      apr_time_t now)
{
    clp_jw_key(w, "last_minute");
    clp_jw_object(w);
    write_count(w, "requests", clp_rate_sum(requests, now));
    write_count(w, "tokens", clp_rate_sum(tokens, now));
    clp_jw_end_object(w);
}

void clp_status_ledger(clp_jw *w, const clp_tables *t)
{
    clp_ledger_counts counts;

    clp_ledger_count(t->ledger, &counts);
    clp_jw_key(w, "ledger");
    clp_jw_object(w);
    clp_jw_kint(w, "posted", (apr_int64_t)counts.posted);
    clp_jw_kint(w, "entered", (apr_int64_t)counts.entered);
    clp_jw_kint(w, "lost", (apr_int64_t)counts.lost);
    clp_jw_kint(w, "skipped", (apr_int64_t)counts.skipped);
    clp_jw_end_object(w);
}

void clp_status_windows(clp_jw *w, const char *name, clp_channel_history *h, apr_time_t now,
                        clp_status_sums_fn *write_sums)
{
    const struct {
        const char *name;
        clp_history history;
        int minutes;
    } windows[] = {{"15m", clp_history_seconds(h), 15},
                   {"1h", clp_history_minutes(h), 60},
                   {"6h", clp_history_minutes(h), 6 * 60},
                   {"24h", clp_history_minutes(h), 24 * 60}};

    clp_jw_key(w, name);
    clp_jw_object(w);
    for (apr_size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        clp_history_sums sums;

        clp_history_sum(windows[i].history, now, apr_time_from_sec(windows[i].minutes * 60), &sums);
        clp_jw_key(w, windows[i].name);
        clp_jw_object(w);
        write_sums(w, &sums);
        clp_jw_end_object(w);
    }
    clp_jw_end_object(w);
}
