/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "upstream/curl_engine.h"
#include "wire/buffer.h"

/* --- a scripted upstream ---------------------------------------------------- */

#define BIG (5 * 1024 * 1024)

typedef enum ending { KEEP, CLOSE, HANG } ending;

/* What the server does for a path. */
typedef struct script {
    const char *path;
    const char *answer;
    int delay_ms; /* before the answer */
    int drip;     /* bytes a send, 0 = all at once */
    int drip_ms;  /* between sends */
    ending then;
} script;

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"

static const script scripts[] = {
    {"/hello",
     OK_HEAD "X-Twice: one\r\nx-twice:  two \t\r\nX-Empty:\r\nContent-Length: 5\r\n\r\nhello", 0, 0,
     0, KEEP},
    {"/drip", CHUNKED "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 0, 1, 1, KEEP},
    {"/delay", OK_HEAD "Content-Length: 4\r\n\r\nlate", 150, 0, 0, KEEP},
    {"/cut-length", OK_HEAD "Content-Length: 50\r\n\r\nonly this", 0, 0, 0, CLOSE},
    {"/cut-chunked", CHUNKED "5\r\nhello\r\n", 0, 0, 0, CLOSE},
    {"/cut-in-chunk", CHUNKED "50\r\nhello", 0, 0, 0, CLOSE},
    {"/cut-head", "HTTP/1.1 200 OK\r\nContent-Ty", 0, 0, 0, CLOSE},
    {"/close-framed", OK_HEAD "\r\nuntil the end", 0, 0, 0, CLOSE},
    {"/whole-then-close", OK_HEAD "Content-Length: 2\r\n\r\nok", 0, 0, 0, CLOSE},
    {"/only-first", OK_HEAD "Content-Length: 2\r\n\r\nok", 0, 0, 0, KEEP},
    {"/nothing", "", 0, 0, 0, CLOSE},
    {"/empty", "HTTP/1.1 204 No Content\r\n\r\n", 0, 0, 0, KEEP},
    {"/redirect", "HTTP/1.1 302 Found\r\nLocation: /hello\r\nContent-Length: 4\r\n\r\nmove", 0, 0,
     0, KEEP},
    {"/interim",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n" OK_HEAD
     "Content-Length: 2\r\n\r\nok",
     0, 0, 0, KEEP},
    {"/trailer", CHUNKED "2\r\nok\r\n0\r\nX-Trailer: t\r\n\r\n", 0, 0, 0, KEEP},
    {"/folded", OK_HEAD "X-Folded: a\r\n  b\r\nContent-Length: 2\r\n\r\nok", 0, 0, 0, KEEP},
    {"/error", "HTTP/1.1 529 Overloaded\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}", 0, 0, 0,
     KEEP},
    {"/not-http", "SSH-2.0-OpenSSH_9.2\r\n", 0, 0, 0, CLOSE},
    {"/bad-gzip", OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\nnot gzip at!", 0, 0,
     0, KEEP},
    {"/odd-coding", OK_HEAD "Content-Encoding: rot13\r\nContent-Length: 5\r\n\r\nuryyb", 0, 0, 0,
     KEEP},
    {"/silent", "", 0, 0, 0, HANG},
    {"/head-only", CHUNKED, 0, 0, 0, HANG},
    {"/stall", CHUNKED "5\r\nhello\r\n", 0, 0, 0, HANG},
    {"/slow-stream",
     CHUNKED "5\r\naaaaa\r\n5\r\nbbbbb\r\n5\r\nccccc\r\n5\r\nddddd\r\n5\r\neeeee\r\n"
             "5\r\nfffff\r\n0\r\n\r\n",
     0, 10, 40, KEEP},
};

static struct {
    int listener;
    int port;
    int connections;
    int requests;
    int keys_seen; /* requests that carried the credential */
    pthread_mutex_t mutex;
    char head[8192]; /* of the last request */
} server = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static int send_all(int fd, const char *p, apr_size_t n)
{
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return 0;
        }
        p += sent;
        n -= (apr_size_t)sent;
    }
    return 1;
}

static int play(int fd, const script *s)
{
    apr_size_t n = strlen(s->answer);
    apr_size_t step = s->drip ? (apr_size_t)s->drip : n;
    usleep((useconds_t)s->delay_ms * 1000);
    for (apr_size_t at = 0; at < n; at += step) {
        if (!send_all(fd, s->answer + at, n - at < step ? n - at : step)) {
            return 0;
        }
        usleep((useconds_t)s->drip_ms * 1000);
    }
    if (s->then == HANG) {
        char c;
        while (recv(fd, &c, 1, 0) > 0) {
        }
    }
    return s->then == KEEP;
}

static int answer_gzip(int fd)
{
    unsigned char out[4096];
    char in[2000];
    char head[200];
    z_stream z = {0};
    memset(in, 'g', sizeof(in));
    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (unsigned char *)in;
    z.avail_in = sizeof(in);
    z.next_out = out;
    z.avail_out = sizeof(out);
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    snprintf(head, sizeof(head), OK_HEAD "Content-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
             z.total_out);
    return send_all(fd, head, strlen(head)) && send_all(fd, (char *)out, z.total_out);
}

static int answer_big(int fd)
{
    char *all = malloc(BIG);
    char head[200];
    int sent;
    for (int i = 0; i < BIG; i++) {
        all[i] = (char)('a' + i % 23);
    }
    snprintf(head, sizeof(head), OK_HEAD "Content-Length: %d\r\n\r\n", BIG);
    sent = send_all(fd, head, strlen(head)) && send_all(fd, all, BIG);
    free(all);
    return sent;
}

/* A head with one field of the given size, or many that make up the size. */
static int answer_huge_head(int fd, int size, int fields)
{
    char *field = malloc((apr_size_t)size + 100);
    int ok = send_all(fd, OK_HEAD, strlen(OK_HEAD));
    for (int i = 0; ok && i < fields; i++) {
        int n = snprintf(field, 100, "X-F%d: ", i);
        memset(field + n, 'x', (apr_size_t)size);
        memcpy(field + n + size, "\r\n", 2);
        ok = send_all(fd, field, (apr_size_t)(n + size) + 2);
    }
    free(field);
    return ok && send_all(fd, "Content-Length: 2\r\n\r\nok", 23);
}

static int answer_count(int fd, apr_size_t got, unsigned sum)
{
    char body[64];
    char head[256];
    snprintf(body, sizeof(body), "%lu %u", (unsigned long)got, sum);
    snprintf(head, sizeof(head), OK_HEAD "Content-Length: %lu\r\n\r\n%s",
             (unsigned long)strlen(body), body);
    return send_all(fd, head, strlen(head));
}

/* Read one request; *got and *sum tell of its body. */
static int read_request(int fd, char *head, apr_size_t room, apr_size_t *got, unsigned *sum)
{
    apr_size_t n = 0;
    char *end = NULL;
    const char *length;
    apr_size_t want = 0;
    char buf[65536];
    while (!end) {
        ssize_t r = n + 1 < room ? recv(fd, head + n, room - n - 1, 0) : 0;
        if (r <= 0) {
            return 0;
        }
        n += (apr_size_t)r;
        head[n] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    end += 4;
    length = strcasestr(head, "\r\nContent-Length: ");
    if (length && length < end) {
        want = strtoul(length + 18, NULL, 10);
    }
    *got = n - (apr_size_t)(end - head);
    *sum = 0;
    for (char *p = end; p < head + n; p++) {
        *sum = *sum * 31 + (unsigned char)*p;
    }
    *end = '\0';
    while (*got < want) {
        ssize_t r = recv(fd, buf, sizeof(buf), 0);
        if (r <= 0) {
            return 0;
        }
        for (ssize_t i = 0; i < r; i++) {
            *sum = *sum * 31 + (unsigned char)buf[i];
        }
        *got += (apr_size_t)r;
    }
    return 1;
}

static int serve(int fd, const char *path, apr_size_t got, unsigned sum)
{
    for (apr_size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (!strcmp(scripts[i].path, path)) {
            return play(fd, &scripts[i]);
        }
    }
    if (!strcmp(path, "/gzip")) {
        return answer_gzip(fd);
    }
    if (!strcmp(path, "/big")) {
        return answer_big(fd);
    }
    if (!strcmp(path, "/huge-field")) {
        return answer_huge_head(fd, 150000, 1);
    }
    if (!strcmp(path, "/huge-head")) {
        return answer_huge_head(fd, 50000, 6);
    }
    if (!strcmp(path, "/wide-head")) {
        return answer_huge_head(fd, 50000, 4);
    }
    return answer_count(fd, got, sum);
}

static void *connection(void *arg)
{
    int fd = (int)(long)arg;
    char head[8192];
    char path[256];
    apr_size_t got;
    unsigned sum;
    int nth = 0;
    while (read_request(fd, head, sizeof(head), &got, &sum)) {
        sscanf(head, "%*s %255s", path);
        if (nth++ && !strcmp(path, "/only-first")) {
            break;
        }
        pthread_mutex_lock(&server.mutex);
        server.requests++;
        server.keys_seen += strstr(head, "secret-key") != NULL;
        snprintf(server.head, sizeof(server.head), "%s", head);
        pthread_mutex_unlock(&server.mutex);
        if (!serve(fd, path, got, sum)) {
            break;
        }
    }
    shutdown(fd, SHUT_WR);
    close(fd);
    return NULL;
}

static void *accept_loop(void *arg)
{
    (void)arg;
    for (;;) {
        pthread_t thread;
        int fd = accept(server.listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        pthread_mutex_lock(&server.mutex);
        server.connections++;
        pthread_mutex_unlock(&server.mutex);
        pthread_create(&thread, NULL, connection, (void *)(long)fd);
        pthread_detach(thread);
    }
}

static int listen_on_loopback(int backlog, int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, backlog) ||
        getsockname(fd, (struct sockaddr *)&a, &n)) {
        printf("Bail out! no listener\n");
        exit(1);
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static int connections_now(void)
{
    int n;
    pthread_mutex_lock(&server.mutex);
    n = server.connections;
    pthread_mutex_unlock(&server.mutex);
    return n;
}

/* --- a client ---------------------------------------------------------------- */

typedef struct seen {
    clp_transport *engine;
    clp_transfer *transfer;
    apr_pool_t *pool;
    clp_buffer body;
    int heads;
    int status;
    const apr_table_t *headers;
    int ends;
    clp_transfer_end how;
    char detail[300];
    int calls_after_end;
    int steps;
    int cancel_in_head;
    int cancel_in_body;
    int drop_pool_at_end;
    struct seen *then; /* started from on_end */
    const char *then_path;
} seen;

static const char *url_of(const char *path, apr_pool_t *pool)
{
    return apr_psprintf(pool, "http://127.0.0.1:%d%s", server.port, path);
}

static void on_head(void *ctx, int status, const apr_table_t *headers)
{
    seen *s = ctx;
    s->heads++;
    s->status = status;
    s->headers = headers;
    s->calls_after_end += s->ends;
    if (s->cancel_in_head) {
        s->engine->cancel(s->engine, s->transfer);
    }
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    seen *s = ctx;
    s->calls_after_end += s->ends;
    clp_buffer_append(&s->body, p, n);
    if (s->cancel_in_body) {
        s->engine->cancel(s->engine, s->transfer);
    }
}

static void begin(seen *s, const clp_transfer_request *request);

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    seen *s = ctx;
    s->ends++;
    s->how = how;
    apr_cpystrn(s->detail, detail ? detail : "", sizeof(s->detail));
    if (s->then) {
        clp_transfer_request r = {.method = "GET"};
        r.url = url_of(s->then_path, s->then->pool);
        begin(s->then, &r);
    }
    if (s->drop_pool_at_end) {
        apr_pool_clear(s->pool);
    }
}

static seen *seen_make(clp_transport *engine, apr_pool_t *pool)
{
    seen *s = apr_pcalloc(pool, sizeof(*s));
    s->engine = engine;
    clp_buffer_init(&s->body, pool, 0);
    apr_pool_create(&s->pool, pool);
    return s;
}

static void begin(seen *s, const clp_transfer_request *request)
{
    clp_transfer_handler h = {s, on_head, on_bytes, on_end};
    s->transfer = s->engine->start(s->engine, request, &h, s->pool);
}

/* Step until it ends; gives up (and fails the test by its checks) after 10 s. */
static void finish(seen *s)
{
    apr_time_t until = apr_time_now() + apr_time_from_sec(10);
    while (!s->ends && apr_time_now() < until) {
        int ready;
        s->engine->step(s->engine, -1, apr_time_from_sec(5), &ready);
        s->steps++;
    }
}

static seen *get(clp_transport *engine, const char *path, clp_timeouts timeouts, apr_pool_t *pool)
{
    seen *s = seen_make(engine, pool);
    clp_transfer_request r = {.method = "GET", .timeouts = timeouts};
    r.url = url_of(path, pool);
    begin(s, &r);
    finish(s);
    return s;
}

static const clp_timeouts no_timeouts = {0, 0, 0, 0};

/* --- tests -------------------------------------------------------------------- */

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
        seen *s = get(e, rows[i].path, no_timeouts, pool);
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
    seen *s = get(e, "/hello", no_timeouts, pool);
    apr_table_do(count_header, &n, s->headers, "x-twice", NULL);
    IS_INT(n, 2, "repeated fields stay apart");
    IS_STR(apr_table_get(s->headers, "x-empty"), "", "an empty value is there");
    apr_table_t *both = apr_table_copy(pool, s->headers);
    apr_table_compress(both, APR_OVERLAP_TABLES_MERGE);
    IS_STR(apr_table_get(both, "x-twice"), "one, two", "blanks around values go");
    s = get(e, "/interim", no_timeouts, pool);
    OK(!apr_table_get(s->headers, "x-early"), "fields of interim answers are forgotten");
    s = get(e, "/trailer", no_timeouts, pool);
    OK(!apr_table_get(s->headers, "x-trailer"), "trailer fields are not headers");
    s = get(e, "/folded", no_timeouts, pool);
    IS_STR(apr_table_get(s->headers, "x-folded"), "a b", "folded lines are joined");
    s = get(e, "/gzip", no_timeouts, pool);
    IS_INT(s->body.n, 2000, "gzip is decoded");
    OK(s->body.n && s->body.p[1999] == 'g', "to the right bytes");
}

static void test_request(clp_transport *e, apr_pool_t *pool)
{
    apr_table_t *headers = apr_table_make(pool, 4);
    seen *s = seen_make(e, pool);
    clp_transfer_request r = {.method = "POST", .headers = headers};
    apr_table_addn(headers, "x-api-key", "secret-key");
    apr_table_addn(headers, "X-Empty", "");
    apr_table_addn(headers, "Content-Length", "999");
    r.url = url_of("/count?a=b", pool);
    r.body = CLP_SPAN_LIT("{\"a\":1}");
    begin(s, &r);
    finish(s);
    IS_INT(s->how, CLP_TRANSFER_DONE, "POST is answered");
    OK(s->body.n > 2 && !memcmp(s->body.p, "7 ", 2), "the body arrived whole");
    OK(!strncmp(server.head, "POST /count?a=b HTTP/1.1\r\n", 26), "request line");
    OK(strstr(server.head, "\r\nx-api-key: secret-key\r\n"), "a field is sent as given");
    OK(strstr(server.head, "\r\nX-Empty:\r\n"), "an empty field is sent empty");
    OK(strstr(server.head, "\r\nContent-Length: 7\r\n") && !strstr(server.head, "999"),
       "framing is the transport's");
    OK(strstr(server.head, "\r\nAccept-Encoding: ") && strstr(server.head, "gzip"),
       "codings are offered");
    OK(!strcasestr(server.head, "\r\nAccept: ") && !strcasestr(server.head, "\r\nExpect") &&
           !strcasestr(server.head, "\r\nUser-Agent") &&
           !strcasestr(server.head, "\r\nContent-Type"),
       "nothing else is added");

    s = seen_make(e, pool);
    server.keys_seen = 0;
    r.url = url_of("/redirect", pool);
    begin(s, &r);
    finish(s);
    OK(s->how == CLP_TRANSFER_DONE && s->status == 302, "a redirect is an answer");
    IS_INT(server.keys_seen, 1, "the key was sent once");

    s = seen_make(e, pool);
    r.method = "HEAD";
    r.body = clp_span_of(NULL, 0);
    r.url = url_of("/redirect", pool);
    begin(s, &r);
    finish(s);
    OK(s->how == CLP_TRANSFER_DONE && !s->body.n, "HEAD has no body");

    s = seen_make(e, pool);
    r.method = "DELETE";
    r.url = url_of("/hello", pool);
    begin(s, &r);
    finish(s);
    OK(s->how == CLP_TRANSFER_DONE && !strncmp(server.head, "DELETE ", 7), "other methods");
}

static void test_refused_requests(clp_transport *e, apr_pool_t *pool)
{
    static const char *const urls[] = {"ftp://127.0.0.1/x", "http://", "http://[::1",
                                       "nonsense://h"};
    int before = server.requests;
    for (int i = 0; i < 4; i++) {
        seen *s = seen_make(e, pool);
        clp_transfer_request r = {.method = "GET", .url = urls[i]};
        begin(s, &r);
        OK(!s->ends, "start() calls nobody (%s)", urls[i]);
        finish(s);
        IS_INT(s->how, CLP_TRANSFER_FAILED, urls[i]);
    }
    apr_table_t *headers = apr_table_make(pool, 1);
    apr_table_addn(headers, "x-a", "b\r\nx-api-key: forged");
    seen *s = seen_make(e, pool);
    clp_transfer_request r = {.method = "GET", .headers = headers};
    r.url = url_of("/hello", pool);
    begin(s, &r);
    finish(s);
    IS_INT(s->how, CLP_TRANSFER_FAILED, "a value with a line end is refused");
    OK(strstr(s->detail, "x-a") && !strstr(s->detail, "forged"), "the detail names the field only");

    clp_tls tls = {.verify = 1, .ca_file = "/nonexistent/ca.pem"};
    s = seen_make(e, pool);
    r = (clp_transfer_request){.method = "GET", .tls = &tls};
    r.url = apr_psprintf(pool, "https://127.0.0.1:%d/", server.port);
    begin(s, &r);
    finish(s);
    IS_INT(s->how, CLP_TRANSFER_FAILED, "a CA file that is not there");
    IS_INT(server.requests, before, "none of these reached the server");
}

static void test_no_connection(clp_transport *e, apr_pool_t *pool)
{
    int port;
    int fd = listen_on_loopback(1, &port);
    seen *s = seen_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    close(fd);
    r.url = apr_psprintf(pool, "http://127.0.0.1:%d/", port);
    begin(s, &r);
    finish(s);
    IS_INT(s->how, CLP_TRANSFER_NO_CONNECT, "connection refused");

    s = seen_make(e, pool);
    r.url = "http://name.invalid/";
    begin(s, &r);
    finish(s);
    IS_INT(s->how, CLP_TRANSFER_NO_HOST, "no such host");

    s = seen_make(e, pool);
    r.url = url_of("/hello", pool);
    r.proxy = apr_psprintf(pool, "http://127.0.0.1:%d", port);
    begin(s, &r);
    finish(s);
    IS_INT(s->how, CLP_TRANSFER_NO_CONNECT, "the proxy is used, and refuses");

    s = seen_make(e, pool);
    r.proxy = NULL;
    r.url = apr_psprintf(pool, "https://127.0.0.1:%d/", server.port);
    clp_tls tls = {.verify = 1};
    r.tls = &tls;
    r.timeouts.total_ms = 3000;
    begin(s, &r);
    /* The server waits for the end of a head that never comes; it answers to
     * no TLS. Told by the deadline, or by the handshake if it gives up. */
    finish(s);
    OK(s->how == CLP_TRANSFER_LATE_TOTAL || s->how == CLP_TRANSFER_NO_TLS, "no TLS there");
}

/* A listener whose queue is full does not answer further SYNs. */
static void test_connect_deadline(clp_transport *e, apr_pool_t *pool)
{
    int port;
    int listener = listen_on_loopback(0, &port);
    int fillers[4];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    seen *s = seen_make(e, pool);
    clp_transfer_request r = {.method = "GET",
                              .timeouts = {.connect_ms = 200, .first_byte_ms = 3000}};
    a.sin_port = htons((in_port_t)port);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        OK(connect(fillers[i], (struct sockaddr *)&a, sizeof(a)) <= 0, "fill the queue");
    }
    r.url = apr_psprintf(pool, "http://127.0.0.1:%d/", port);
    begin(s, &r);
    finish(s);
    IS_INT(s->how, CLP_TRANSFER_LATE_CONNECT, "no connection in time");
    for (int i = 0; i < 4; i++) {
        close(fillers[i]);
    }
    close(listener);
}

static void test_deadlines(clp_transport *e, apr_pool_t *pool)
{
    static const struct {
        const char *path;
        clp_timeouts timeouts;
        clp_transfer_end how;
        int at_least_ms;
    } rows[] = {
        {"/silent", {100, 250, 0, 0}, CLP_TRANSFER_LATE_FIRST_BYTE, 250},
        {"/head-only", {0, 200, 0, 0}, CLP_TRANSFER_LATE_FIRST_BYTE, 200},
        {"/stall", {0, 100, 200, 0}, CLP_TRANSFER_LATE_IDLE, 200},
        {"/slow-stream", {0, 0, 1000, 150}, CLP_TRANSFER_LATE_TOTAL, 150},
        {"/slow-stream", {100, 2000, 150, 0}, CLP_TRANSFER_DONE, 200},
    };
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_time_t began = apr_time_now();
        seen *s = get(e, rows[i].path, rows[i].timeouts, pool);
        int ms = (int)apr_time_as_msec(apr_time_now() - began);
        OK(s->how == rows[i].how && s->ends == 1, "%s: %s", rows[i].path,
           clp_transfer_end_text(rows[i].how));
        OK(ms >= rows[i].at_least_ms && ms < rows[i].at_least_ms + 1500, "in time (%d ms)", ms);
        OK(s->steps < 60, "without spinning (%d steps)", s->steps);
    }
}

/* Time that nobody steps (the client reads slowly) is no idle time. */
static void test_pause(clp_transport *e, apr_pool_t *pool)
{
    seen *s = seen_make(e, pool);
    clp_transfer_request r = {.method = "GET", .timeouts = {.idle_ms = 150}};
    int ready;
    r.url = url_of("/stall", pool);
    begin(s, &r);
    while (!s->body.n && !s->ends) {
        e->step(e, -1, apr_time_from_sec(5), &ready);
    }
    usleep(300000);
    e->step(e, -1, 0, &ready);
    OK(!s->ends, "a pause of ours does not end the transfer");
    finish(s);
    IS_INT(s->how, CLP_TRANSFER_LATE_IDLE, "a pause of the upstream's does");
}

static void test_reuse(clp_curl_engines *set, apr_pool_t *pool)
{
    clp_transport *e = clp_curl_engine_take(set);
    clp_transport *other;
    int before = connections_now();
    for (int i = 0; i < 5; i++) {
        seen *s = get(e, "/hello", no_timeouts, pool);
        OK(s->how == CLP_TRANSFER_DONE, "transfer %d", i);
    }
    IS_INT(connections_now() - before, 1, "one connection for all");
    other = clp_curl_engine_take(set);
    OK(other != e, "a taken engine is nobody else's");
    clp_curl_engine_give(set, other);
    clp_curl_engine_give(set, e);
    OK(clp_curl_engine_take(set) == e, "the last one given is the first one taken");
    get(e, "/hello", no_timeouts, pool);
    IS_INT(connections_now() - before, 1, "it kept its connection");

    /* Kept connections die: by the time they are used again, or when they are. */
    static const char *const fragile[] = {"/whole-then-close", "/only-first"};
    for (int i = 0; i < 2; i++) {
        seen *s = get(e, fragile[i], no_timeouts, pool);
        OK(s->how == CLP_TRANSFER_DONE, "%s: a connection to be kept", fragile[i]);
        usleep(20000);
        s = seen_make(e, pool);
        clp_transfer_request r = {.method = "POST", .body = CLP_SPAN_LIT("{}")};
        r.url = url_of(fragile[i], pool);
        begin(s, &r);
        finish(s);
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
            ntohs(a.sin_port) == server.port) {
            found++;
            kept += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
    }
    OK(found > 0 && !kept, "programs started by the server inherit none of %d connections", found);
}

static void test_cancel(clp_transport *e, apr_pool_t *pool)
{
    seen *s = seen_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    int ready;
    int before;

    s->cancel_in_head = 1;
    r.url = url_of("/hello", pool);
    begin(s, &r);
    for (int i = 0; i < 20; i++) {
        e->step(e, -1, 10000, &ready);
    }
    OK(s->heads == 1 && !s->ends && !s->body.n, "cancelled in on_head: nothing follows");

    s = seen_make(e, pool);
    s->cancel_in_body = 1;
    r.url = url_of("/big", pool);
    begin(s, &r);
    for (int i = 0; i < 20; i++) {
        e->step(e, -1, 10000, &ready);
    }
    OK(s->body.n > 0 && s->body.n <= 16384 && !s->ends, "cancelled in on_bytes: no further bytes");

    s = seen_make(e, pool);
    r.url = url_of("/stall", pool);
    begin(s, &r);
    while (!s->body.n) {
        e->step(e, -1, apr_time_from_sec(5), &ready);
    }
    e->cancel(e, s->transfer);
    e->cancel(e, s->transfer);
    e->step(e, -1, 10000, &ready);
    IS_INT(s->ends, 0, "cancelled from outside, twice: the handler is not called again");

    s = seen_make(e, pool);
    begin(s, &r);
    e->cancel(e, s->transfer);
    e->step(e, -1, 10000, &ready);
    OK(!s->heads && !s->ends, "cancelled before the first step");

    s = seen_make(e, pool);
    begin(s, &r);
    e->step(e, -1, 10000, &ready);
    apr_pool_destroy(s->pool);
    for (int i = 0; i < 5; i++) {
        e->step(e, -1, 10000, &ready);
    }
    OK(!s->ends, "a destroyed pool cancels");

    s = get(e, "/hello", no_timeouts, pool);
    before = connections_now();
    e->cancel(e, s->transfer);
    s = get(e, "/hello", no_timeouts, pool);
    OK(s->how == CLP_TRANSFER_DONE && connections_now() == before,
       "a cancel after the end is harmless");
}

static void test_chain(clp_transport *e, apr_pool_t *pool)
{
    seen *a = seen_make(e, pool);
    seen *b = seen_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    a->then = b;
    a->then_path = "/hello";
    a->drop_pool_at_end = 1;
    r.url = url_of("/error", pool);
    begin(a, &r);
    finish(b);
    OK(a->ends == 1 && a->status == 529, "the first ended");
    OK(b->ends == 1 && b->how == CLP_TRANSFER_DONE && b->status == 200,
       "the second began in on_end, while the first one's pool went");

    a = seen_make(e, pool);
    b = seen_make(e, pool);
    a->then = b;
    a->then_path = "/hello";
    r.url = "ftp://nowhere/";
    begin(a, &r);
    finish(b);
    OK(a->how == CLP_TRANSFER_FAILED && b->how == CLP_TRANSFER_DONE, "also after a failed start");
}

static void test_client_fd(clp_transport *e, apr_pool_t *pool)
{
    int fds[2];
    int ready = -1;
    apr_time_t began = apr_time_now();
    seen *s = seen_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    if (pipe(fds)) {
        printf("Bail out! no pipe\n");
        exit(1);
    }
    r.url = url_of("/silent", pool);
    begin(s, &r);
    e->step(e, fds[0], 20000, &ready);
    e->step(e, fds[0], 20000, &ready);
    IS_INT(ready, 0, "a quiet client");
    close(fds[1]);
    ready = 0;
    while (!ready && apr_time_now() - began < apr_time_from_sec(5)) {
        e->step(e, fds[0], apr_time_from_sec(5), &ready);
    }
    IS_INT(ready, 1, "a client that goes wakes the step");
    OK(apr_time_now() - began < apr_time_from_sec(2), "at once");
    e->cancel(e, s->transfer);
    e->step(e, fds[0], apr_time_from_sec(5), &ready);
    IS_INT(ready, 1, "also without a transfer");
    began = apr_time_now();
    e->step(e, -1, 50000, &ready);
    OK(apr_time_now() - began >= 45000, "with nothing to do, a step waits out its time");
    close(fds[0]);
}

static void test_big(clp_transport *e, apr_pool_t *pool)
{
    char *body = apr_palloc(pool, BIG);
    unsigned sum = 0;
    int same = 1;
    seen *s = seen_make(e, pool);
    clp_transfer_request r = {.method = "POST"};
    for (int i = 0; i < BIG; i++) {
        body[i] = (char)(i * 7 + i / 251);
        sum = sum * 31 + (unsigned char)body[i];
    }
    r.url = url_of("/count", pool);
    r.body = clp_span_of(body, BIG);
    begin(s, &r);
    finish(s);
    IS_SPAN(clp_buffer_all(&s->body), clp_span_str(apr_psprintf(pool, "%d %u", BIG, sum)),
            "5 MB up, byte for byte");
    s = get(e, "/big", no_timeouts, pool);
    for (int i = 0; i < BIG && same; i++) {
        same = s->body.n == BIG && s->body.p[i] == (char)('a' + i % 23);
    }
    OK(same && s->how == CLP_TRANSFER_DONE, "5 MB down, byte for byte");
}

/* Two transfers at once on one engine. */
static void test_parallel(clp_transport *e, apr_pool_t *pool)
{
    seen *a = seen_make(e, pool);
    seen *b = seen_make(e, pool);
    clp_transfer_request r = {.method = "GET"};
    r.url = url_of("/delay", pool);
    begin(a, &r);
    r.url = url_of("/hello", pool);
    begin(b, &r);
    finish(b);
    OK(b->ends && !a->ends, "the faster one ends first");
    finish(a);
    OK(a->how == CLP_TRANSFER_DONE && clp_span_is(clp_buffer_all(&a->body), "late"),
       "then the other");
}

int main(void)
{
    apr_pool_t *root = tap_begin();
    apr_pool_t *pool;
    pthread_t thread;
    clp_curl_engines *set;
    clp_transport *e;
    apr_pool_create(&pool, root);
    /* Both must be ignored: a channel's proxy is what its configuration says. */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("no_proxy", "127.0.0.1", 1);
    server.listener = listen_on_loopback(64, &server.port);
    pthread_create(&thread, NULL, accept_loop, NULL);

    set = clp_curl_engines_make(pool, 4);
    e = clp_curl_engine_take(set);
    OK(strstr(clp_curl_version(), "libcurl/"), "version: %s", clp_curl_version());
    test_answers(e, pool);
    test_headers(e, pool);
    test_request(e, pool);
    test_refused_requests(e, pool);
    test_no_connection(e, pool);
    test_connect_deadline(e, pool);
    test_deadlines(e, pool);
    test_pause(e, pool);
    test_reuse(set, pool);
    test_inheritance();
    test_cancel(e, pool);
    test_chain(e, pool);
    test_client_fd(e, pool);
    test_big(e, pool);
    test_parallel(e, pool);

    /* Destroying the set with a transfer alive must leave nothing behind. */
    seen *s = seen_make(e, root);
    clp_transfer_request r = {.method = "GET"};
    int ready;
    r.url = url_of("/silent", root);
    begin(s, &r);
    e->step(e, -1, 10000, &ready);
    apr_pool_destroy(pool);
    apr_pool_destroy(s->pool);
    OK(!s->ends, "the set goes, its transfers go quietly");
    return tap_end();
}
