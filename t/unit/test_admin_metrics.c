/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"
#include "json_at.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <cjson/cJSON.h>

#include "gateway/admin.h"
#include "gateway/figures.h"
#include "sched/channel_rows.h"
#include "shared.h"
#include "state/children.h"
#include "state/counters.h"
#include "state/row_claim.h"

/* What the admin API tells of made-up tables, to the byte. */

#define NOW    apr_time_from_sec(1795435200) /* 2026-11-23T12:00:00Z */
#define SECOND APR_TIME_C(1000000)

static apr_pool_t *pool;
static clp_tables *tables;
static clp_admin_site site;

/* --- figures ----------------------------------------------------------------------- */

static const char *text_of(const clp_buffer *out)
{
    return apr_pstrmemdup(pool, out->p, out->n);
}

static void test_hundredths(void)
{
    static const struct {
        apr_int64_t n;
        const char *want;
    } cases[] = {
        {-1, "{\"x\":null}"},     {0, "{\"x\":0}"},       {1, "{\"x\":0.01}"},
        {50, "{\"x\":0.5}"},      {100, "{\"x\":1}"},     {6666, "{\"x\":66.66}"},
        {10000, "{\"x\":100}"},   {9990, "{\"x\":99.9}"}, {1234500, "{\"x\":12345}"},
        {100000, "{\"x\":1000}"},
    };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clp_buffer *out = clp_buffer_make(pool, 0);
        clp_jw w;

        clp_jw_init(&w, out);
        clp_jw_object(&w);
        clp_figure_hundredths(&w, "x", cases[i].n);
        clp_jw_end_object(&w);
        IS_STR(text_of(out), cases[i].want, cases[i].want);
    }
}

/* Times of requests, by bucket: up to 25, 50, 100, 200, 300, 500 ms ... and more than 600 s. */
static void test_times(void)
{
    static const struct {
        const char *what;
        apr_uint64_t buckets[CLP_HISTOGRAM];
        apr_uint64_t total_us;
        const char *want;
    } cases[] = {
        {"nothing", {0}, 0, "0,\"averageMs\":null,\"p50Ms\":null,\"p90Ms\":null,\"p99Ms\":null"},
        {"one", {0, 0, 1}, 80000, "1,\"averageMs\":80,\"p50Ms\":100,\"p90Ms\":100,\"p99Ms\":100"},
        {"ten in one bucket",
         {0, 0, 0, 10},
         1500000,
         "10,\"averageMs\":150,\"p50Ms\":150,\"p90Ms\":190,\"p99Ms\":200"},
        {"from the first bucket on",
         {4, 4, 2},
         300000,
         "10,\"averageMs\":30,\"p50Ms\":31,\"p90Ms\":75,\"p99Ms\":100"},
        {"longer than all",
         {[0] = 1, [CLP_HISTOGRAM - 1] = 1},
         APR_INT64_C(700000000),
         "2,\"averageMs\":350000,\"p50Ms\":25,\"p90Ms\":600000,\"p99Ms\":600000"},
    };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        clp_buffer *out = clp_buffer_make(pool, 0);
        clp_jw w;

        clp_jw_init(&w, out);
        clp_jw_object(&w);
        clp_figures_times(&w, "t", cases[i].buckets, cases[i].total_us);
        clp_jw_end_object(&w);
        IS_STR(text_of(out),
               apr_pstrcat(pool, "{\"t\":{\"requestCount\":", cases[i].want, "}}", NULL),
               cases[i].what);
    }
}

/* --- a world ------------------------------------------------------------------------ */

/* Channels "one", with two URLs and two keys, and "two", without key and without breaker. */
static apr_array_header_t *make_channels(void)
{
    apr_array_header_t *all = apr_array_make(pool, 2, sizeof(clp_channel *));
    clp_channel *one = clp_channel_make("one", pool);
    clp_channel *two = clp_channel_make("two", pool);

    one->dialect = two->dialect = &clp_dialect_messages;
    APR_ARRAY_PUSH(one->urls, const char *) = "https://a.example";
    APR_ARRAY_PUSH(one->urls, const char *) = "https://b.example";
    clp_channel_add_key(one, "sk-planted-1", "sk-...1", "1111111111111111");
    clp_channel_add_key(one, "sk-planted-2", "sk-...2", "2222222222222222");
    APR_ARRAY_PUSH(two->urls, const char *) = "https://c.example";
    two->breaker.on = 0;
    two->auth = CLP_AUTH_NONE;
    two->status = CLP_CHANNEL_SUSPENDED;
    APR_ARRAY_PUSH(all, clp_channel *) = one;
    APR_ARRAY_PUSH(all, clp_channel *) = two;
    return all;
}

static clp_channel *channel(int i)
{
    return APR_ARRAY_IDX(site.channels, i, clp_channel *);
}

static unsigned key_row(int i)
{
    return APR_ARRAY_IDX(channel(0)->keys, i, clp_key).row.row;
}

/* As an attempt would enter them. */
static void enter(apr_interval_time_t ago, apr_uint64_t requests, apr_uint64_t failures)
{
    clp_history_sums sums = {{0}};
    clp_writes w;

    sums.of[CLP_POINT_REQUESTS] = requests;
    sums.of[CLP_POINT_FAILURES] = failures;
    sums.of[CLP_POINT_TOKENS_IN] = 60;
    sums.of[CLP_POINT_TOKENS_OUT] = 30;
    sums.of[CLP_POINT_CACHE_READ] = 30;
    sums.of[CLP_POINT_CACHE_WRITE] = 10;
    sums.of[CLP_POINT_REASONING] = 5;
    clp_writes_begin(&w);
    clp_channel_history_enter(&w, &tables->channel_history[channel(0)->row.row], NOW - ago, &sums);
    clp_history_enter(&w, clp_history_quarters(&tables->key_history[key_row(1)]), NOW - ago, &sums);
    clp_writes_do(&w);
}

static void make_state(void)
{
    clp_channel_row *row = &tables->channels[channel(0)->row.row];
    clp_key_row *key = &tables->keys[key_row(0)];
    clp_circuit *circuits[4];
    clp_booking b;
    clp_writes w;

    for (int i = 0; i < 4; i++) {
        circuits[i] = &tables->circuits[channel(0)->circuits[i].row].circuit;
    }
    row->attempts[CLP_BOOKED_SUCCESS] = 5;
    row->attempts[CLP_BOOKED_TIMEOUT] = 1;
    row->attempts[CLP_BOOKED_AUTH] = 1;
    row->attempts[CLP_BOOKED_ABORTED] = 2;
    row->attempts[CLP_BOOKED_CLIENT_ERROR] = 3;
    row->attempts[CLP_BOOKED_HEDGE_LOST] = 9;
    row->failures = 2;
    row->last_success = (apr_uint64_t)(NOW - 60 * SECOND);
    row->cooling.until = (apr_uint64_t)(NOW + 30 * SECOND);
    row->cooling.told = 1;
    key->attempts[CLP_BOOKED_AUTH] = 1;
    key->last_failure = (apr_uint64_t)(NOW - SECOND);
    clp_tables_model(tables, CLP_SPAN_LIT("m"), NOW);
    key->models[0].model = clp_row_id(CLP_SPAN_LIT("m"));
    key->models[0].cooling.until = (apr_uint64_t)(NOW + 5 * SECOND);
    /* Of the first key both URLs are open, of the second one. */
    circuits[0]->open_until = circuits[2]->open_until = circuits[3]->open_until =
        (apr_uint64_t)(NOW + 600 * SECOND);
    circuits[0]->trips = 1;
    memset(&b, 0, sizeof(b));
    b.result = CLP_BOOKED_SUCCESS;
    b.first_token_us = 400000;
    b.duration_ms = 1000;
    clp_writes_begin(&w);
    clp_traffic_enter(&w, &row->protocols[CLP_PROTOCOL_CHAT], &b);
    clp_writes_do(&w);
    enter(0, 1, 0);
    enter(7 * SECOND, 2, 1);
    enter(2 * 3600 * SECOND, 4, 0);
    enter(26 * 3600 * SECOND, 8, 0);
}

/* --- asking ---------------------------------------------------------------------------- */

static cJSON *document;

/* Ask; a query stands behind '?', with one or two arguments. */
static int ask(const char *question)
{
    clp_admin_call call;
    char *path = apr_pstrdup(pool, question);
    char *query = strchr(path, '?');
    apr_table_t *args = apr_table_make(pool, 2);
    char *state;

    clp_admin_begin(&call, &site, pool);
    if (query) {
        *query++ = '\0';
        for (char *arg = apr_strtok(query, "&", &state); arg; arg = apr_strtok(NULL, "&", &state)) {
            char *value = strchr(arg, '=');
            *value++ = '\0';
            apr_table_setn(args, arg, value);
        }
    }
    call.method = "GET";
    call.path = path;
    call.args = args;
    if (clp_admin_find(&call)) {
        clp_admin_answer(&call);
    }
    cJSON_Delete(document);
    document = cJSON_ParseWithLength(call.out->p, call.out->n);
    OK(document && !strstr(text_of(call.out), "planted"), "%s: JSON without a secret", question);
    return call.status;
}

static const char *at(const char *path)
{
    return json_at(document, path, pool);
}

static void is(const char *path, const char *want)
{
    IS_STR(at(path), want, path);
}

static int length(const char *path)
{
    cJSON *list = cJSON_Parse(at(path));
    int n = cJSON_GetArraySize(list);

    cJSON_Delete(list);
    return n;
}

#define COUNTS(requests, successes, failures, aborted, client_errors, rate)                        \
    "\"requestCount\":" #requests ",\"successCount\":" #successes ",\"failureCount\":" #failures   \
    ",\"abortedCount\":" #aborted ",\"clientErrorCount\":" #client_errors                          \
    ",\"successRate\":" #rate
#define TOKENS(in, out, read, write, reasoning)                                                    \
    "\"inputTokens\":" #in ",\"outputTokens\":" #out ",\"cacheReadTokens\":" #read                 \
    ",\"cacheCreationTokens\":" #write ",\"reasoningTokens\":" #reasoning
#define CIRCUIT(state, until, trips)                                                               \
    "\"state\":\"" state "\",\"failurePercent\":0,\"openUntil\":" until                            \
    ",\"openedAt\":null,\"trips\":" #trips ",\"probed\":false"
#define OPEN(trips) CIRCUIT("open", "\"2026-11-23T12:10:00Z\"", trips)

static void test_metrics(void)
{
    IS_INT(ask("/x/api/channels/metrics"), 200, "metrics");
    is("0.channelName", "\"one\"");
    is("0.counted", "true");
    is("0.requestCount", "12");
    is("0.successCount", "5");
    is("0.failureCount", "2");
    is("0.abortedCount", "2");
    is("0.clientErrorCount", "3");
    is("0.successRate", "71.42");
    is("0.errorRate", "28.58");
    is("0.consecutiveFailures", "2");
    is("0.activeRequests", "1");
    is("0.circuitBroken", "false");
    is("0.circuit", "{" CIRCUIT("closed", "null", 0) "}");
    is("0.circuits.0",
       "{\"url\":\"https://a.example\",\"keyId\":\"1111111111111111\"," OPEN(1) "}");
    is("0.circuits.3",
       "{\"url\":\"https://b.example\",\"keyId\":\"2222222222222222\"," OPEN(0) "}");
    is("0.coolingUntil", "\"2026-11-23T12:00:30Z\"");
    is("0.lastSuccessAt", "\"2026-11-23T11:59:00Z\"");
    is("0.lastFailureAt", "null");
    is("0.firstToken",
       "{\"requestCount\":1,\"averageMs\":400,\"p50Ms\":500,\"p90Ms\":500,\"p99Ms\":500}");
    is("0.duration",
       "{\"requestCount\":1,\"averageMs\":1000,\"p50Ms\":1000,\"p90Ms\":1000,\"p99Ms\":1000}");
    is("0.timeWindows.15m",
       "{" COUNTS(3, 2, 1, 0, 0, 66.66) "," TOKENS(120, 60, 60, 20, 10) ",\"cacheHitRate\":30}");
    is("0.timeWindows.1h.requestCount", "3");
    is("0.timeWindows.6h.requestCount", "7");
    is("0.timeWindows.24h",
       "{" COUNTS(7, 6, 1, 0, 0, 85.71) "," TOKENS(180, 90, 90, 30, 15) ",\"cacheHitRate\":30}");
    is("0.keyMetrics.0",
       "{\"id\":\"1111111111111111\",\"mask\":\"sk-...1\",\"counted\":true," COUNTS(
           1, 0, 1, 0, 0, 0) ",\"consecutiveFailures\":0,\"activeRequests\":0,"
                             "\"circuitBroken\":true,\"circuit\":\"open\",\"coolingUntil\":null,"
                             "\"modelsCoolingUntil\":{\"m\":\"2026-11-23T12:00:05Z\"},"
                             "\"lastSuccessAt\":null,\"lastFailureAt\":\"2026-11-23T11:59:59Z\"}");
    is("0.keyMetrics.1.circuit", "\"closed\"");
    is("0.keyMetrics.1.circuitBroken", "false");
    is("0.keyMetrics.1.successRate", "null");
    is("1.circuit.state", "\"off\"");
    is("1.circuits.0",
       "{\"url\":\"https://c.example\",\"keyId\":null," CIRCUIT("off", "null", 0) "}");
    is("1.keyMetrics", "[]");
    is("1.successRate", "null");
    is("1.errorRate", "null");
    is("1.timeWindows.24h.cacheHitRate", "null");
    is("2", "(none)");
}

static void test_state(void)
{
    IS_INT(ask("/api/channels/one"), 200, "a channel");
    is("state", "{\"activeRequests\":1,\"circuit\":\"closed\",\"circuitsOpen\":3,"
                "\"coolingUntil\":\"2026-11-23T12:00:30Z\",\"keysCooling\":0,"
                "\"consecutiveFailures\":2," COUNTS(
                    3, 2, 1, 0, 0,
                    66.66) ","
                           "\"lastSuccessAt\":\"2026-11-23T11:59:00Z\",\"lastFailureAt\":null}");
    IS_INT(ask("/api/channels/two"), 200, "another");
    is("state.circuit", "\"off\"");
    is("state.successRate", "null");
}

static void test_histories(void)
{
    IS_INT(ask("/api/channels/metrics/history?duration=7d"), 200, "history");
    is("0.intervalSeconds", "3600");
    IS_INT(length("0.dataPoints"), 168, "a week by the hour");
    is("0.dataPoints.167", "{\"timestamp\":\"2026-11-23T12:00:00Z\"," COUNTS(
                               1, 1, 0, 0, 0, 100) "," TOKENS(60, 30, 30, 10, 5) "}");
    is("0.dataPoints.166.requestCount", "2");
    is("0.dataPoints.165", "{\"timestamp\":\"2026-11-23T10:00:00Z\"," COUNTS(
                               4, 4, 0, 0, 0, 100) "," TOKENS(60, 30, 30, 10, 5) "}");
    is("0.dataPoints.141.requestCount", "8");
    is("0.dataPoints.0", "{\"timestamp\":\"2026-11-16T13:00:00Z\"," COUNTS(
                             0, 0, 0, 0, 0, null) "," TOKENS(0, 0, 0, 0, 0) "}");
    is("1.dataPoints.167.requestCount", "0");
    IS_INT(ask("/api/channels/metrics/history"), 200, "a day");
    IS_INT(length("0.dataPoints"), 96, "... by 15 minutes");
    IS_INT(ask("/api/channels/one/keys/metrics/history"), 200, "of keys");
    is("channelName", "\"one\"");
    is("intervalSeconds", "900");
    is("keys.0.id", "\"1111111111111111\"");
    is("keys.0.dataPoints.23.requestCount", "0");
    is("keys.1.mask", "\"sk-...2\"");
    is("keys.1.dataPoints.23.requestCount", "1");
    is("keys.1.dataPoints.22", "{\"timestamp\":\"2026-11-23T11:45:00Z\"," COUNTS(
                                   2, 1, 1, 0, 0, 50) "," TOKENS(60, 30, 30, 10, 5) "}");
    IS_INT(ask("/api/channels/two/keys/metrics/history"), 200, "of a channel without");
    is("keys", "[]");
    IS_INT(ask("/api/global/stats/history?duration=3h&interval=1h"), 200, "of all");
    IS_INT(length("dataPoints"), 3, "... by the hour");
    is("dataPoints.0.requestCount", "4");
    is("summary",
       "{\"totalRequests\":7,\"totalSuccess\":6,\"totalFailure\":1,\"totalAborted\":0,"
       "\"totalClientErrors\":0,\"totalInputTokens\":180,\"totalOutputTokens\":90,"
       "\"totalCacheReadTokens\":90,\"totalCacheCreationTokens\":30,\"totalReasoningTokens\":15,"
       "\"avgSuccessRate\":85.71,\"cacheHitRate\":30,\"durationSeconds\":10800,"
       "\"intervalSeconds\":3600}");
}

static void test_refusals(void)
{
    static const struct {
        const char *question;
        int status;
        const char *error;
    } cases[] = {
        {"/api/channels/metrics/history?duration=8d", 400,
         "{\"code\":\"invalid\",\"message\":\"duration: has to be today, or a time from 1m to "
         "7d\",\"path\":\"duration\"}"},
        {"/api/channels/one/keys/metrics/history?duration=2d", 400,
         "{\"code\":\"invalid\",\"message\":\"duration: has to be today, or a time from 1m to "
         "24h\",\"path\":\"duration\"}"},
        {"/api/global/stats/history?duration=6h&interval=1s", 400,
         "{\"code\":\"invalid\",\"message\":\"interval: has to be a multiple of 1min for this "
         "duration\",\"path\":\"interval\"}"},
        {"/api/channels/none/keys/metrics/history", 404,
         "{\"code\":\"not_found\",\"message\":\"There is no channel 'none'.\"}"},
    };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IS_INT(ask(cases[i].question), cases[i].status, cases[i].question);
        is("error", cases[i].error);
    }
}

static void test_dashboard(void)
{
    IS_INT(ask("/api/gemini/channels/dashboard"), 200, "a page, at a path of old");
    is("revision", "7");
    is("time", "\"2026-11-23T12:00:00Z\"");
    is("loadBalance", "\"weighted\"");
    is("channels.1.name", "\"two\"");
    is("channels.0.state.activeRequests", "1");
    is("metrics.0.requestCount", "12");
    is("recentActivity.0.channelName", "\"one\"");
    IS_INT(length("recentActivity.0.segments"), 150, "a quarter of an hour by six seconds");
    is("recentActivity.0.segments.149",
       "{\"requestCount\":1,\"successCount\":1,\"failureCount\":0,\"inputTokens\":60,"
       "\"outputTokens\":30}");
    is("recentActivity.0.segments.147.requestCount", "2");
    is("recentActivity.0.segments.146.requestCount", "0");
    is("recentActivity.0.rpm", "0.2");
    is("recentActivity.0.tpm", "4");
    is("stats",
       "{\"counted\":true,\"strategy\":\"weighted\",\"multiChannelMode\":false,"
       "\"channelCount\":2,\"activeChannelCount\":1,\"keyCount\":2,\"traceAffinityCount\":3,"
       "\"traceAffinityTTL\":\"30min\",\"failureThreshold\":50,\"windowSize\":10,"
       "\"minimumResults\":5,\"circuitRecoveryTime\":\"15min\",\"openCircuits\":0,"
       "\"halfOpenCircuits\":0,\"probes\":0,\"openKeyCircuits\":3,\"channelsCooling\":1,"
       "\"keysCooling\":0,\"activeRequests\":1,\"children\":1,\"generation\":0,"
       "\"ledger\":{\"posted\":0,\"entered\":0,\"lost\":0,\"skipped\":0}}");
}

static void test_counts(void)
{
    IS_INT(ask("/api/affinity"), 200, "bound conversations");
    IS_STR(at(""), "{\"counted\":true,\"count\":3,\"ttl\":\"30min\",\"channels\":{\"one\":2}}",
           "those of a channel that is no more in the sum alone");
    IS_INT(ask("/api/sessions"), 200, "stored responses");
    IS_STR(at(""),
           "{\"counted\":true,\"count\":4,\"usedBytes\":500,\"memoryBytes\":6000,"
           "\"threads\":7}",
           "as they are counted");
}

static void test_settings(void)
{
    IS_INT(ask("/api/settings"), 200, "settings");
    IS_STR(at(""),
           "{\"server\":{\"ClaudeA\":{\"value\":null,\"origin\":\"default\"}},\"places\":["
           "{\"server\":\"h:80\",\"definedIn\":null,\"path\":\"/\",\"settings\":{"
           "\"ClaudeB\":{\"value\":\"Off\",\"origin\":\"configuration\"},"
           "\"ClaudeC\":{\"value\":[\"x\"],\"origin\":\"default\"},"
           "\"ClaudeD\":{\"value\":true,\"origin\":\"default\"}}}]}",
           "of each kind");
}

/* Without shared memory, and with tables that have no room. */
static void test_uncounted(void)
{
    clp_pin_table *bindings = (clp_pin_table *)site.bindings;
    clp_row_ref row = channel(1)->row;

    channel(1)->row.row = CLP_NO_ROW;
    ask("/api/channels/metrics");
    is("0.counted", "true");
    is("1", "{\"channelName\":\"two\",\"counted\":false,\"keyMetrics\":[]}");
    ask("/api/channels/metrics/history");
    is("1.dataPoints", "[]");
    channel(1)->row = row;
    site.scheduling.tables = NULL;
    site.bindings = NULL;
    site.affinity_time = 0;
    IS_INT(ask("/api/channels/metrics"), 200, "metrics without tables");
    is("0.requestCount", "(none)");
    is("0.keyMetrics.0", "{\"id\":\"1111111111111111\",\"mask\":\"sk-...1\",\"counted\":false}");
    IS_INT(ask("/api/channels/metrics/history"), 200, "history");
    is("0.counted", "false");
    is("0.dataPoints", "[]");
    IS_INT(ask("/api/channels/one/keys/metrics/history"), 200, "of keys");
    is("keys.0.counted", "false");
    IS_INT(ask("/api/global/stats/history"), 200, "of all");
    is("counted", "false");
    is("dataPoints", "[]");
    is("summary.totalRequests", "0");
    is("summary.avgSuccessRate", "null");
    IS_INT(ask("/api/channels/dashboard"), 200, "a page");
    is("channels.0.state", "null");
    is("recentActivity.0", "{\"channelName\":\"one\",\"counted\":false}");
    is("stats.ledger", "(none)");
    is("stats.activeChannelCount", "1");
    is("stats.traceAffinityTTL", "null");
    ask("/api/affinity");
    IS_STR(at(""), "{\"counted\":false,\"count\":0,\"ttl\":null,\"channels\":{}}", "no bindings");
    site.scheduling.tables = tables;
    site.bindings = bindings;
}

/* --- what the site has ------------------------------------------------------------------- */

static clp_overview make_overview(void *ctx)
{
    clp_overview o;

    (void)ctx;
    memset(&o, 0, sizeof(o));
    o.has_sessions = 1;
    o.sessions = (clp_session_usage){4, 500, 6000};
    o.threads = 7;
    return o;
}

static clp_settings make_settings(void *ctx, apr_pool_t *p)
{
    clp_settings s;
    clp_settings_place *place;
    apr_array_header_t *list = apr_array_make(p, 1, sizeof(const char *));

    (void)ctx;
    APR_ARRAY_PUSH(list, const char *) = "x";
    s.server = apr_array_make(p, 1, sizeof(clp_setting_shown));
    APR_ARRAY_PUSH(s.server, clp_setting_shown) =
        (clp_setting_shown){.directive = "ClaudeA", .kind = CLP_SHOWN_TEXT};
    s.places = apr_array_make(p, 1, sizeof(clp_settings_place));
    place = &APR_ARRAY_PUSH(s.places, clp_settings_place);
    *place = (clp_settings_place){"h:80", NULL, "/", NULL};
    place->settings = apr_array_make(p, 3, sizeof(clp_setting_shown));
    APR_ARRAY_PUSH(place->settings, clp_setting_shown) =
        (clp_setting_shown){.directive = "ClaudeB", .kind = CLP_SHOWN_TIME, .said = 1};
    APR_ARRAY_PUSH(place->settings, clp_setting_shown) =
        (clp_setting_shown){.directive = "ClaudeC", .kind = CLP_SHOWN_LIST, .list = list};
    APR_ARRAY_PUSH(place->settings, clp_setting_shown) =
        (clp_setting_shown){.directive = "ClaudeD", .kind = CLP_SHOWN_FLAG, .number = 1};
    return s;
}

static void bind_to(clp_pin_table *t, const char *who, const clp_channel *c)
{
    clp_affinity_put(t, clp_conversation_id_make(CLP_PROTOCOL_CHAT, who, pool), c, NULL,
                     NOW + 60 * SECOND);
}

static void make_site(void)
{
    clp_capacity capacity = clp_capacity_default();
    clp_pin_table *bindings = clp_pin_table_format(shared_memory(clp_pin_table_size(64)), 64);

    tables = clp_tables_make_private(&capacity, pool);
    site.channels = site.configured = make_channels();
    site.revision = 7;
    site.scheduling.tables = tables;
    site.scheduling.strategy = CLP_STRATEGY_WEIGHTED;
    site.bindings = bindings;
    site.affinity_time = 1800 * SECOND;
    site.overview = make_overview;
    site.settings = make_settings;
    site.now = NOW;
    OK(!clp_channel_rows_resolve(site.channels, site.channels, tables, 0, pool), "rows");
    bind_to(bindings, "first", channel(0));
    bind_to(bindings, "second", channel(0));
    bind_to(bindings, "third", clp_channel_make("gone", pool));
    clp_affinity_put(bindings, clp_conversation_id_make(CLP_PROTOCOL_CHAT, "late", pool),
                     channel(1), NULL, NOW - 1);
    clp_child_begin(tables, NOW);
    clp_in_flight_add(tables, CLP_TABLE_CHANNELS, channel(0)->row.row);
}

int main(void)
{
    pool = tap_begin();
    setenv("TZ", "UTC0", 1);
    test_hundredths();
    test_times();
    make_site();
    make_state();
    test_metrics();
    test_state();
    test_histories();
    test_refusals();
    test_dashboard();
    test_counts();
    test_settings();
    test_uncounted();
    cJSON_Delete(document);
    return tap_end();
}
