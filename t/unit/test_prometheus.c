/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/prometheus.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "books.h"
#include "state/children.h"
#include "state/row_claim.h"
#include "tap.h"
#include "wire/text.h"

#define NOW APR_TIME_C(1795435200000000)

static apr_pool_t *pool;
static clp_span_ring *spans; /* NULL = none are exported */

static clp_channel *make_channel(const char *name, clp_tables *t)
{
    clp_channel *c = clp_channel_make(name, pool);

    c->dialect = &clp_dialect_messages;
    APR_ARRAY_PUSH(c->urls, const char *) = "https://h.example";
    clp_channel_add_key(c, "sk-planted-secret", "sk-...", "0123456789abcdef");
    if (t) {
        books_claim_rows(c, t, pool);
    }
    return c;
}

static const char *render(clp_tables *t, const apr_array_header_t *channels)
{
    clp_overview o;
    clp_buffer *out = clp_buffer_make(pool, 0);

    memset(&o, 0, sizeof(o));
    o.scope.tables = t;
    o.scope.channels = channels;
    o.scope.spans = spans;
    o.scope.now = NOW;
    o.revision = 7;
    o.overlay_error = "line 1";
    o.has_sessions = 1;
    o.sessions.values = 3;
    clp_metrics_write(out, &o, pool);
    return clp_buffer_cstr(out, pool);
}

static void has(const char *document, const char *line)
{
    OK(strstr(document, apr_pstrcat(pool, "\n", line, "\n", NULL)) != NULL, "%s", line);
}

/* A streamed request that ended. */
static void post(clp_tables *t, const clp_channel *c, const char *model, const char *user,
                 clp_booked result)
{
    clp_booking b;

    memset(&b, 0, sizeof(b));
    b.kind = CLP_BOOK_REQUEST;
    b.protocol = CLP_PROTOCOL_CHAT;
    b.result = (apr_byte_t)result;
    b.flags = CLP_BOOKED_STREAM;
    b.attempts = 2;
    b.channel = c->row;
    b.key = APR_ARRAY_IDX(c->keys, 0, clp_key).row;
    b.model = clp_tables_model(t, clp_span_str(model), NOW);
    b.user = clp_tables_user(t, clp_span_str(user), NOW);
    b.at = NOW;
    b.first_token_us = 250000;
    b.duration_ms = 1300;
    b.tokens[CLP_TOKENS_IN] = 100;
    b.tokens[CLP_TOKENS_CACHE_READ] = 20;
    b.tokens[CLP_TOKENS_OUT] = 15;
    clp_ledger_post(t->ledger, &b);
    b.kind = CLP_BOOK_ATTEMPT;
    b.attempts = 1;
    clp_ledger_post(t->ledger, &b);
}

/* Each family has one head with its samples behind it, and no sample is there twice. */
static void check_form(const char *document)
{
    apr_hash_t *seen = apr_hash_make(pool);
    const char *family = "";
    char *state;
    int wrong = 0;

    for (char *line = apr_strtok(apr_pstrdup(pool, document), "\n", &state); line;
         line = apr_strtok(NULL, "\n", &state)) {
        char *end = strrchr(line, ' ');

        if (!strncmp(line, "# TYPE ", 7)) {
            family = apr_pstrndup(pool, line + 7, (apr_size_t)(end - line - 7));
            wrong += apr_hash_get(seen, family, APR_HASH_KEY_STRING) != NULL;
            apr_hash_set(seen, family, APR_HASH_KEY_STRING, "");
        }
        else if (*line != '#') {
            const char *series = apr_pstrndup(pool, line, (apr_size_t)(end - line));

            wrong += strncmp(series, family, strlen(family)) != 0;
            wrong += apr_hash_get(seen, apr_pstrcat(pool, series, " ", NULL),
                                  APR_HASH_KEY_STRING) != NULL;
            apr_hash_set(seen, apr_pstrcat(pool, series, " ", NULL), APR_HASH_KEY_STRING, "");
        }
    }
    IS_INT(wrong, 0, "families and samples are there once, in order");
}

static void test_values(void)
{
    clp_tables *t = books_open(NOW, pool);
    clp_channel *c = make_channel("one", t);
    apr_array_header_t *channels = apr_array_make(pool, 1, sizeof(clp_channel *));
    const char *document;

    APR_ARRAY_PUSH(channels, const clp_channel *) = c;
    post(t, c, "m", "alice", CLP_BOOKED_SUCCESS);
    post(t, c, "m", "alice", CLP_BOOKED_SUCCESS);
    post(t, c, "m", "alice", CLP_BOOKED_TIMEOUT);
    clp_child_begin(t, NOW);
    clp_in_flight_add(t, CLP_TABLE_CHANNELS, c->row.row);
    document = render(t, channels);
    check_form(document);
    has(document, "claude_proxy_requests_total{protocol=\"chat\",result=\"success\"} 2");
    has(document, "claude_proxy_requests_total{protocol=\"chat\",result=\"timeout\"} 1");
    has(document, "claude_proxy_request_attempts_total{protocol=\"chat\"} 6");
    has(document, "claude_proxy_tokens_total{protocol=\"chat\",type=\"cache_read\"} 60");
    has(document, "claude_proxy_channel_attempts_total{channel=\"one\",result=\"success\"} 2");
    has(document, "claude_proxy_channel_requests_total{channel=\"one\",protocol=\"chat\",result="
                  "\"timeout\"} 1");
    has(document, "claude_proxy_channel_tokens_total{channel=\"one\",type=\"output\"} 45");
    has(document, "claude_proxy_channel_in_flight{channel=\"one\"} 1");
    has(document, "claude_proxy_in_flight 1");
    has(document, "claude_proxy_channel_circuit{channel=\"one\",state=\"closed\"} 1");
    has(document, "claude_proxy_channel_circuit{channel=\"one\",state=\"open\"} 0");
    has(document, "claude_proxy_channel_last_success_timestamp_seconds{channel=\"one\"} "
                  "1795435200.000000");
    has(document, "claude_proxy_key_attempts_total{channel=\"one\",key=\"0123456789abcdef\","
                  "result=\"timeout\"} 1");
    has(document, "claude_proxy_model_requests_total{model=\"m\",result=\"success\"} 2");
    has(document, "claude_proxy_user_requests_total{user=\"alice\",result=\"success\"} 2");
    has(document, "gen_ai_client_token_usage_bucket{gen_ai_operation_name=\"chat\","
                  "gen_ai_request_model=\"m\",gen_ai_token_type=\"input\",le=\"64\"} 0");
    has(document, "gen_ai_client_token_usage_bucket{gen_ai_operation_name=\"chat\","
                  "gen_ai_request_model=\"m\",gen_ai_token_type=\"input\",le=\"256\"} 3");
    has(document, "gen_ai_client_token_usage_sum{gen_ai_operation_name=\"chat\","
                  "gen_ai_request_model=\"m\",gen_ai_token_type=\"input\"} 360.000000");
    has(document, "gen_ai_client_token_usage_count{gen_ai_operation_name=\"chat\","
                  "gen_ai_request_model=\"m\",gen_ai_token_type=\"output\"} 3");
    has(document, "gen_ai_server_request_duration_seconds_bucket{gen_ai_operation_name=\"chat\","
                  "gen_ai_request_model=\"m\",le=\"1.5\"} 3");
    has(document, "gen_ai_server_request_duration_seconds_sum{gen_ai_operation_name=\"chat\","
                  "gen_ai_request_model=\"m\"} 3.900000");
    has(document, "gen_ai_server_time_to_first_token_seconds_bucket{gen_ai_operation_name=\"chat\","
                  "gen_ai_request_model=\"m\",le=\"0.2\"} 0");
    has(document, "gen_ai_server_time_to_first_token_seconds_bucket{gen_ai_operation_name=\"chat\","
                  "gen_ai_request_model=\"m\",le=\"0.3\"} 3");
    /* 1.05 s for 14 tokens, of the two that succeeded */
    has(document, "gen_ai_server_time_per_output_token_seconds_bucket{gen_ai_operation_name="
                  "\"chat\",gen_ai_request_model=\"m\",le=\"0.075\"} 2");
    has(document, "gen_ai_server_time_per_output_token_seconds_sum{gen_ai_operation_name=\"chat\","
                  "gen_ai_request_model=\"m\"} 0.150000");
    has(document, "claude_proxy_overlay_revision 7");
    has(document, "claude_proxy_overlay_broken 1");
    has(document, "claude_proxy_sessions 3");
    has(document, "claude_proxy_table_rows_used{table=\"models\"} 1");
    has(document, "claude_proxy_bookings_lost_total 0");
    OK(!strstr(document, "planted"), "no key");
}

/* As shared memory is. */
static void *aligned_memory(apr_size_t size)
{
    apr_uintptr_t at = (apr_uintptr_t)apr_pcalloc(pool, size + 64);
    return (void *)((at + 63) & ~(apr_uintptr_t)63);
}

static void test_spans(void)
{
    apr_size_t size = clp_span_ring_size(16);
    const apr_array_header_t *channels = apr_array_make(pool, 1, sizeof(clp_channel *));
    clp_span_record record;
    apr_uint64_t end;
    const char *document = render(NULL, channels);

    OK(!strstr(document, "claude_proxy_spans"), "no export of spans, no metrics of it");
    spans = clp_span_ring_open(aligned_memory(size), size);
    memset(&record, 0, sizeof(record));
    while (clp_span_ring_post(spans, &record)) {
    }
    clp_span_ring_read(spans, &record, 1, &end);
    clp_span_ring_take(spans, end, 1);
    clp_span_ring_read(spans, &record, 1, &end);
    clp_span_ring_take(spans, end, 0);
    document = render(NULL, channels);
    has(document, "claude_proxy_spans_waiting 14");
    has(document, "claude_proxy_spans_sent_total 1");
    has(document, "claude_proxy_spans_dropped_total 1");
    has(document, "claude_proxy_spans_refused_total 1");
    has(document, "claude_proxy_spans_lost_total 0");
    spans = NULL;
}

/* What clients may call their models and users. */
static void test_labels(void)
{
    static const char *const names[] = {
        "quoted\"\\\n",
        "a",
        "~",
        "a name of sixty bytes, which is the longest that stays itsel",
        "a name of sixty-one bytes, of which nobody knows if it is cut",
        "a name that is longer than a row has room for, and so is cut there 1",
        "a name that is longer than a row has room for, and so is cut there 2",
    };
    const clp_capacity capacity = {4, 8, 8, 16, 16, 1, 16};
    clp_tables *t = clp_tables_make_private(&capacity, pool);
    clp_channel *c = make_channel("quoted\"channel", t);
    apr_array_header_t *channels = apr_array_make(pool, 1, sizeof(clp_channel *));
    const char *document;

    clp_ledger_use(t->ledger, clp_account_enter, t);
    clp_child_begin(t, NOW);
    APR_ARRAY_PUSH(channels, const clp_channel *) = c;
    for (apr_size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        post(t, c, names[i], names[i], CLP_BOOKED_SUCCESS);
    }
    document = render(t, channels);
    check_form(document);
    has(document, "claude_proxy_model_requests_total{model=\"quoted\\\"\\\\\\n\",result="
                  "\"success\"} 1");
    has(document, "claude_proxy_model_requests_total{model=\"a name of sixty bytes, which is the "
                  "longest that stays itsel\",result=\"success\"} 1");
    OK(strstr(document, "{model=\"a name of sixty-one bytes, of which nobody knows if it is cut~"),
       "a byte more, and it has an id");
    has(document, "claude_proxy_channel_active{channel=\"quoted\\\"channel\"} 1");
    IS_INT(clp_utf8_valid_prefix(clp_span_str(document)), strlen(document), "UTF-8");
}

static void test_without_state(void)
{
    apr_array_header_t *channels = apr_array_make(pool, 1, sizeof(clp_channel *));
    const char *document;

    APR_ARRAY_PUSH(channels, const clp_channel *) = make_channel("one", NULL);
    document = render(NULL, channels);
    check_form(document);
    has(document, "claude_proxy_channel_active{channel=\"one\"} 1");
    OK(!strstr(document, "claude_proxy_channel_in_flight{"), "nothing that is not known");
}

int main(void)
{
    pool = tap_begin();
    test_values();
    test_spans();
    test_labels();
    test_without_state();
    return tap_end();
}
