/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <apr_atomic.h>
#include <apr_strings.h>

#include "upstream/curl_engines.h"

/*
 * Connections to addresses that the rules of a transfer forbid, whatever name leads there. 0.0.0.0
 * is such a one, and Linux takes it for this machine: what went there would be seen.
 */

/* --- names: what a zone of an attacker's may say -------------------------------------- */

static const struct {
    const char *name;
    const char *ip[2];
} zone[] = {
    {"good.test", {"127.0.0.1", NULL}},        {"kept.test", {"127.0.0.1", NULL}},
    {"bad.test", {"0.0.0.0", NULL}},           {"metadata.test", {"169.254.169.254", NULL}},
    {"mapped.test", {"::ffff:0.0.0.0", NULL}}, {"both.test", {"0.0.0.0", "127.0.0.1"}},
};

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

__attribute__((visibility("default"))) resolver getaddrinfo;

/* libcurl's look-ups end here: names of the zone are answered, others are asked as ever. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    int rc;

    for (apr_size_t i = 0; name && i < sizeof(zone) / sizeof(zone[0]); i++) {
        if (!strcmp(name, zone[i].name)) {
            rc = real(zone[i].ip[0], service, hints, found);
            if (!rc && zone[i].ip[1]) {
                rc = real(zone[i].ip[1], service, hints, &(*found)->ai_next);
            }
            return rc;
        }
    }
    return real(name, service, hints, found);
}

/* A peer on this machine that poses as one that is forbidden, for connections that are opened
 * meanwhile. */
static int pose;

typedef int namer(int, __SOCKADDR_ARG, socklen_t *);

__attribute__((visibility("default"))) namer getpeername;

int getpeername(int fd, __SOCKADDR_ARG a, socklen_t *n)
{
    namer *real = (namer *)dlsym(RTLD_NEXT, "getpeername");
    int rc = real(fd, a, n);

    if (!rc && pose) {
        a.__sockaddr_in__->sin_addr.s_addr = htonl(0xa9fea9fe);
    }
    return rc;
}

/* --- an upstream that counts ------------------------------------------------------------ */

static struct {
    int listener;
    int port;
    apr_uint32_t connections;
    apr_uint32_t requests;
} server;

static void *connection(void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    int fd = (int)(long)arg;
    char head[4096];
    apr_size_t n = 0;

    for (;;) {
        ssize_t got = recv(fd, head + n, sizeof(head) - n - 1, 0);
        if (got <= 0) {
            close(fd);
            return NULL;
        }
        n += (apr_size_t)got;
        head[n] = '\0';
        if (strstr(head, "\r\n\r\n")) {
            n = 0;
            apr_atomic_inc32(&server.requests);
            if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) <= 0) {
                close(fd);
                return NULL;
            }
        }
    }
}

static void *accept_loop(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_t thread;
        int fd = accept(server.listener, NULL, NULL);
        apr_atomic_inc32(&server.connections);
        pthread_create(&thread, NULL, connection, (void *)(long)fd);
        pthread_detach(thread);
    }
    return NULL;
}

static void serve(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    pthread_t thread;

    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server.listener, (struct sockaddr *)&a, sizeof(a)) || listen(server.listener, 16) ||
        getsockname(server.listener, (struct sockaddr *)&a, &n)) {
        printf("Bail out! no listener\n");
        exit(1);
    }
    server.port = ntohs(a.sin_port);
    pthread_create(&thread, NULL, accept_loop, NULL);
}

/* --- transfers ---------------------------------------------------------------------------- */

typedef struct ended {
    int yes;
    clp_transfer_end how;
    char detail[200];
} ended;

static void on_head(void *ctx, int status, const apr_table_t *headers)
{
    (void)ctx;
    (void)headers;
    IS_INT(status, 200, "an answer");
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    (void)ctx;
    (void)p;
    (void)n;
}

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    ended *e = ctx;

    e->yes = 1;
    e->how = how;
    apr_cpystrn(e->detail, detail ? detail : "", sizeof(e->detail));
}

/* Ask for /; by a proxy if there is one. */
static ended ask(clp_transport *engine, const char *host, const char *proxy,
                 const clp_host_rules *hosts, apr_pool_t *pool)
{
    ended e = {0};
    clp_transfer_handler handler = {&e, on_head, on_bytes, on_end};
    clp_transfer_request request = {.method = "GET", .timeouts = {.total_ms = 10000}};
    int ready;

    request.url = apr_psprintf(pool, "http://%s:%d/", host, server.port);
    request.proxy = proxy ? apr_psprintf(pool, "http://%s:%d", proxy, server.port) : NULL;
    request.hosts = hosts;
    engine->start(engine, &request, &handler, pool);
    while (!e.yes) {
        engine->step(engine, -1, apr_time_from_sec(1), &ready);
    }
    return e;
}

static void check(clp_transport *engine, const char *host, const char *proxy,
                  const clp_host_rules *hosts, const char *forbidden, apr_pool_t *pool)
{
    apr_uint32_t connections = apr_atomic_read32(&server.connections);
    apr_uint32_t requests = apr_atomic_read32(&server.requests);
    const char *name = apr_psprintf(pool, "%s%s%s", host, proxy ? " by " : "", proxy ? proxy : "");
    ended e = ask(engine, host, proxy, hosts, pool);

    if (!forbidden) {
        OK(e.how == CLP_TRANSFER_DONE, "%s: answers", name);
        IS_INT(apr_atomic_read32(&server.requests) - requests, 1, "one request came");
        return;
    }
    IS_INT(e.how, CLP_TRANSFER_FORBIDDEN, name);
    IS_STR(e.detail, forbidden, "... with the address that it leads to");
    IS_INT(apr_atomic_read32(&server.connections) - connections, 0, "... without a connection");
    IS_INT(apr_atomic_read32(&server.requests) - requests, 0, "... nor a request");
}

#define LINK_LOCAL "169.254.169.254 is a link-local address"

static void test_names(clp_transport *e, apr_pool_t *pool)
{
    const clp_host_rules *hosts = clp_host_rules_make(pool);

    check(e, "good.test", NULL, hosts, NULL, pool);
    check(e, "127.0.0.1", NULL, hosts, NULL, pool);
    check(e, "bad.test", NULL, hosts, "0.0.0.0 is an unspecified address", pool);
    check(e, "0", NULL, hosts, "0.0.0.0 is an unspecified address", pool);
    check(e, "mapped.test", NULL, hosts, "0.0.0.0 is an unspecified address", pool);
    check(e, "metadata.test", NULL, hosts, LINK_LOCAL, pool);
    check(e, "both.test", NULL, hosts, NULL, pool);
}

/* A connection that another transfer opened is no way around: neither with a proxy, nor without. */
static void test_kept_connection(clp_transport *e, const char *proxy, apr_pool_t *pool)
{
    const clp_host_rules *hosts = clp_host_rules_make(pool);
    clp_host_rules *listed = clp_host_rules_make(pool);
    apr_uint32_t before;

    pose = 1;
    check(e, "kept.test", proxy, NULL, NULL, pool);
    pose = 0;
    before = apr_atomic_read32(&server.connections);
    IS_STR(clp_host_rules_add(listed, "169.254.169.254"), NULL, "list it");
    check(e, "kept.test", proxy, listed, NULL, pool);
    check(e, "kept.test", proxy, NULL, NULL, pool);
    IS_INT(apr_atomic_read32(&server.connections) - before, 0, "the connection is kept");
    check(e, "kept.test", proxy, hosts, LINK_LOCAL, pool);
    check(e, "kept.test", proxy, hosts, NULL, pool);
}

/* The connection is to the proxy; where that one goes on to is not seen. */
static void test_proxy(clp_transport *e, apr_pool_t *pool)
{
    const clp_host_rules *hosts = clp_host_rules_make(pool);

    check(e, "good.test", "bad.test", hosts, "0.0.0.0 is an unspecified address", pool);
    check(e, "metadata.test", "good.test", hosts, NULL, pool);
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    clp_curl_engines *set;
    clp_transport *e;
    ended none;

    serve();
    set = clp_curl_engines_make(pool, 1);
    e = clp_curl_engine_take(set);
    test_names(e, pool);
    test_kept_connection(e, NULL, pool);
    test_kept_connection(e, "kept.test", pool);
    test_proxy(e, pool);
    none = ask(e, "name.invalid", NULL, clp_host_rules_make(pool), pool);
    IS_INT(none.how, CLP_TRANSFER_NO_HOST, "a name that leads nowhere is another failure");
    return tap_end();
}
