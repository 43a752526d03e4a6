/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "curl_transfer.h"

#include <sys/socket.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "upstream/headers.h"

/* Bytes of status lines and header fields of one answer, interim answers included. */
#define HEAD_MAX (256 * 1024)

/* libcurl reads up to a hundred buffers in one go, so this times a hundred is
 * what one step can deliver. */
#define READ_BUFFER (16 * 1024L)

/* Servers and load balancers close idle connections after a minute or more;
 * a connection that is old is closed to follow changes of DNS. */
#define CONNECTION_MAX_IDLE_S 90L
#define CONNECTION_MAX_LIFE_S 900L

/* A head begins: forget an interim one. */
static int head_begin(clp_transfer *t, const char *line, apr_size_t n)
{
    const char *sp = memchr(line, ' ', n);
    apr_size_t left = sp ? n - (apr_size_t)(sp - line) : 0;
    if (left < 4 || !apr_isdigit(sp[1]) || !apr_isdigit(sp[2]) || !apr_isdigit(sp[3])) {
        return 0;
    }
    t->status = (sp[1] - '0') * 100 + (sp[2] - '0') * 10 + (sp[3] - '0');
    apr_table_clear(t->headers);
    return 1;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void head_field(clp_transfer *t, const char *line, apr_size_t n)
{
    const char *end = line + n;
    const char *colon;
    while (end > line && is_blank(end[-1])) {
        end--;
    }
    if (is_blank(*line)) {
        /* A folded line continues the value before it (RFC 9112 5.2). */
        const apr_array_header_t *all = apr_table_elts(t->headers);
        apr_table_entry_t *last;
        while (line < end && is_blank(*line)) {
            line++;
        }
        if (all->nelts && line < end) {
            last = (apr_table_entry_t *)all->elts + all->nelts - 1;
            last->val = apr_psprintf(t->pool, "%s %.*s", last->val, (int)(end - line), line);
        }
        return;
    }
    colon = memchr(line, ':', (apr_size_t)(end - line));
    if (colon && colon > line) {
        const char *value = colon + 1;
        while (value < end && is_blank(*value)) {
            value++;
        }
        apr_table_addn(t->headers, apr_pstrmemdup(t->pool, line, (apr_size_t)(colon - line)),
                       apr_pstrmemdup(t->pool, value, (apr_size_t)(end - value)));
    }
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
    clp_transfer *t = ctx;
    size_t given = size * n;
    size_t len = given;
    if (t->cancelled) {
        return 0;
    }
    if (t->head_told) {
        return given; /* trailer fields */
    }
    t->head_bytes += given;
    if (t->head_bytes > HEAD_MAX) {
        t->too_large = 1;
        return 0;
    }
    while (len && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
        len--;
    }
    if (!t->status) {
        return head_begin(t, line, len) ? given : 0;
    }
    if (len) {
        head_field(t, line, len);
        return given;
    }
    if (t->status < 200) {
        t->status = 0;
        return given;
    }
    t->head_told = 1;
    t->moved = 1;
    t->handler.on_head(t->handler.ctx, t->status, t->headers);
    return t->cancelled ? 0 : given;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    clp_transfer *t = ctx;
    size_t given = size * n;
    /* Handlers must not be called again, and a zero return is an error to
     * libcurl only if bytes were given. */
    if (t->cancelled) {
        return given ? 0 : CURL_WRITEFUNC_ERROR;
    }
    if (given) {
        t->body_begun = 1;
        t->moved = 1;
        t->handler.on_bytes(t->handler.ctx, p, given);
    }
    return t->cancelled ? CURL_WRITEFUNC_ERROR : given;
}

/* May a connection go there? `known`: the address could be read. */
static int may_connect(clp_transfer *t, const clp_ip *ip, int known)
{
    const char *what = known ? clp_host_rules_check_ip(t->hosts, ip) : "no address of the Internet";
    char text[CLP_IP_TEXT];

    if (what) {
        t->forbidden =
            apr_pstrcat(t->pool, known ? clp_ip_show(ip, text) : "the peer", " is ", what, NULL);
    }
    return !what;
}

/*
 * A connection is there, a new one or one that an earlier transfer opened: that one may have been
 * allowed to go anywhere.
 */
static int on_connected(void *ctx, char *peer, char *own, int peer_port, int own_port)
{
    clp_transfer *t = ctx;
    clp_ip ip;
    (void)own;
    (void)peer_port;
    (void)own_port;
    if (t->hosts && !may_connect(t, &ip, clp_ip_parse(&ip, peer))) {
        t->opened = 0;
        return CURL_PREREQFUNC_ABORT;
    }
    t->sent = 1;
    return t->cancelled ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* Programs that the server starts must not inherit connections. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    clp_transfer *t = ctx;
    clp_ip ip;
    (void)purpose;
    if (t->hosts && !may_connect(t, &ip, clp_ip_of_sockaddr(&ip, &a->addr))) {
        return CURL_SOCKET_BAD;
    }
    t->opened = 1;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
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
        while (is_blank(*value)) {
            value++;
        }
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
    CURL *e = t->easy;
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
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
}

/* Pointers to the transfer: its memory differs each time. */
static void set_own(clp_transfer *t)
{
    CURL *e = t->easy;
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_OPENSOCKETDATA, t);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_ERRORBUFFER, t->error);
}

static void set_tls(clp_transfer *t, const clp_tls *tls)
{
    CURL *e = t->easy;
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
    CURL *e = t->easy;
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
 * Taking an URL apart costs libcurl more than all the rest of a small request;
 * a channel asks for the same one again and again.
 */
static void set_url(clp_transfer *t, const char *url, clp_curl_shape *shape)
{
    CURL *e = t->easy;
    apr_size_t n = strlen(url);

    if (shape->parsed && strcmp(shape->url, url) == 0) {
        return;
    }
    shape->url[0] = '\0';
    if (!shape->parsed) {
        shape->parsed = curl_url();
    }
    if (shape->parsed && n < sizeof(shape->url) &&
        curl_url_set(shape->parsed, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK) {
        memcpy(shape->url, url, n + 1);
        /* Makes libcurl forget the text of the one before. */
        SET(CURLOPT_URL, (char *)NULL);
        SET(CURLOPT_CURLU, shape->parsed);
        return;
    }
    SET(CURLOPT_CURLU, (CURLU *)NULL);
    SET(CURLOPT_URL, url);
}

static void set_request(clp_transfer *t, const clp_transfer_request *request, clp_curl_shape *shape)
{
    CURL *e = t->easy;
    struct curl_slist *list = header_list(t, request->headers);
    if (!list) {
        return;
    }
    set_url(t, request->url, shape);
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
    CURL *e = t->easy;
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
static void shape_of(char *words, apr_size_t room, const clp_transfer_request *request)
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

void clp_curl_transfer_prepare(clp_transfer *t, const clp_transfer_request *request,
                               clp_curl_shape *shape)
{
    char wanted[sizeof(shape->words)];
    shape_of(wanted, sizeof(wanted), request);
    if (!wanted[0] || strcmp(wanted, shape->words) != 0) {
        curl_easy_reset(t->easy);
        set_fixed(t);
        if (!t->broken) {
            set_route(t, request);
        }
        memcpy(shape->words, wanted, sizeof(wanted));
        shape->url[0] = '\0';
    }
    if (!t->broken) {
        set_own(t);
    }
    if (!t->broken) {
        set_request(t, request, shape);
    }
}

void clp_curl_transfer_detach(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, (char *)NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, (struct curl_slist *)NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (char *)NULL);
}

clp_transfer_end clp_curl_transfer_result(const clp_transfer *t, CURLcode rc)
{
    if (t->too_large) {
        return CLP_TRANSFER_BAD_ANSWER;
    }
    if (rc != CURLE_OK && t->forbidden && !t->opened) {
        return CLP_TRANSFER_FORBIDDEN;
    }
    switch (rc) {
    case CURLE_OK: return t->head_told ? CLP_TRANSFER_DONE : CLP_TRANSFER_BAD_ANSWER;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST: return CLP_TRANSFER_NO_HOST;
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY: return CLP_TRANSFER_NO_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT: return CLP_TRANSFER_NO_TLS;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_UNRECOVERABLE_POLL: return CLP_TRANSFER_CUT;
    /* A proxy that refuses CONNECT shows as a failed read. */
    case CURLE_RECV_ERROR: return t->sent ? CLP_TRANSFER_CUT : CLP_TRANSFER_NO_CONNECT;
    case CURLE_BAD_CONTENT_ENCODING: return CLP_TRANSFER_BAD_CODING;
    /* Not ours (a cancelled transfer tells nobody): a decoder gave up, or the
     * status line is none. */
    case CURLE_WRITE_ERROR: return t->head_told ? CLP_TRANSFER_BAD_CODING : CLP_TRANSFER_BAD_ANSWER;
    case CURLE_WEIRD_SERVER_REPLY: return CLP_TRANSFER_BAD_ANSWER;
    case CURLE_OPERATION_TIMEDOUT: return t->sent ? CLP_TRANSFER_CUT : CLP_TRANSFER_LATE_CONNECT;
    default:
        /* Unsupported protocol (an answer that is not HTTP) and out of memory
         * (one header line over libcurl's bound) mean the answer once the
         * request was sent, else the request. */
        if (!t->sent) {
            return CLP_TRANSFER_FAILED;
        }
        return t->head_told ? CLP_TRANSFER_CUT : CLP_TRANSFER_BAD_ANSWER;
    }
}

static void sooner(apr_int64_t *best, clp_transfer_end *how, apr_int64_t from, apr_int32_t ms,
                   clp_transfer_end meaning)
{
    if (ms > 0 && from + ms * APR_INT64_C(1000) < *best) {
        *best = from + ms * APR_INT64_C(1000);
        *how = meaning;
    }
}

apr_int64_t clp_curl_transfer_deadline(const clp_transfer *t, apr_int64_t away,
                                       clp_transfer_end *how)
{
    apr_int64_t best = APR_INT64_MAX;
    sooner(&best, how, t->begun, t->timeouts.total_ms, CLP_TRANSFER_LATE_TOTAL);
    if (!t->sent) {
        sooner(&best, how, t->begun, t->timeouts.connect_ms, CLP_TRANSFER_LATE_CONNECT);
    }
    if (!t->body_begun) {
        sooner(&best, how, t->begun, t->timeouts.first_byte_ms, CLP_TRANSFER_LATE_FIRST_BYTE);
    }
    else {
        sooner(&best, how, t->last_read + away, t->timeouts.idle_ms, CLP_TRANSFER_LATE_IDLE);
    }
    return best;
}
