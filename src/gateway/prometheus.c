/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/prometheus.h"

#include <apr_strings.h>

#include "clp_version.h"
#include "metric_rows.h"
#include "state/children.h"
#include "state/counters.h"
#include "wire/text.h"

/* --- names ---------------------------------------------------------------------------- */

/*
 * A name from a row, good for a label: UTF-8, and like no other row's. Long names are cut in the
 * tables and bad bytes replaced here, so either gets its id behind a '~', as does who has one.
 */
static const char *label_of(const clp_row_head *head, const clp_row_name *stored, apr_pool_t *pool)
{
    char name[CLP_NAME_ROOM];
    clp_span text;
    clp_buffer *out;

    clp_row_name_get(stored->words, CLP_NAME_WORDS, name);
    text = clp_span_str(name);
    if (text.n < CLP_NAME_WORDS * 8 - 3 && clp_utf8_valid_prefix(text) == text.n &&
        !strchr(name, '~')) {
        return apr_pstrdup(pool, name);
    }
    out = clp_buffer_make(pool, 0);
    clp_utf8_repair(out, text);
    clp_buffer_printf(out, "~%016" APR_UINT64_T_HEX_FMT, clp_word_get(&head->id));
    return clp_buffer_cstr(out, pool);
}

/* Row 0 counts those that have no row: "", which nobody can be called. */
static const char *model_label(const clp_tables *t, unsigned row, apr_pool_t *pool)
{
    return row ? label_of(&t->models[row].head, &t->models[row].name, pool) : "";
}

static const char *user_label(const clp_tables *t, unsigned row, apr_pool_t *pool)
{
    return row ? label_of(&t->users[row].head, &t->users[row].name, pool) : "";
}

static int has_requests(const clp_counters *c)
{
    return clp_counters_requests(c) > 0;
}

/* --- models, by OpenTelemetry's names --------------------------------------------------- */

#define OPERATION                                                                                  \
    {                                                                                              \
        "gen_ai_operation_name", "chat"                                                            \
    }

static void write_tokens_spread(const clp_metric *m, const char *model, const char *type,
                                const apr_uint64_t words[CLP_TOKEN_SPREAD], apr_uint64_t sum)
{
    apr_uint64_t copy[CLP_TOKEN_SPREAD];
    clp_metric_spread spread = {copy, CLP_TOKEN_SPREAD, clp_token_bound, 1, sum * 1000000};

    for (int i = 0; i < CLP_TOKEN_SPREAD; i++) {
        copy[i] = clp_word_get(&words[i]);
    }
    clp_metric_histogram(
        m, CLP_LABELS(OPERATION, {"gen_ai_request_model", model}, {"gen_ai_token_type", type}),
        &spread);
}

static void token_usage(const clp_metric *m, const clp_model_row *row, const char *model)
{
    const apr_uint64_t *tokens = row->traffic.counts.tokens;

    write_tokens_spread(m, model, "input", row->prompt_tokens,
                        clp_word_get(&tokens[CLP_TOKENS_IN]) +
                            clp_word_get(&tokens[CLP_TOKENS_CACHE_READ]) +
                            clp_word_get(&tokens[CLP_TOKENS_CACHE_WRITE]));
    write_tokens_spread(m, model, "output", row->output_tokens,
                        clp_word_get(&tokens[CLP_TOKENS_OUT]));
}

static void duration(const clp_metric *m, const clp_model_row *row, const char *model)
{
    clp_metric_durations(m, CLP_LABELS(OPERATION, {"gen_ai_request_model", model}), &row->traffic);
}

static void first_token(const clp_metric *m, const clp_model_row *row, const char *model)
{
    clp_metric_first_tokens(m, CLP_LABELS(OPERATION, {"gen_ai_request_model", model}),
                            &row->traffic);
}

static void token_time(const clp_metric *m, const clp_model_row *row, const char *model)
{
    apr_uint64_t copy[CLP_PACE_SPREAD];
    clp_metric_spread spread = {copy, CLP_PACE_SPREAD, clp_pace_bound_ms, 1000,
                                clp_word_get(&row->pace_us)};

    for (int i = 0; i < CLP_PACE_SPREAD; i++) {
        copy[i] = clp_word_get(&row->pace[i]);
    }
    clp_metric_histogram(m, CLP_LABELS(OPERATION, {"gen_ai_request_model", model}), &spread);
}

static void model_requests(const clp_metric *m, const clp_model_row *row, const char *model)
{
    clp_metric_results(m, CLP_LABELS({"model", model}), row->traffic.counts.results);
}

static const struct {
    const char *name, *type, *help;
    void (*write)(const clp_metric *m, const clp_model_row *row, const char *model);
} model_families[] = {
    {"gen_ai_client_token_usage", "histogram",
     "Tokens of a request, as upstreams told; input with what the cache held.", token_usage},
    {"gen_ai_server_request_duration_seconds", "histogram",
     "Time from a request's arrival to the end of its answer.", duration},
    {"gen_ai_server_time_to_first_token_seconds", "histogram",
     "Time from a stream's request to its first token.", first_token},
    {"gen_ai_server_time_per_output_token_seconds", "histogram",
     "Time per token of a stream, after the first.", token_time},
    {"claude_proxy_model_requests_total", "counter", "Requests that ended, by model and result.",
     model_requests},
};

static void write_models(clp_buffer *out, const clp_tables *t, apr_pool_t *pool)
{
    for (apr_size_t f = 0; f < sizeof(model_families) / sizeof(model_families[0]); f++) {
        clp_metric m = clp_metric_begin(out, model_families[f].name, model_families[f].type,
                                        model_families[f].help);

        for (unsigned i = 0; i < clp_tables_rows(t, CLP_TABLE_MODELS); i++) {
            if (has_requests(&t->models[i].traffic.counts)) {
                model_families[f].write(&m, &t->models[i], model_label(t, i, pool));
            }
        }
    }
}

/* --- protocols and users ---------------------------------------------------------------- */

#define EACH_PROTOCOL(p, t)                                                                        \
    for (int p = 0; p < CLP_PROTOCOLS; p++)                                                        \
        if (has_requests(&(t)->head->protocols[p].counts))

#define PROTOCOL(p) CLP_LABELS({"protocol", clp_protocol_name((clp_protocol)(p))})

static void write_protocols(clp_buffer *out, const clp_tables *t)
{
    clp_metric m = clp_metric_begin(out, "claude_proxy_requests_total", "counter",
                                    "Requests that ended, by client protocol and result.");
    EACH_PROTOCOL(p, t)
    {
        clp_metric_results(&m, PROTOCOL(p), t->head->protocols[p].counts.results);
    }
    m = clp_metric_begin(out, "claude_proxy_request_attempts_total", "counter",
                         "Upstream attempts that these requests took.");
    EACH_PROTOCOL(p, t)
    {
        clp_metric_count(&m, PROTOCOL(p), clp_word_get(&t->head->protocols[p].counts.attempts));
    }
    m = clp_metric_begin(out, "claude_proxy_tokens_total", "counter",
                         "Tokens of all requests, by client protocol.");
    EACH_PROTOCOL(p, t)
    {
        clp_metric_tokens(&m, PROTOCOL(p), t->head->protocols[p].counts.tokens);
    }
}

static void write_users(clp_buffer *out, const clp_tables *t, apr_pool_t *pool)
{
    clp_metric m = clp_metric_begin(out, "claude_proxy_user_requests_total", "counter",
                                    "Requests that ended, by user and result.");
    unsigned rows = clp_tables_rows(t, CLP_TABLE_USERS);

    for (unsigned i = 0; i < rows; i++) {
        if (has_requests(&t->users[i].counts)) {
            clp_metric_results(&m, CLP_LABELS({"user", user_label(t, i, pool)}),
                               t->users[i].counts.results);
        }
    }
    m = clp_metric_begin(out, "claude_proxy_user_tokens_total", "counter", "Tokens by user.");
    for (unsigned i = 0; i < rows; i++) {
        if (has_requests(&t->users[i].counts)) {
            clp_metric_tokens(&m, CLP_LABELS({"user", user_label(t, i, pool)}),
                              t->users[i].counts.tokens);
        }
    }
}

/* --- the server ------------------------------------------------------------------------- */

static void write_one(clp_buffer *out, const char *name, const char *type, const char *help,
                      apr_uint64_t n)
{
    clp_metric m = clp_metric_begin(out, name, type, help);
    clp_metric_count(&m, CLP_NO_LABELS, n);
}

static void write_ledger(clp_buffer *out, const clp_tables *t)
{
    clp_ledger_counts counts;

    clp_ledger_count(t->ledger, &counts);
    write_one(out, "claude_proxy_bookings_posted_total", "counter", "Results that were told.",
              counts.posted);
    write_one(out, "claude_proxy_bookings_entered_total", "counter",
              "Of these, those that are counted.", counts.entered);
    write_one(out, "claude_proxy_bookings_lost_total", "counter",
              "Results for which there was no room.", counts.lost);
    write_one(out, "claude_proxy_bookings_skipped_total", "counter",
              "Results of processes that were killed while telling.", counts.skipped);
}

static void write_spans(clp_buffer *out, const clp_span_ring *ring)
{
    clp_span_counts counts;

    clp_span_ring_count(ring, &counts);
    write_one(out, "claude_proxy_spans_waiting", "gauge", "Spans that are not sent yet.",
              counts.waiting);
    write_one(out, "claude_proxy_spans_sent_total", "counter", "Spans that a collector took.",
              counts.sent);
    write_one(out, "claude_proxy_spans_dropped_total", "counter",
              "Spans for which there was no room.", counts.dropped);
    write_one(out, "claude_proxy_spans_refused_total", "counter",
              "Spans that did not reach the collector, or that it did not want.", counts.refused);
    write_one(out, "claude_proxy_spans_lost_total", "counter",
              "Spans of processes that were killed while telling.", counts.lost);
}

static void write_children(clp_buffer *out, const clp_tables *t)
{
    const clp_child_row *row;
    apr_uint64_t children = 0, in_flight = 0;

    for (unsigned i = 0; (row = clp_child_at(t, i)) != NULL; i++) {
        if (clp_word_get(&row->pid)) {
            children++;
            in_flight += clp_child_in_flight(t, row);
        }
    }
    write_one(out, "claude_proxy_children", "gauge", "Processes that serve.", children);
    write_one(out, "claude_proxy_in_flight", "gauge", "Attempts that run, over all channels.",
              in_flight);
}

static void write_tables(clp_buffer *out, const clp_tables *t)
{
    static const clp_table_kind kinds[] = {CLP_TABLE_CHANNELS, CLP_TABLE_KEYS, CLP_TABLE_CIRCUITS,
                                           CLP_TABLE_MODELS, CLP_TABLE_USERS};
    clp_metric m = clp_metric_begin(out, "claude_proxy_table_rows", "gauge",
                                    "Rows of a table in shared memory.");

    for (apr_size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        clp_metric_count(&m, CLP_LABELS({"table", t->layout[kinds[k]].name}),
                         clp_tables_rows(t, kinds[k]) - 1);
    }
    m = clp_metric_begin(out, "claude_proxy_table_rows_used", "gauge", "Of these, those in use.");
    for (apr_size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        apr_uint64_t used = 0;

        for (unsigned i = 1; i < clp_tables_rows(t, kinds[k]); i++) {
            used += clp_word_get(&clp_tables_head(t, kinds[k], i)->id) != 0;
        }
        clp_metric_count(&m, CLP_LABELS({"table", t->layout[kinds[k]].name}), used);
    }
}

static void write_sessions(clp_buffer *out, const clp_session_usage *usage)
{
    write_one(out, "claude_proxy_sessions", "gauge",
              "Responses, and reasoning kept for Chat clients, in shared memory.", usage->values);
    write_one(out, "claude_proxy_session_used_bytes", "gauge", "Memory that they fill.",
              usage->bytes);
    write_one(out, "claude_proxy_session_memory_bytes", "gauge", "Memory that they may fill.",
              usage->room);
}

static void write_server(clp_buffer *out, const clp_overview *o)
{
    clp_metric m = clp_metric_begin(out, "claude_proxy_info", "gauge",
                                    "1, labelled with the module's version.");

    clp_metric_count(&m, CLP_LABELS({"version", CLP_VERSION}), 1);
    write_one(out, "claude_proxy_overlay_revision", "gauge",
              "Revision of the channels that were changed at run time.", (apr_uint64_t)o->revision);
    write_one(out, "claude_proxy_overlay_broken", "gauge",
              "1 if the file of such changes cannot be used.", o->overlay_error != NULL);
    write_one(out, "claude_proxy_shared_memory_bytes", "gauge",
              "Shared memory set aside, all tables together.", o->shared_bytes);
    write_one(out, "claude_proxy_bindings", "gauge", "Conversations bound to a channel.",
              o->bindings);
    write_one(out, "claude_proxy_threads", "gauge", "Message threads whose place is known.",
              o->threads);
    if (o->has_sessions) {
        write_sessions(out, &o->sessions);
    }
}

static void write_state(clp_buffer *out, const clp_tables *t, apr_pool_t *pool)
{
    clp_metric m = clp_metric_begin(out, "claude_proxy_counters_created_timestamp_seconds", "gauge",
                                    "When the counters began.");

    clp_metric_seconds(&m, CLP_NO_LABELS, clp_word_get(&t->head->born));
    write_one(out, "claude_proxy_config_generation", "gauge",
              "How often a configuration was taken into use.", clp_word_get(&t->head->generation));
    write_protocols(out, t);
    write_models(out, t, pool);
    write_users(out, t, pool);
    write_children(out, t);
    write_ledger(out, t);
    write_tables(out, t);
}

void clp_metrics_write(clp_buffer *out, const clp_overview *o, apr_pool_t *pool)
{
    write_server(out, o);
    if (o->scope.tables) {
        write_state(out, o->scope.tables, pool);
    }
    if (o->scope.spans) {
        write_spans(out, o->scope.spans);
    }
    clp_metrics_of_channels(out, &o->scope);
}
