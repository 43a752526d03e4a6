/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "curl_transfer.h"

#include <sys/socket.h>

#include <apr_lib.h>
#include <apr_strings.h>

/* Bytes of status lines and header fields of one answer, interim answers included. */
#define HEAD_MAX (256 * 1024)

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

size_t clp_curl_on_header(char *line, size_t size, size_t n, void *ctx)
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

size_t clp_curl_on_body(char *p, size_t size, size_t n, void *ctx)
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
int clp_curl_on_connected(void *ctx, char *peer, char *own, int peer_port, int own_port)
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
curl_socket_t clp_curl_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
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
