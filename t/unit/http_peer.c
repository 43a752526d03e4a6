/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "http_peer.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <apr.h>

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
     0, 10, 100, KEEP},
};

static struct {
    int listener;
    int connections;
    pthread_mutex_t mutex;
} server = {.mutex = PTHREAD_MUTEX_INITIALIZER};

http_peer_seen http_peer;

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
    char *all = malloc(HTTP_PEER_BIG);
    char head[200];
    int sent;
    for (int i = 0; i < HTTP_PEER_BIG; i++) {
        all[i] = (char)('a' + i % 23);
    }
    snprintf(head, sizeof(head), OK_HEAD "Content-Length: %d\r\n\r\n", HTTP_PEER_BIG);
    sent = send_all(fd, head, strlen(head)) && send_all(fd, all, HTTP_PEER_BIG);
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
        http_peer.requests++;
        http_peer.keys_seen += strstr(head, "secret-key") != NULL;
        snprintf(http_peer.head, sizeof(http_peer.head), "%s", head);
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

int http_peer_listen(int backlog, int *port)
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

int http_peer_connections(void)
{
    int n;
    pthread_mutex_lock(&server.mutex);
    n = server.connections;
    pthread_mutex_unlock(&server.mutex);
    return n;
}

void http_peer_start(void)
{
    pthread_t thread;
    server.listener = http_peer_listen(64, &http_peer.port);
    pthread_create(&thread, NULL, accept_loop, NULL);
    pthread_detach(thread);
}
