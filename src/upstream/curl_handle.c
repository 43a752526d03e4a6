/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "curl_handle.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "curl_transfer.h"
#include "upstream/headers.h"

/* libcurl reads up to a hundred buffers in one go, so this times a hundred is
 * what one step can deliver. */
#define READ_BUFFER (16 * 1024L)

/* Servers and load balancers close idle connections after a minute or more;
 * a connection that is old is closed to follow changes of DNS. */
#define CONNECTION_MAX_IDLE_S 90L
#define CONNECTION_MAX_LIFE_S 900L

int clp_curl_handle_open(clp_curl_handle *h)
{
    h->easy = curl_easy_init();
    h->setting[0] = '\0';
    h->url[0] = '\0';
    h->parsed = NULL;
    return h->easy != NULL;
}

void clp_curl_handle_close(clp_curl_handle *h)
{
    curl_easy_cleanup(h->easy);
    curl_url_cleanup(h->parsed);
}

/* Framing is libcurl's; an Expect would cost a round trip. */
static int is_framing(const char *name)
{
    return !strcasecmp(name, "content-length") || !strcasecmp(name, "transfer-encoding") ||
           !strcasecmp(name, "expect");
}

/*
 * The header list in the pool: libcurl only walks it. What libcurl would add
 * by itself (Accept, a form's Content-Type) is switched off unless given.
 */
static struct curl_slist *header_list(clp_transfer *t, const apr_table_t *headers)
{
    const apr_array_header_t *all = headers ? apr_table_elts(headers) : NULL;
    int count = all ? all->nelts : 0;
    struct curl_slist *nodes = apr_palloc(t->pool, sizeof(*nodes) * ((apr_size_t)count + 3));
    int n = 0;
    int accept = 0;
    int type = 0;
    for (int i = 0; i < count; i++) {
        const apr_table_entry_t *e = (const apr_table_entry_t *)all->elts + i;
        const char *value = e->val;
        if (!clp_header_name_ok(e->key) || !clp_header_value_ok(value)) {
            t->broken = apr_psprintf(t->pool, "header field %d (%.40s) may not be sent", i + 1,
                                     clp_header_name_ok(e->key) ? e->key : "bad name");
            return NULL;
        }
        if (is_framing(e->key)) {
            continue;
        }
        value += strspn(value, " \t");
        accept |= !strcasecmp(e->key, "accept");
        type |= !strcasecmp(e->key, "content-type");
        /* libcurl reads "Name:" as "leave it out" and "Name;" as "send it empty". */
        nodes[n++].data = *value ? apr_pstrcat(t->pool, e->key, ": ", value, NULL)
                                 : apr_pstrcat(t->pool, e->key, ";", NULL);
    }
    nodes[n++].data = (char *)"Expect:";
    if (!accept) {
        nodes[n++].data = (char *)"Accept:";
    }
    if (!type) {
        nodes[n++].data = (char *)"Content-Type:";
    }
    for (int i = 0; i < n; i++) {
        nodes[i].next = i + 1 < n ? &nodes[i + 1] : NULL;
    }
    return nodes;
}

/* One failed option must not be overlooked: a lost TLS option is a security hole. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        CURLcode rc_ = curl_easy_setopt(e, option, value);                                         \
        if (rc_ != CURLE_OK) {                                                                     \
            t->broken = apr_pstrcat(t->pool, #option, ": ", curl_easy_strerror(rc_), NULL);        \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static void set_fixed(clp_transfer *t)
{
    CURL *e = t->handle.easy;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    /* A redirect would carry the key to wherever it points. */
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_ACCEPT_ENCODING, "");
    SET(CURLOPT_BUFFERSIZE, READ_BUFFER);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_MAXAGE_CONN, CONNECTION_MAX_IDLE_S);
    SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_MAX_LIFE_S);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_OPENSOCKETFUNCTION, clp_curl_open_socket);
    SET(CURLOPT_HEADERFUNCTION, clp_curl_on_header);
    SET(CURLOPT_WRITEFUNCTION, clp_curl_on_body);
    SET(CURLOPT_PREREQFUNCTION, clp_curl_on_connected);
}

/* Pointers to the transfer: its memory differs each time. */
static void set_own(clp_transfer *t)
{
    CURL *e = t->handle.easy;
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_OPENSOCKETDATA, t);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_ERRORBUFFER, t->error);
}

static void set_tls(clp_transfer *t, const clp_tls *tls)
{
    CURL *e = t->handle.easy;
    SET(CURLOPT_SSL_VERIFYPEER, tls->verify ? 1L : 0L);
    SET(CURLOPT_SSL_VERIFYHOST, tls->verify ? 2L : 0L);
    if (tls->ca_file) {
        SET(CURLOPT_CAINFO, tls->ca_file);
        if (!tls->ca_path) {
            /* Only what was named is trusted, not the system's directory besides. */
            SET(CURLOPT_CAPATH, (char *)NULL);
        }
    }
    if (tls->ca_path) {
        SET(CURLOPT_CAPATH, tls->ca_path);
        if (!tls->ca_file) {
            SET(CURLOPT_CAINFO, (char *)NULL);
        }
    }
    if (tls->cert_file) {
        SET(CURLOPT_SSLCERT, tls->cert_file);
        SET(CURLOPT_SSLKEY, tls->key_file ? tls->key_file : tls->cert_file);
    }
}

static void set_method(clp_transfer *t, const char *method)
{
    CURL *e = t->handle.easy;
    if (t->body.n || !strcmp(method, "POST")) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.n);
        SET(CURLOPT_POSTFIELDS, t->body.n ? t->body.p : "");
        if (strcmp(method, "POST") != 0) {
            SET(CURLOPT_CUSTOMREQUEST, method);
        }
    }
    else if (!strcmp(method, "HEAD")) {
        SET(CURLOPT_NOBODY, 1L);
    }
    else if (strcmp(method, "GET") != 0) {
        SET(CURLOPT_CUSTOMREQUEST, method);
    }
}

/*
 * Taking a URL apart costs libcurl more than all the rest of a small request;
 * a channel asks for the same one again and again.
 */
static void set_url(clp_transfer *t, const char *url)
{
    clp_curl_handle *h = &t->handle;
    CURL *e = h->easy;
    apr_size_t n = strlen(url);

    if (h->parsed && strcmp(h->url, url) == 0) {
        return;
    }
    h->url[0] = '\0';
    if (!h->parsed) {
        h->parsed = curl_url();
    }
    if (h->parsed && n < sizeof(h->url) &&
        curl_url_set(h->parsed, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK) {
        memcpy(h->url, url, n + 1);
        /* Makes libcurl forget the text of the one before. */
        SET(CURLOPT_URL, (char *)NULL);
        SET(CURLOPT_CURLU, h->parsed);
        return;
    }
    SET(CURLOPT_CURLU, (CURLU *)NULL);
    SET(CURLOPT_URL, url);
}

static void set_request(clp_transfer *t, const clp_transfer_request *request)
{
    CURL *e = t->handle.easy;
    struct curl_slist *list = header_list(t, request->headers);
    if (!list) {
        return;
    }
    set_url(t, request->url);
    if (t->broken) {
        return;
    }
    SET(CURLOPT_HTTPHEADER, list);
    /* libcurl divides the time among a name's addresses, so it must know it; 0
     * is its default. */
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(t->timeouts.connect_ms > 0 ? t->timeouts.connect_ms : 0));
    set_method(t, request->method);
}

static void set_route(clp_transfer *t, const clp_transfer_request *request)
{
    CURL *e = t->handle.easy;
    SET(CURLOPT_HTTP_VERSION,
        (long)(request->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    /* Empty strings keep the environment's proxies and exceptions out. */
    SET(CURLOPT_PROXY, request->proxy ? request->proxy : "");
    SET(CURLOPT_NOPROXY, "");
    if (request->tls) {
        set_tls(t, request->tls);
    }
}

/* A setting too long for the words has none, and is set anew each time. */
static void name_setting(char *words, apr_size_t room, const clp_transfer_request *request)
{
    const clp_tls *tls = request->tls;
    const char *parts[6];
    char *to = words;
    const char *end = to + room;

    words[0] = '\0';
    /* Other methods leave traces in a handle that a POST would stumble over. */
    if (strcmp(request->method, "POST") != 0) {
        return;
    }
    parts[0] = request->http2 ? "2" : "1";
    parts[1] = request->proxy;
    parts[2] = tls ? tls->ca_file : NULL;
    parts[3] = tls ? tls->ca_path : NULL;
    parts[4] = tls ? tls->cert_file : NULL;
    parts[5] = tls ? tls->key_file : NULL;
    *to++ = tls ? tls->verify ? 'v' : 'n' : 'd';
    for (int i = 0; i < 6; i++) {
        apr_size_t n = parts[i] ? strlen(parts[i]) : 0;
        if ((apr_size_t)(end - to) < n + 3) {
            words[0] = '\0';
            return;
        }
        *to++ = parts[i] ? '\n' : '-';
        memcpy(to, parts[i] ? parts[i] : "", n);
        to += n;
    }
    *to = '\0';
}

void clp_curl_handle_prepare(clp_transfer *t, const clp_transfer_request *request)
{
    clp_curl_handle *h = &t->handle;
    char wanted[sizeof(h->setting)];

    name_setting(wanted, sizeof(wanted), request);
    if (!wanted[0] || strcmp(wanted, h->setting) != 0) {
        curl_easy_reset(h->easy);
        set_fixed(t);
        if (!t->broken) {
            set_route(t, request);
        }
        memcpy(h->setting, wanted, sizeof(wanted));
        h->url[0] = '\0';
    }
    if (!t->broken) {
        set_own(t);
    }
    if (!t->broken) {
        set_request(t, request);
    }
}

void clp_curl_handle_detach(const clp_curl_handle *h)
{
    curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, (char *)NULL);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, (struct curl_slist *)NULL);
    curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, (char *)NULL);
}
