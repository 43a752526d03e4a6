/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <apr_strings.h>

#include "upstream/headers.h"

static void test_up(apr_pool_t *pool)
{
    static const struct {
        const char *name;
        int goes;
    } rows[] = {
        {"anthropic-version", 1},
        {"anthropic-beta", 1},
        {"User-Agent", 1},
        {"Content-Type", 1},
        {"Accept", 1},
        {"x-stainless-lang", 1},
        {"x-claude-code-session-id", 1},
        {"Authorization", 0},
        {"x-api-key", 0},
        {"X-API-KEY", 0},
        {"x-goog-api-key", 0},
        {"api-key", 0},
        {"Cookie", 0},
        {"Proxy-Authorization", 0},
        {"Connection", 0},
        {"Keep-Alive", 0},
        {"Proxy-Connection", 0},
        {"TE", 0},
        {"Trailer", 0},
        {"Transfer-Encoding", 0},
        {"Upgrade", 0},
        {"Content-Length", 0},
        {"Content-Encoding", 0},
        {"Accept-Encoding", 0},
        {"Expect", 0},
        {"Host", 0},
        {"X-Forwarded-For", 0},
        {"x-forwarded-proto", 0},
        {"Forwarded", 0},
        {"OIDC_access_token", 0},
        {"OIDC_CLAIM_email", 0},
        {"x-amzn-oidc-data", 0},
        {"Cf-Access-Jwt-Assertion", 0},
        {"X-Auth-Request-Access-Token", 0},
        {"X-Hop", 0},
        {"x-hop-2", 0},
        {"X-Hop-22", 1},
    };
    apr_table_t *client = apr_table_make(pool, 4);
    apr_table_addn(client, "Connection", "keep-alive, x-HOP");
    apr_table_addn(client, "Connection", "X-Hop-2");
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        OK(clp_header_goes_up(rows[i].name, client) == rows[i].goes, "%s %s up", rows[i].name,
           rows[i].goes ? "goes" : "does not go");
    }
}

static void test_down(apr_pool_t *pool)
{
    static const struct {
        const char *name;
        int comes;
    } rows[] = {
        {"Content-Type", 1},
        {"request-id", 1},
        {"x-request-id", 1},
        {"anthropic-ratelimit-requests-remaining", 1},
        {"Retry-After", 1},
        {"x-should-retry", 1},
        {"Connection", 0},
        {"Transfer-Encoding", 0},
        {"Content-Length", 0},
        {"Content-Encoding", 0},
        {"Server", 0},
        {"Date", 0},
        {"Set-Cookie", 0},
        {"X-Api-Key", 0},
        {"Authorization", 0},
        {"Alt-Svc", 0},
        {"Strict-Transport-Security", 0},
        {"WWW-Authenticate", 0},
        {"Proxy-Authenticate", 0},
        {"Access-Control-Allow-Origin", 0},
        {"X-Hop", 0},
    };
    apr_table_t *upstream = apr_table_make(pool, 4);
    apr_table_addn(upstream, "connection", "close,X-Hop");
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        OK(clp_header_comes_down(rows[i].name, upstream) == rows[i].comes, "%s %s down",
           rows[i].name, rows[i].comes ? "comes" : "does not come");
    }
}

static void test_copy(apr_pool_t *pool)
{
    apr_table_t *from = apr_table_make(pool, 8);
    apr_table_t *to = apr_table_make(pool, 8);
    const apr_table_entry_t *e;
    apr_table_addn(from, "anthropic-beta", "a");
    apr_table_addn(from, "x-api-key", "secret");
    apr_table_addn(from, "Anthropic-Beta", "b");
    apr_table_addn(from, "x-bad", "a\r\nb: c");
    apr_table_addn(from, "bad name", "x");
    clp_headers_up(to, from);
    e = (const apr_table_entry_t *)apr_table_elts(to)->elts;
    IS_INT(apr_table_elts(to)->nelts, 2, "only what may go, and is well-formed");
    OK(!strcmp(e[0].val, "a") && !strcmp(e[1].val, "b"), "repeated fields stay apart, in order");
    apr_table_clear(to);
    apr_table_addn(from, "set-cookie", "x=1");
    apr_table_addn(from, "x-forwarded-for", "1.2.3.4");
    clp_headers_down(to, from);
    OK(apr_table_get(to, "x-forwarded-for") && !apr_table_get(to, "set-cookie"),
       "down by its own list");
}

static void test_retry_after(apr_pool_t *pool)
{
    /* Name and value of up to three fields; the status; milliseconds.
     * "Now" is Sun, 06 Nov 1994 08:49:37 GMT. */
    static const struct {
        const char *fields[6];
        int status;
        apr_int64_t ms;
    } rows[] = {
        {{NULL}, 429, -1},
        {{"retry-after", "7"}, 429, 7000},
        {{"retry-after", "0"}, 429, 0},
        {{"Retry-After", " 7 "}, 503, 7000},
        {{"retry-after", "1.5"}, 503, 1500},
        {{"retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"}, 503, 10000},
        {{"retry-after", "Sunday, 06-Nov-94 08:49:47 GMT"}, 503, 10000},
        {{"retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"}, 503, 0},
        {{"retry-after", "soon"}, 503, -1},
        {{"retry-after", "-5"}, 503, -1},
        {{"retry-after", ""}, 503, -1},
        {{"retry-after", "99999999999999999999999999"}, 503, 86400000},
        {{"retry-after", "Sun, 06 Nov 2094 08:49:37 GMT"}, 503, 86400000},
        {{"retry-after-ms", "250"}, 429, 250},
        {{"retry-after-ms", "250.7"}, 429, 250},
        {{"retry-after-ms", "250", "retry-after", "7"}, 429, 250},
        {{"retry-after-ms", "x", "retry-after", "7"}, 429, 7000},
        {{"anthropic-ratelimit-requests-reset", "1994-11-06T08:50:37Z"}, 429, 60000},
        {{"anthropic-ratelimit-requests-reset", "1994-11-06T08:50:37Z"}, 500, -1},
        {{"anthropic-ratelimit-tokens-reset", "1994-11-06T09:50:37.25+01:00"}, 429, 60250},
        {{"anthropic-ratelimit-tokens-reset", "1994-11-06T07:50:37-01:00"}, 429, 60000},
        {{"anthropic-ratelimit-tokens-reset", "1994-11-06T08:00:00Z"}, 429, 0},
        {{"anthropic-ratelimit-tokens-reset", "1994-13-06T08:00:00Z"}, 429, -1},
        {{"anthropic-ratelimit-tokens-reset", "tomorrow"}, 429, -1},
        {{"x-ratelimit-reset-requests", "1s"}, 429, 1000},
        {{"x-ratelimit-reset-requests", "6m0s"}, 429, 360000},
        {{"x-ratelimit-reset-tokens", "1h2m3.5s"}, 429, 3723500},
        {{"x-ratelimit-reset-tokens", "120ms"}, 429, 120},
        {{"x-ratelimit-reset-tokens", "7.66s"}, 429, 7660},
        {{"x-ratelimit-reset-tokens", "30"}, 429, 30000},
        {{"x-ratelimit-reset-tokens", "784111787"}, 429, 86400000},
        {{"x-ratelimit-reset-tokens", "2d"}, 429, 86400000},
        {{"x-ratelimit-reset-tokens", "5 parsecs"}, 429, -1},
        {{"x-ratelimit-reset-tokens", "5s!"}, 429, -1},
        /* the limit that was hit decides, wherever it stands */
        {{"x-ratelimit-reset-requests", "1s", "x-ratelimit-reset-tokens", "9s",
          "x-ratelimit-remaining-tokens", "0"},
         429,
         9000},
        /* none says it was hit: the first to be reset */
        {{"x-ratelimit-reset-requests", "3s", "x-ratelimit-reset-tokens", "2s",
          "x-ratelimit-remaining-tokens", "10"},
         429,
         2000},
        {{"retry-after", "4", "x-ratelimit-reset-requests", "9s"}, 429, 4000},
    };
    apr_time_t now = apr_time_from_sec(784111777);
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_table_t *t = apr_table_make(pool, 4);
        const char *const *f = rows[i].fields;
        for (int k = 0; k < 6 && f[k]; k += 2) {
            apr_table_addn(t, f[k], f[k + 1]);
        }
        IS_INT(clp_headers_retry_after(t, rows[i].status, now), rows[i].ms,
               apr_psprintf(pool, "%d %s: %s", rows[i].status, f[0] ? f[0] : "nothing",
                            f[0] ? f[1] : ""));
    }
}

static void test_form(apr_pool_t *pool)
{
    OK(clp_header_value_ok(""), "empty value");
    OK(clp_header_value_ok("a b\tc \xc3\xbc~"), "blanks and high bytes");
    OK(!clp_header_value_ok("a\r"), "CR");
    OK(!clp_header_value_ok("a\nb"), "LF");
    OK(!clp_header_value_ok("a\x01"), "control");
    OK(!clp_header_value_ok("\x7f"), "DEL");
    OK(clp_header_id_ok("req_011CSHoEeqs5C35K2UUqR7Fy"), "an id");
    OK(!clp_header_id_ok(""), "no id");
    OK(!clp_header_id_ok("req_1 2"), "a blank in an id");
    OK(!clp_header_id_ok("req_\x01"), "a control character in an id");
    OK(!clp_header_id_ok("req_\xc3\xbc"), "high bytes in an id");
    OK(clp_header_id_ok(apr_psprintf(pool, "%0128d", 1)), "a long id");
    OK(!clp_header_id_ok(apr_psprintf(pool, "%0129d", 1)), "too long an id");
    OK(clp_header_name_ok("X-a_1.b~"), "token");
    OK(!clp_header_name_ok(""), "empty name");
    OK(!clp_header_name_ok("a b"), "blank in a name");
    OK(!clp_header_name_ok("a:"), "colon in a name");
    OK(!clp_header_name_ok("\xc3\xbc"), "high bytes in a name");
    OK(!clp_header_name_ok("a\r"), "CR in a name");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_up(pool);
    test_down(pool);
    test_copy(pool);
    test_retry_after(pool);
    test_form(pool);
    return tap_end();
}
