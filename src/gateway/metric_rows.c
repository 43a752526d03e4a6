/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "metric_rows.h"

#include "sched/breaker.h"
#include "state/children.h"
#include "state/counters.h"

/* --- parts ---------------------------------------------------------------------------- */

/* The labels, another one, and the end. */
static void extend(clp_metric_label out[CLP_METRIC_LABELS + 2], const clp_metric_label *labels,
                   const char *name, const char *value)
{
    int n = 0;

    for (; n < CLP_METRIC_LABELS && labels[n].name; n++) {
        out[n] = labels[n];
    }
    out[n].name = name;
    out[n].value = value;
    out[n + 1].name = NULL;
}

void clp_metric_results(const clp_metric *m, const clp_metric_label *labels,
                        const apr_uint64_t results[CLP_BOOKED_ROOM])
{
    clp_metric_label all[CLP_METRIC_LABELS + 2];

    for (int i = 0; i < CLP_BOOKED_RESULTS; i++) {
        apr_uint64_t n = clp_word_get(&results[i]);

        if (n || i == CLP_BOOKED_SUCCESS) {
            extend(all, labels, "result", clp_booked_name((clp_booked)i));
            clp_metric_count(m, all, n);
        }
    }
}

void clp_metric_tokens(const clp_metric *m, const clp_metric_label *labels,
                       const apr_uint64_t tokens[CLP_TOKEN_KINDS])
{
    static const char *const types[CLP_TOKEN_KINDS] = {"input", "output", "cache_read",
                                                       "cache_write", "reasoning"};
    clp_metric_label all[CLP_METRIC_LABELS + 2];

    for (int i = 0; i < CLP_TOKEN_KINDS; i++) {
        extend(all, labels, "type", types[i]);
        clp_metric_count(m, all, clp_word_get(&tokens[i]));
    }
}

static void write_times(const clp_metric *m, const clp_metric_label *labels,
                        const apr_uint64_t buckets[CLP_HISTOGRAM], apr_uint64_t sum_us)
{
    apr_uint64_t copy[CLP_HISTOGRAM];
    clp_metric_spread spread = {copy, CLP_HISTOGRAM, clp_histogram_bound_ms, 1000, sum_us};

    for (int i = 0; i < CLP_HISTOGRAM; i++) {
        copy[i] = clp_word_get(&buckets[i]);
    }
    clp_metric_histogram(m, labels, &spread);
}

void clp_metric_durations(const clp_metric *m, const clp_metric_label *labels,
                          const clp_traffic *traffic)
{
    write_times(m, labels, traffic->duration, clp_word_get(&traffic->counts.duration_ms) * 1000);
}

void clp_metric_first_tokens(const clp_metric *m, const clp_metric_label *labels,
                             const clp_traffic *traffic)
{
    write_times(m, labels, traffic->first_token, clp_word_get(&traffic->counts.first_token_us));
}

/* --- channels ------------------------------------------------------------------------- */

/* Samples of one channel in one family; `row` is NULL for a channel without state. */
typedef void channel_fn(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                        const clp_channel_row *row);

#define OF(c) CLP_LABELS({"channel", (c)->name})

static void status(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                   const clp_channel_row *row)
{
    (void)scope;
    (void)row;
    clp_metric_count(m, OF(c), c->status == CLP_CHANNEL_ACTIVE);
}

static void in_flight(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                      const clp_channel_row *row)
{
    (void)row;
    clp_metric_count(m, OF(c), clp_in_flight(scope->tables, CLP_TABLE_CHANNELS, c->row.row));
}

static void attempts(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                     const clp_channel_row *row)
{
    (void)scope;
    clp_metric_results(m, OF(c), row->attempts);
}

static void requests(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                     const clp_channel_row *row)
{
    (void)scope;
    for (int p = 0; p < CLP_PROTOCOLS; p++) {
        const clp_counters *counts = &row->protocols[p].counts;

        if (clp_counters_requests(counts)) {
            clp_metric_results(
                m,
                CLP_LABELS({"channel", c->name}, {"protocol", clp_protocol_name((clp_protocol)p)}),
                counts->results);
        }
    }
}

static void tokens(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                   const clp_channel_row *row)
{
    apr_uint64_t sums[CLP_TOKEN_KINDS] = {0};

    (void)scope;
    for (int p = 0; p < CLP_PROTOCOLS; p++) {
        for (int i = 0; i < CLP_TOKEN_KINDS; i++) {
            sums[i] += clp_word_get(&row->protocols[p].counts.tokens[i]);
        }
    }
    clp_metric_tokens(m, OF(c), sums);
}

/* Of all protocols together: who asks matters little for how long a channel takes. */
static clp_traffic all_traffic(const clp_channel_row *row)
{
    clp_traffic sum;

    memset(&sum, 0, sizeof(sum));
    for (int p = 0; p < CLP_PROTOCOLS; p++) {
        const clp_traffic *t = &row->protocols[p];

        for (int i = 0; i < CLP_HISTOGRAM; i++) {
            sum.duration[i] += clp_word_get(&t->duration[i]);
            sum.first_token[i] += clp_word_get(&t->first_token[i]);
        }
        sum.counts.duration_ms += clp_word_get(&t->counts.duration_ms);
        sum.counts.first_token_us += clp_word_get(&t->counts.first_token_us);
    }
    return sum;
}

static void durations(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                      const clp_channel_row *row)
{
    clp_traffic sum = all_traffic(row);

    (void)scope;
    clp_metric_durations(m, OF(c), &sum);
}

static void first_tokens(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                         const clp_channel_row *row)
{
    clp_traffic sum = all_traffic(row);

    (void)scope;
    clp_metric_first_tokens(m, OF(c), &sum);
}

static void circuit(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                    const clp_channel_row *row)
{
    clp_breaker_state now = clp_breaker_look(&row->circuit, &c->breaker, scope->now);

    for (int s = CLP_BREAKER_CLOSED; s <= CLP_BREAKER_HALF_OPEN; s++) {
        clp_metric_count(m,
                         CLP_LABELS({"channel", c->name},
                                    {"state", clp_breaker_state_name((clp_breaker_state)s)}),
                         now == (clp_breaker_state)s);
    }
}

static void trips(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                  const clp_channel_row *row)
{
    (void)scope;
    clp_metric_count(m, OF(c), clp_word_get(&row->circuit.trips));
}

/* Ways of a URL with a key that get no requests. */
static void open_circuits(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                          const clp_channel_row *row)
{
    int ways = c->urls->nelts * (c->keys->nelts ? c->keys->nelts : 1);
    unsigned open = 0;

    (void)row;
    for (int i = 0; c->circuits && i < ways; i++) {
        unsigned n = c->circuits[i].row;
        open += n != CLP_NO_ROW && clp_breaker_look(&scope->tables->circuits[n].circuit,
                                                    &c->breaker, scope->now) == CLP_BREAKER_OPEN;
    }
    clp_metric_count(m, OF(c), open);
}

static int rests(const clp_cooling *cooling, apr_time_t now)
{
    return (apr_time_t)clp_word_get(&cooling->until) > now;
}

static void resting(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                    const clp_channel_row *row)
{
    clp_metric_count(m, OF(c), rests(&row->cooling, scope->now));
}

static void keys(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                 const clp_channel_row *row)
{
    (void)scope;
    (void)row;
    clp_metric_count(m, OF(c), (apr_uint64_t)c->keys->nelts);
}

static void resting_keys(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                         const clp_channel_row *row)
{
    unsigned n = 0;

    (void)row;
    for (int i = 0; i < c->keys->nelts; i++) {
        unsigned k = APR_ARRAY_IDX(c->keys, i, clp_key).row.row;
        n += k != CLP_NO_ROW && rests(&scope->tables->keys[k].cooling, scope->now);
    }
    clp_metric_count(m, OF(c), n);
}

static void last_success(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                         const clp_channel_row *row)
{
    (void)scope;
    clp_metric_seconds(m, OF(c), clp_word_get(&row->last_success));
}

static void last_failure(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                         const clp_channel_row *row)
{
    (void)scope;
    clp_metric_seconds(m, OF(c), clp_word_get(&row->last_failure));
}

static void key_attempts(const clp_metric *m, const clp_status_scope *scope, const clp_channel *c,
                         const clp_channel_row *row)
{
    (void)row;
    for (int i = 0; i < c->keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(c->keys, i, clp_key);

        if (key->row.row != CLP_NO_ROW) {
            clp_metric_results(m, CLP_LABELS({"channel", c->name}, {"key", key->id}),
                               scope->tables->keys[key->row.row].attempts);
        }
    }
}

static const struct {
    const char *name, *type, *help;
    int stateless; /* of channels without a row, too */
    channel_fn *write;
} families[] = {
    {"claude_proxy_channel_active", "gauge", "1 if the channel gets requests as configured.", 1,
     status},
    {"claude_proxy_channel_keys", "gauge", "Keys of the channel in use.", 1, keys},
    {"claude_proxy_channel_in_flight", "gauge", "Attempts that run.", 0, in_flight},
    {"claude_proxy_channel_attempts_total", "counter", "Attempts that ended, by result.", 0,
     attempts},
    {"claude_proxy_channel_requests_total", "counter",
     "Requests that ended at the channel, by client protocol and result.", 0, requests},
    {"claude_proxy_channel_tokens_total", "counter",
     "Tokens of requests that ended at the channel.", 0, tokens},
    {"claude_proxy_channel_request_duration_seconds", "histogram",
     "Time of requests that ended at the channel.", 0, durations},
    {"claude_proxy_channel_time_to_first_token_seconds", "histogram",
     "Time to the first token of streams that ended at the channel.", 0, first_tokens},
    {"claude_proxy_channel_circuit", "gauge", "1 for the state of the channel's circuit breaker.",
     0, circuit},
    {"claude_proxy_channel_circuit_trips_total", "counter",
     "How often the channel's circuit breaker opened.", 0, trips},
    {"claude_proxy_channel_open_circuits", "gauge",
     "Pairs of URL and key whose circuit breaker is open.", 0, open_circuits},
    {"claude_proxy_channel_resting", "gauge", "1 if the channel rests as a whole.", 0, resting},
    {"claude_proxy_channel_resting_keys", "gauge", "Keys that rest.", 0, resting_keys},
    {"claude_proxy_channel_last_success_timestamp_seconds", "gauge",
     "When an attempt last succeeded; 0 = never.", 0, last_success},
    {"claude_proxy_channel_last_failure_timestamp_seconds", "gauge",
     "When an attempt last failed; 0 = never.", 0, last_failure},
    {"claude_proxy_key_attempts_total", "counter", "Attempts with a key, by its id and result.", 0,
     key_attempts},
};

void clp_metrics_of_channels(clp_buffer *out, const clp_status_scope *scope)
{
    for (apr_size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        clp_metric m = clp_metric_begin(out, families[f].name, families[f].type, families[f].help);

        for (int i = 0; i < scope->channels->nelts; i++) {
            const clp_channel *c = APR_ARRAY_IDX(scope->channels, i, const clp_channel *);
            int known = scope->tables && c->row.row != CLP_NO_ROW;

            if (known || families[f].stateless) {
                families[f].write(&m, scope, c,
                                  known ? &scope->tables->channels[c->row.row] : NULL);
            }
        }
    }
}
