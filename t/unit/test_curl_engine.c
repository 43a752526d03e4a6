/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_strings.h>

#include "http_peer.h"
#include "transfer_run.h"
#include "upstream/curl_engines.h"

/* Path, what must come of it. */
static void test_answers(clp_transport *e, apr_pool_t *pool)
{
    static const struct {
        const char *path;
        clp_transfer_end how;
        int status; /* 0: no head is told */
        const char *body;
    } rows[] = {
        {"/hello", CLP_TRANSFER_DONE, 200, "hello"},
        {"/drip", CLP_TRANSFER_DONE, 200, "hello world"},
        {"/delay", CLP_TRANSFER_DONE, 200, "late"},
        {"/cut-length", CLP_TRANSFER_CUT, 200, "only this"},
        {"/cut-chunked", CLP_TRANSFER_CUT, 200, "hello"},
        {"/cut-in-chunk", CLP_TRANSFER_CUT, 200, "hello"},
        {"/cut-head", CLP_TRANSFER_BAD_ANSWER, 0, ""},
        {"/close-framed", CLP_TRANSFER_DONE, 200, "until the end"},
        {"/nothing", CLP_TRANSFER_CUT, 0, ""},
        {"/empty", CLP_TRANSFER_DONE, 204, ""},
        {"/interim", CLP_TRANSFER_DONE, 200, "ok"},
        {"/trailer", CLP_TRANSFER_DONE, 200, "ok"},
        {"/folded", CLP_TRANSFER_DONE, 200, "ok"},
        {"/error", CLP_TRANSFER_DONE, 529, "{}"},
        {"/not-http", CLP_TRANSFER_BAD_ANSWER, 0, ""},
        {"/bad-gzip", CLP_TRANSFER_BAD_CODING, 200, ""},
        {"/odd-coding", CLP_TRANSFER_BAD_CODING, 200, ""},
        {"/huge-field", CLP_TRANSFER_BAD_ANSWER, 0, ""},
        {"/huge-head", CLP_TRANSFER_BAD_ANSWER, 0, ""},
        {"/wide-head", CLP_TRANSFER_DONE, 200, "ok"},
    };
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        transfer_run *s = transfer_get(e, rows[i].path, transfer_no_timeouts, pool);
        int right = s->ends == 1 && s->how == rows[i].how && s->status == rows[i].status &&
                    s->heads == (rows[i].status != 0) && !s->calls_after_end &&
                    clp_span_is(clp_buffer_all(&s->body), rows[i].body);
        OK(right, "%s: %s", rows[i].path, clp_transfer_end_text(rows[i].how));
        if (!right) {
            tap_diag("got %s (%s), status %d, heads %d, ends %d, body %.*s",
                     clp_transfer_end_text(s->how), s->detail, s->status, s->heads, s->ends,
                     (int)s->body.n, s->body.p ? s->body.p : "");
        }
    }
}

static int count_header(void *n, const char *name, const char *value)
{
    (void)name;
    (void)value;
    ++*(int *)n;
    return 1;
}

static void test_headers(clp_transport *e, apr_pool_t *pool)
{
    int n = 0;
    transfer_run *s = transfer_get(e, "/hello", transfer_no_timeouts, pool);
    apr_table_do(count_header, &n, s->headers, "x-twice", NULL);
    IS_INT(n, 2, "repeated fields stay apart");
    IS_STR(apr_table_get(s->headers, "x-empty"), "", "an empty value is there");
    apr_table_t *both = apr_table_copy(pool, s->headers);
    apr_table_compress(both, APR_OVERLAP_TABLES_MERGE);
    IS_STR(apr_table_get(both, "x-twice"), "one, two", "blanks around values go");
    s = transfer_get(e, "/interim", transfer_no_timeouts, pool);
    OK(!apr_table_get(s->headers, "x-early"), "fields of interim answers are forgotten");
    s = transfer_get(e, "/trailer", transfer_no_timeouts, pool);
    OK(!apr_table_get(s->headers, "x-trailer"), "trailer fields are not headers");
    s = transfer_get(e, "/folded", transfer_no_timeouts, pool);
    IS_STR(apr_table_get(s->headers, "x-folded"), "a b", "folded lines are joined");
    s = transfer_get(e, "/gzip", transfer_no_timeouts, pool);
    IS_INT(s->body.n, 2000, "gzip is decoded");
    OK(s->body.n && s->body.p[1999] == 'g', "to the right bytes");
}

static void test_request(clp_transport *e, apr_pool_t *pool)
{
    apr_table_t *headers = apr_table_make(pool, 4);
    transfer_run *s = transfer_make(e, pool);
    clp_transfer_request r = {.method = "POST", .headers = headers};
    apr_table_addn(headers, "x-api-key", "secret-key");
    apr_table_addn(headers, "X-Empty", "");
    apr_table_addn(headers, "Content-Length", "999");
    r.url = transfer_url("/count?a=b", pool);
    r.body = CLP_SPAN_LIT("{\"a\":1}");
    transfer_begin(s, &r);
    transfer_finish(s);
    IS_INT(s->how, CLP_TRANSFER_DONE, "POST is answered");
    OK(s->body.n > 2 && !memcmp(s->body.p, "7 ", 2), "the body arrived whole");
    OK(!strncmp(http_peer.head, "POST /count?a=b HTTP/1.1\r\n", 26), "request line");
    OK(strstr(http_peer.head, "\r\nx-api-key: secret-key\r\n"), "a field is sent as given");
    OK(strstr(http_peer.head, "\r\nX-Empty:\r\n"), "an empty field is sent empty");
    OK(strstr(http_peer.head, "\r\nContent-Length: 7\r\n") && !strstr(http_peer.head, "999"),
       "framing is the transport's");
    OK(strstr(http_peer.head, "\r\nAccept-Encoding: ") && strstr(http_peer.head, "gzip"),
       "codings are offered");
    OK(!strcasestr(http_peer.head, "\r\nAccept: ") && !strcasestr(http_peer.head, "\r\nExpect") &&
           !strcasestr(http_peer.head, "\r\nUser-Agent") &&
           !strcasestr(http_peer.head, "\r\nContent-Type"),
       "nothing else is added");

    s = transfer_make(e, pool);
    http_peer.keys_seen = 0;
    r.url = transfer_url("/redirect", pool);
    transfer_begin(s, &r);
    transfer_finish(s);
    OK(s->how == CLP_TRANSFER_DONE && s->status == 302, "a redirect is an answer");
    IS_INT(http_peer.keys_seen, 1, "the key was sent once");

    s = transfer_make(e, pool);
    r.method = "HEAD";
    r.body = clp_span_of(NULL, 0);
    r.url = transfer_url("/redirect", pool);
    transfer_begin(s, &r);
    transfer_finish(s);
    OK(s->how == CLP_TRANSFER_DONE && !s->body.n, "HEAD has no body");

    s = transfer_make(e, pool);
    r.method = "DELETE";
    r.url = transfer_url("/hello", pool);
    transfer_begin(s, &r);
    transfer_finish(s);
    OK(s->how == CLP_TRANSFER_DONE && !strncmp(http_peer.head, "DELETE ", 7), "other methods");
}

static void test_refused_requests(clp_transport *e, apr_pool_t *pool)
{
    static const char *const urls[] = {"ftp://127.0.0.1/x", "http://", "http://[::1",
                                       "nonsense://h"};
    int before = http_peer.requests;
    for (int i = 0; i < 4; i++) {
        transfer_run *s = transfer_make(e, pool);
        clp_transfer_request r = {.method = "GET", .url = urls[i]};
        transfer_begin(s, &r);
        OK(!s->ends, "start() calls nobody (%s)", urls[i]);
        transfer_finish(s);
        IS_INT(s->how, CLP_TRANSFER_FAILED, urls[i]);
    }
    apr_table_t *headers = apr_table_make(pool, 1);
    apr_table_addn(headers, "x-a", "b\r\nx-api-key: forged");
    transfer_run *s = transfer_make(e, pool);
    clp_transfer_request r = {.method = "GET", .headers = headers};
    r.url = transfer_url("/hello", pool);
    transfer_begin(s, &r);
    transfer_finish(s);
    IS_INT(s->how, CLP_TRANSFER_FAILED, "a value with a line end is refused");
    OK(strstr(s->detail, "x-a") && !strstr(s->detail, "forged"), "the detail names the field only");

    clp_tls tls = {.verify = 1, .ca_file = "/nonexistent/ca.pem"};
    s = transfer_make(e, pool);
    r = (clp_transfer_request){.method = "GET", .tls = &tls};
    r.url = apr_psprintf(pool, "https://127.0.0.1:%d/", http_peer.port);
    transfer_begin(s, &r);
    transfer_finish(s);
    IS_INT(s->how, CLP_TRANSFER_FAILED, "a CA file that is not there");
    IS_INT(http_peer.requests, before, "none of these reached the server");
}

static void test_reuse(clp_curl_engines *set, apr_pool_t *pool)
{
    clp_transport *e = clp_curl_engine_take(set);
    clp_transport *other;
    int before = 0;
    for (int i = 0; i < 5; i++) {
        transfer_run *s = transfer_get(e, "/hello", transfer_no_timeouts, pool);
        OK(s->how == CLP_TRANSFER_DONE, "transfer %d", i);
        if (i == 0) { /* now the peer has taken what earlier tests opened, too */
            before = http_peer_connections();
        }
    }
    IS_INT(http_peer_connections() - before, 0, "one connection for all");
    other = clp_curl_engine_take(set);
    OK(other != e, "a taken engine is nobody else's");
    clp_curl_engine_give(set, other);
    clp_curl_engine_give(set, e);
    OK(clp_curl_engine_take(set) == e, "the last one given is the first one taken");
    transfer_get(e, "/hello", transfer_no_timeouts, pool);
    IS_INT(http_peer_connections() - before, 0, "it kept its connection");

    /* Kept connections die: by the time they are used again, or when they are. */
    static const char *const fragile[] = {"/whole-then-close", "/only-first"};
    for (int i = 0; i < 2; i++) {
        transfer_run *s = transfer_get(e, fragile[i], transfer_no_timeouts, pool);
        OK(s->how == CLP_TRANSFER_DONE, "%s: a connection to be kept", fragile[i]);
        usleep(20000);
        s = transfer_make(e, pool);
        clp_transfer_request r = {.method = "POST", .body = CLP_SPAN_LIT("{}")};
        r.url = transfer_url(fragile[i], pool);
        transfer_begin(s, &r);
        transfer_finish(s);
        OK(s->how == CLP_TRANSFER_DONE && s->heads == 1, "%s: the next goes by a new one",
           fragile[i]);
    }
    clp_curl_engine_give(set, e);
}

static void test_inheritance(void)
{
    int found = 0;
    int kept = 0;
    for (int fd = 3; fd < 200; fd++) {
        struct sockaddr_in a;
        socklen_t n = sizeof(a);
        if (!getpeername(fd, (struct sockaddr *)&a, &n) && a.sin_family == AF_INET &&
            ntohs(a.sin_port) == http_peer.port) {
            found++;
            kept += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
    }
    OK(found > 0 && !kept, "programs started by the server inherit none of %d connections", found);
}

static void test_big(clp_transport *e, apr_pool_t *pool)
{
    char *body = apr_palloc(pool, HTTP_PEER_BIG);
    unsigned sum = 0;
    int same = 1;
    transfer_run *s = transfer_make(e, pool);
    clp_transfer_request r = {.method = "POST"};
    for (int i = 0; i < HTTP_PEER_BIG; i++) {
        body[i] = (char)(i * 7 + i / 251);
        sum = sum * 31 + (unsigned char)body[i];
    }
    r.url = transfer_url("/count", pool);
    r.body = clp_span_of(body, HTTP_PEER_BIG);
    transfer_begin(s, &r);
    transfer_finish(s);
    IS_SPAN(clp_buffer_all(&s->body), clp_span_str(apr_psprintf(pool, "%d %u", HTTP_PEER_BIG, sum)),
            "5 MB up, byte for byte");
    s = transfer_get(e, "/big", transfer_no_timeouts, pool);
    for (int i = 0; i < HTTP_PEER_BIG && same; i++) {
        same = s->body.n == HTTP_PEER_BIG && s->body.p[i] == (char)('a' + i % 23);
    }
    OK(same && s->how == CLP_TRANSFER_DONE, "5 MB down, byte for byte");
}

/* Two transfers at once on one engine. */
static void test_parallel(clp_transport *e, apr_pool_t *pool)
{
    transfer_run *a = transfer_make(e, pool);
    transfer_run *b = transfer_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    r.url = transfer_url("/delay", pool);
    transfer_begin(a, &r);
    r.url = transfer_url("/hello", pool);
    transfer_begin(b, &r);
    transfer_finish(b);
    OK(b->ends && !a->ends, "the faster one ends first");
    transfer_finish(a);
    OK(a->how == CLP_TRANSFER_DONE && clp_span_is(clp_buffer_all(&a->body), "late"),
       "then the other");
}

int main(void)
{
    apr_pool_t *root = tap_begin();
    apr_pool_t *pool;
    clp_curl_engines *set;
    clp_transport *e;
    apr_pool_create(&pool, root);
    /* Both must be ignored: a channel's proxy is what its configuration says. */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("no_proxy", "127.0.0.1", 1);
    http_peer_start();
    set = clp_curl_engines_make(pool, 4);
    e = clp_curl_engine_take(set);
    test_answers(e, pool);
    test_headers(e, pool);
    test_request(e, pool);
    test_reuse(set, pool);
    test_inheritance();
    test_big(e, pool);
    test_parallel(e, pool);
    /* Last: it leaves a connection that the server may not have counted yet. */
    test_refused_requests(e, pool);
    return tap_end();
}
