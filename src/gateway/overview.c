/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/overview.h"

#include <apr_strings.h>

#include "clp_version.h"
#include "state/children.h"
#include "state/history.h"
#include "wire/instant.h"

#define SHORT apr_time_from_sec(15 * 60)
#define DAY   apr_time_from_sec(24 * 3600)

clp_overview_window clp_overview_of_channel(const clp_status_scope *scope, const clp_channel *c,
                                            apr_interval_time_t span)
{
    clp_channel_history *history = &scope->tables->channel_history[c->row.row];
    clp_overview_window window;
    clp_history_sums sums;
    int rate;

    clp_history_sum(span > SHORT ? clp_history_minutes(history) : clp_history_seconds(history),
                    scope->now, span, &sums);
    window.attempts = sums.of[CLP_POINT_REQUESTS];
    window.tokens_in = sums.of[CLP_POINT_TOKENS_IN] + sums.of[CLP_POINT_CACHE_READ] +
                       sums.of[CLP_POINT_CACHE_WRITE];
    window.tokens_out = sums.of[CLP_POINT_TOKENS_OUT];
    rate = clp_history_success_rate(&sums);
    window.success_percent = rate < 0 ? -1 : rate / 100;
    return window;
}

static const char *status_name(clp_channel_status status)
{
    return status == CLP_CHANNEL_ACTIVE      ? "active"
           : status == CLP_CHANNEL_SUSPENDED ? "suspended"
                                             : "disabled";
}

static int has_state(const clp_overview *o, const clp_channel *c)
{
    return o->scope.tables && c->row.row != CLP_NO_ROW;
}

static int rests(const clp_cooling *cooling, apr_time_t now)
{
    return (apr_time_t)clp_word_get(&cooling->until) > now;
}

/* "closed", "open", "half_open"; "off" without a breaker; with a rest behind it. */
static const char *circuit_of(const clp_overview *o, const clp_channel *c, apr_pool_t *pool)
{
    const clp_channel_row *row = &o->scope.tables->channels[c->row.row];
    const char *state =
        c->breaker.on
            ? clp_breaker_state_name(clp_breaker_look(&row->circuit, &c->breaker, o->scope.now))
            : "off";

    return rests(&row->cooling, o->scope.now) ? apr_pstrcat(pool, state, ", resting", NULL) : state;
}

static int resting_keys(const clp_overview *o, const clp_channel *c)
{
    int n = 0;

    for (int i = 0; i < c->keys->nelts; i++) {
        unsigned row = APR_ARRAY_IDX(c->keys, i, clp_key).row.row;
        n += row != CLP_NO_ROW && rests(&o->scope.tables->keys[row].cooling, o->scope.now);
    }
    return n;
}

static apr_uint64_t in_flight(const clp_overview *o, unsigned *children)
{
    const clp_child_row *row;
    apr_uint64_t sum = 0;

    *children = 0;
    for (unsigned i = 0; (row = clp_child_at(o->scope.tables, i)) != NULL; i++) {
        if (clp_word_get(&row->pid)) {
            sum += clp_child_in_flight(o->scope.tables, row);
            (*children)++;
        }
    }
    return sum;
}

static const char *time_text(const apr_uint64_t *word, apr_pool_t *pool)
{
    apr_uint64_t when = clp_word_get(word);
    return when ? clp_instant_text((apr_time_t)when, pool) : "-";
}

static const char *percent_text(int percent, apr_pool_t *pool)
{
    return percent < 0 ? "-" : apr_psprintf(pool, "%d%%", percent);
}

/* --- the page --------------------------------------------------------------------------- */

static void put_html(clp_buffer *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        switch (*p) {
        case '<': clp_buffer_lit(out, "&lt;"); break;
        case '>': clp_buffer_lit(out, "&gt;"); break;
        case '&': clp_buffer_lit(out, "&amp;"); break;
        case '"': clp_buffer_lit(out, "&quot;"); break;
        default: clp_buffer_putc(out, *p);
        }
    }
}

static void put_cell(clp_buffer *out, const char *text)
{
    clp_buffer_lit(out, "<td>");
    put_html(out, text);
    clp_buffer_lit(out, "</td>");
}

static void put_window(clp_buffer *out, const clp_overview_window *w, apr_pool_t *pool)
{
    put_cell(out, apr_psprintf(pool, "%" APR_UINT64_T_FMT, w->attempts));
    put_cell(out, percent_text(w->success_percent, pool));
}

static void put_state(clp_buffer *out, const clp_overview *o, const clp_channel *c,
                      apr_pool_t *pool)
{
    const clp_channel_row *row = &o->scope.tables->channels[c->row.row];
    clp_overview_window recent = clp_overview_of_channel(&o->scope, c, SHORT);
    clp_overview_window day = clp_overview_of_channel(&o->scope, c, DAY);

    put_cell(out, circuit_of(o, c, pool));
    put_cell(out, apr_psprintf(pool, "%" APR_UINT64_T_FMT,
                               clp_in_flight(o->scope.tables, CLP_TABLE_CHANNELS, c->row.row)));
    put_window(out, &recent, pool);
    put_window(out, &day, pool);
    put_cell(out, apr_psprintf(pool, "%" APR_UINT64_T_FMT " / %" APR_UINT64_T_FMT, day.tokens_in,
                               day.tokens_out));
    put_cell(out, apr_psprintf(pool, "%" APR_UINT64_T_FMT " ms",
                               clp_word_get(&row->first_token_us) / 1000));
    put_cell(out, apr_psprintf(pool, "%d (%d resting)", c->keys->nelts, resting_keys(o, c)));
    put_cell(out, time_text(&row->last_success, pool));
    put_cell(out, time_text(&row->last_failure, pool));
}

static void put_channels(clp_buffer *out, const clp_overview *o, apr_pool_t *pool)
{
    clp_buffer_lit(out, "<table border=\"0\"><tr><th>Channel</th><th>Status</th><th>Circuit</th>"
                        "<th>In flight</th><th>15 min</th><th>OK</th><th>24 h</th><th>OK</th>"
                        "<th>Tokens in / out, 24 h</th><th>First token</th><th>Keys</th>"
                        "<th>Last success</th><th>Last failure</th></tr>\n");
    for (int i = 0; i < o->scope.channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(o->scope.channels, i, const clp_channel *);

        clp_buffer_lit(out, "<tr>");
        put_cell(out, c->name);
        put_cell(out, status_name(c->status));
        if (has_state(o, c)) {
            put_state(out, o, c, pool);
        }
        clp_buffer_lit(out, "</tr>\n");
    }
    clp_buffer_lit(out, "</table>\n");
}

static void put_facts(clp_buffer *out, const clp_overview *o)
{
    clp_ledger_counts counts;
    unsigned children;
    apr_uint64_t running = in_flight(o, &children);

    clp_ledger_count(o->scope.tables->ledger, &counts);
    clp_buffer_printf(out,
                      "<dt>%" APR_UINT64_T_FMT " attempts in flight in %u processes; generation "
                      "%" APR_UINT64_T_FMT "</dt>\n",
                      running, children, clp_word_get(&o->scope.tables->head->generation));
    clp_buffer_printf(
        out, "<dt>%" APR_UINT64_T_FMT " results counted, %" APR_UINT64_T_FMT " lost</dt>\n",
        counts.entered, counts.lost);
}

void clp_overview_html(clp_buffer *out, const clp_overview *o, apr_pool_t *pool)
{
    clp_buffer_lit(out, "<hr />\n<h2>Claude proxy " CLP_VERSION "</h2>\n<dl>\n");
    if (o->scope.tables) {
        put_facts(out, o);
    }
    clp_buffer_printf(out, "<dt>Channels changed at run time: revision %" APR_INT64_T_FMT,
                      o->revision);
    if (o->overlay_error) {
        clp_buffer_lit(out, "; the file is not in force: ");
        put_html(out, o->overlay_error);
    }
    clp_buffer_lit(out, "</dt>\n");
    if (o->has_sessions) {
        clp_buffer_printf(out,
                          "<dt>%" APR_UINT64_T_FMT
                          " responses and thoughts stored, %" APR_UINT64_T_FMT
                          " of %" APR_UINT64_T_FMT " KB</dt>\n",
                          o->sessions.values, o->sessions.bytes / 1024, o->sessions.room / 1024);
    }
    clp_buffer_printf(out,
                      "<dt>%" APR_UINT64_T_FMT " conversations bound, %" APR_UINT64_T_FMT
                      " message threads; %" APR_UINT64_T_FMT
                      " KB of shared memory set aside</dt>\n</dl>\n",
                      o->bindings, o->threads, o->shared_bytes / 1024);
    put_channels(out, o, pool);
}

/* --- ?auto ------------------------------------------------------------------------------- */

static void put_number(clp_buffer *out, const char *name, apr_uint64_t n)
{
    clp_buffer_printf(out, "ClaudeProxy%s: %" APR_UINT64_T_FMT "\n", name, n);
}

static void put_channel_text(clp_buffer *out, int i, const char *name, const char *value)
{
    clp_buffer_printf(out, "ClaudeProxyChannel[%d]%s: %s\n", i, name, value);
}

static void put_channel_number(clp_buffer *out, int i, const char *name, apr_uint64_t n)
{
    clp_buffer_printf(out, "ClaudeProxyChannel[%d]%s: %" APR_UINT64_T_FMT "\n", i, name, n);
}

static void put_channel_auto(clp_buffer *out, const clp_overview *o, int i, const clp_channel *c,
                             apr_pool_t *pool)
{
    clp_overview_window recent, day;

    put_channel_text(out, i, "Name", c->name);
    put_channel_text(out, i, "Status", status_name(c->status));
    put_channel_number(out, i, "Keys", (apr_uint64_t)c->keys->nelts);
    if (!has_state(o, c)) {
        return;
    }
    recent = clp_overview_of_channel(&o->scope, c, SHORT);
    day = clp_overview_of_channel(&o->scope, c, DAY);
    put_channel_text(out, i, "Circuit", circuit_of(o, c, pool));
    put_channel_number(out, i, "RestingKeys", (apr_uint64_t)resting_keys(o, c));
    put_channel_number(out, i, "InFlight",
                       clp_in_flight(o->scope.tables, CLP_TABLE_CHANNELS, c->row.row));
    put_channel_number(out, i, "Attempts15m", recent.attempts);
    put_channel_text(out, i, "Success15m", percent_text(recent.success_percent, pool));
    put_channel_number(out, i, "Attempts24h", day.attempts);
    put_channel_text(out, i, "Success24h", percent_text(day.success_percent, pool));
    put_channel_number(out, i, "TokensIn24h", day.tokens_in);
    put_channel_number(out, i, "TokensOut24h", day.tokens_out);
}

static void put_auto_facts(clp_buffer *out, const clp_overview *o)
{
    const clp_tables *t = o->scope.tables;
    clp_ledger_counts counts;
    unsigned children;

    clp_ledger_count(t->ledger, &counts);
    put_number(out, "InFlight", in_flight(o, &children));
    put_number(out, "Processes", children);
    put_number(out, "Generation", clp_word_get(&t->head->generation));
    put_number(out, "ResultsCounted", counts.entered);
    put_number(out, "ResultsLost", counts.lost);
}

static void put_auto_spans(clp_buffer *out, const clp_span_ring *ring)
{
    clp_span_counts counts;

    clp_span_ring_count(ring, &counts);
    put_number(out, "SpansSent", counts.sent);
    put_number(out, "SpansDropped", counts.dropped + counts.refused + counts.lost);
}

void clp_overview_auto(clp_buffer *out, const clp_overview *o, apr_pool_t *pool)
{
    clp_buffer_lit(out, "ClaudeProxyVersion: " CLP_VERSION "\n");
    if (o->scope.tables) {
        put_auto_facts(out, o);
    }
    put_number(out, "OverlayRevision", (apr_uint64_t)o->revision);
    put_number(out, "OverlayBroken", o->overlay_error != NULL);
    if (o->has_sessions) {
        put_number(out, "Sessions", o->sessions.values);
        put_number(out, "SessionBytes", o->sessions.bytes);
    }
    put_number(out, "Bindings", o->bindings);
    put_number(out, "Threads", o->threads);
    put_number(out, "SharedBytes", o->shared_bytes);
    if (o->scope.spans) {
        put_auto_spans(out, o->scope.spans);
    }
    put_number(out, "Channels", (apr_uint64_t)o->scope.channels->nelts);
    for (int i = 0; i < o->scope.channels->nelts; i++) {
        put_channel_auto(out, o, i, APR_ARRAY_IDX(o->scope.channels, i, const clp_channel *), pool);
    }
}
