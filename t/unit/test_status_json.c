/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"
#include "json_at.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>
#include <cjson/cJSON.h>

#include "gateway/status_json.h"
#include "shared.h"
#include "state/children.h"
#include "state/counters.h"
#include "state/history.h"
#include "state/row_claim.h"

#define NOW     apr_time_from_sec(1795435200) /* 2026-11-23T12:00:00Z */
#define SECONDS APR_TIME_C(1000000)

static apr_pool_t *pool;
static cJSON *document;

static const char *at(const char *path)
{
    return json_at(document, path, pool);
}

static const char *render(const clp_status_scope *scope)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_jw w;

    clp_jw_init(&w, out);
    clp_status_write(&w, scope, pool);
    cJSON_Delete(document);
    document = cJSON_ParseWithLength(out->p, out->n);
    OK(document != NULL, "it is JSON");
    return apr_pstrmemdup(pool, out->p, out->n);
}

static clp_row_ref claim(clp_tables *t, clp_table_kind kind, apr_uint64_t id, const char *name)
{
    return clp_tables_claim(t, kind, id, clp_span_str(name), 1);
}

static clp_channel *make_channel(clp_tables *t)
{
    clp_channel *c = clp_channel_make("first", pool);
    clp_key *key;

    c->dialect = &clp_dialect_messages;
    APR_ARRAY_PUSH(c->urls, const char *) = "https://h.example";
    clp_channel_add_key(c, "sk-planted", "sk-...", "0123456789abcdef");
    key = &APR_ARRAY_IDX(c->keys, 0, clp_key);
    c->row = claim(t, CLP_TABLE_CHANNELS, clp_channel_id("first"), "first");
    key->row = claim(t, CLP_TABLE_KEYS, clp_key_id("first", key->id), key->id);
    c->circuits = apr_pcalloc(pool, sizeof(clp_row_ref));
    c->circuits[0] = claim(t, CLP_TABLE_CIRCUITS, 99, "");
    return c;
}

/* A request that succeeded, entered by hand wherever it belongs. */
static void enter_request(clp_tables *t, const clp_channel *c)
{
    clp_booking b;
    clp_history_sums sums;
    clp_writes w;
    const clp_key *key = &APR_ARRAY_IDX(c->keys, 0, clp_key);

    memset(&b, 0, sizeof(b));
    b.kind = CLP_BOOK_REQUEST;
    b.result = CLP_BOOKED_SUCCESS;
    b.attempts = 2;
    b.tokens[CLP_TOKENS_IN] = 10;
    b.tokens[CLP_TOKENS_OUT] = 5;
    b.first_token_us = 120000;
    b.duration_ms = 800;
    sums = clp_history_of(&b);
    clp_writes_begin(&w);
    clp_traffic_enter(&w, &t->channels[c->row.row].protocols[CLP_PROTOCOL_CHAT], &b);
    clp_traffic_enter(&w, &t->head->protocols[CLP_PROTOCOL_CHAT], &b);
    clp_counters_enter(&w, &t->keys[key->row.row].counts, &b);
    clp_counters_enter(&w, &t->users[0].counts, &b);
    clp_traffic_enter(&w, &t->models[clp_tables_model(t, clp_span_str("m \"1\""), NOW).row].traffic,
                      &b);
    clp_channel_history_enter(&w, &t->channel_history[c->row.row], NOW - 30 * 60 * SECONDS, &sums);
    clp_writes_do(&w);
}

static void is(const char *path, const char *want)
{
    IS_STR(at(path), want, path);
}

static void test_channel(clp_tables *t, clp_status_scope *scope, const clp_channel *c)
{
    clp_channel_row *row = &t->channels[c->row.row];
    clp_key_row *key = &t->keys[APR_ARRAY_IDX(c->keys, 0, clp_key).row.row];
    const char *text;

    enter_request(t, c);
    row->circuit.open_until = (apr_uint64_t)(NOW + 60 * SECONDS);
    row->circuit.trips = 3;
    row->attempts[CLP_BOOKED_TIMEOUT] = 4;
    row->last_failure = (apr_uint64_t)NOW;
    row->checked_at = (apr_uint64_t)NOW;
    row->checks = 3 << 1 | 1;
    key->cooling.until = (apr_uint64_t)(NOW - 1);
    key->models[1].model = clp_row_id(clp_span_str("m \"1\""));
    key->models[1].cooling.until = (apr_uint64_t)(NOW + 5 * SECONDS);
    key->models[1].cooling.told = 1;
    clp_child_begin(t, NOW);
    clp_child_tell(t, 12, 3);
    clp_in_flight_add(t, CLP_TABLE_CHANNELS, c->row.row);
    text = render(scope);
    OK(!strstr(text, "planted"), "no secret");
    is("channels.0.name", "\"first\"");
    is("channels.0.service", "\"claude\"");
    is("channels.0.status", "\"active\"");
    is("channels.0.promoted_until", "null");
    is("channels.0.in_flight", "1");
    is("channels.0.circuit.state", "\"open\"");
    is("channels.0.circuit.open_until", "\"2026-11-23T12:01:00Z\"");
    is("channels.0.circuit.trips", "3");
    is("channels.0.resting", "null");
    is("channels.0.last_success", "null");
    is("channels.0.last_failure", "\"2026-11-23T12:00:00Z\"");
    is("channels.0.health_check",
       "{\"last\":\"2026-11-23T12:00:00Z\",\"ok\":false,\"in_a_row\":3}");
    is("channels.0.upstream_attempts", "{\"timeout\":4}");
    is("channels.0.protocols.messages", "(none)");
    is("channels.0.protocols.chat.requests", "1");
    is("channels.0.protocols.chat.results", "{\"success\":1}");
    is("channels.0.protocols.chat.attempts", "2");
    is("channels.0.protocols.chat.tokens",
       "{\"in\":10,\"out\":5,\"cache_read\":0,\"cache_write\":0,\"reasoning\":0}");
    is("channels.0.protocols.chat.first_token_ms", "120");
    is("channels.0.protocols.chat.first_token_spread", "[{\"up_to_ms\":200,\"requests\":1}]");
    is("channels.0.windows.15m.requests", "0");
    is("channels.0.windows.1h.requests", "1");
    is("channels.0.windows.24h.tokens_in", "10");
    is("channels.0.keys.0.id", "\"0123456789abcdef\"");
    is("channels.0.keys.0.resting", "null");
    is("channels.0.keys.0.resting_models",
       "{\"m \\\"1\\\"\":{\"until\":\"2026-11-23T12:00:05Z\",\"told\":true,\"in_a_row\":0}}");
    is("channels.0.keys.0.requests", "1");
    is("channels.0.circuits.0.url", "\"https://h.example\"");
    is("channels.0.circuits.0.key", "\"0123456789abcdef\"");
    is("channels.0.circuits.0.state", "\"closed\"");
    is("former_channels", "[]");
    is("protocols.chat.requests", "1");
    is("models.m \"1\".requests", "1");
    is("other_models.requests", "0");
    is("users", "{}");
    is("other_users.requests", "1");
    is("children.0.pid", apr_itoa(pool, (int)getpid()));
    is("children.0.in_flight", "1");
    is("children.0.revision", "12");
    is("children.0.generations", "3");
    is("ledger", "{\"posted\":0,\"entered\":0,\"lost\":0,\"skipped\":0}");
    is("tables.channels", "{\"rows\":56,\"used\":1}");
    is("tables.models", "{\"rows\":64,\"used\":1}");
    clp_in_flight_remove(t, CLP_TABLE_CHANNELS, c->row.row);
    clp_child_end(t);
    render(scope);
    is("children", "[]");
}

static void test_spans(const clp_status_scope *scope)
{
    clp_status_scope with = *scope;
    apr_size_t size = clp_span_ring_size(16);
    clp_span_ring *ring = clp_span_ring_open(shared_memory(size), size);
    clp_span_record records[16];
    apr_uint64_t end;

    render(scope);
    is("trace_export", "null");
    memset(records, 0, sizeof(records));
    for (int i = 0; i < 17; i++) {
        clp_span_ring_post(ring, &records[0]);
    }
    clp_span_ring_read(ring, records, 5, &end);
    clp_span_ring_take(ring, end, 3);
    with.spans = ring;
    render(&with);
    is("trace_export", "{\"waiting\":11,\"sent\":3,\"dropped\":1,\"refused\":2,\"lost\":0}");
}

static void test_gone(const clp_status_scope *scope)
{
    clp_status_scope none = *scope;

    none.channels = apr_array_make(pool, 1, sizeof(const clp_channel *));
    render(&none);
    is("channels", "[]");
    is("former_channels.0.name", "\"first\"");
    is("former_channels.0.protocols.chat.requests", "1");
}

static void test_no_tables(const clp_status_scope *scope)
{
    clp_status_scope none = *scope;

    none.tables = NULL;
    render(&none);
    is("shared", "false");
    is("channels.0.name", "\"first\"");
    is("channels.0.circuit", "(none)");
    is("channels.0.keys.0", "{\"id\":\"0123456789abcdef\"}");
    is("models", "(none)");
}

int main(void)
{
    clp_capacity capacity = clp_capacity_default();
    clp_status_scope scope;
    apr_array_header_t *channels;
    clp_tables *t;
    clp_channel *c;

    pool = tap_begin();
    t = shared_tables(&capacity, pool);
    c = make_channel(t);
    scope.tables = t;
    channels = apr_array_make(pool, 1, sizeof(const clp_channel *));
    APR_ARRAY_PUSH(channels, const clp_channel *) = c;
    scope.channels = channels;
    scope.spans = NULL;
    scope.now = NOW;
    test_channel(t, &scope, c);
    test_spans(&scope);
    test_gone(&scope);
    test_no_tables(&scope);
    cJSON_Delete(document);
    return tap_end();
}
