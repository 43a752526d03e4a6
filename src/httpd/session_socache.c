/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "session_socache.h"

#include <apr_global_mutex.h>
#include <apr_strings.h>

#include "ap_provider.h"
#include "ap_socache.h"
#include "http_log.h"
#include "util_mutex.h"

#include "config.h"
#include "wire/text.h"

APLOG_USE_MODULE(claude_proxy);

#define MUTEX_TYPE "claude-session"
#define CACHE_NAME "claude-session"

/* Providers that talk to a server take long values; dbm takes less than 950
 * bytes with key and time, and shmcb divides its memory by the size it is told. */
#define PIECE_REMOTE (256 * 1024)
#define PIECE_LOCAL  4096
#define PIECE_DBM    768

/* A response beyond this is not worth what it costs others. */
#define LONGEST ((apr_size_t)16 * 1024 * 1024)

/* In front of each piece: mark, length of the whole value, number of the
 * piece, and a tag that all pieces of one put() have in common. */
#define MARK      "clp1"
#define HEAD_SIZE 24

/* So long is remembered that the cache can be written to. */
#define PROBE_LIFETIME apr_time_from_sec(60)

struct clp_session_socache {
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex; /* NULL = the provider needs none */
    server_rec *server;
    apr_size_t piece;
    clp_session_store store;
};

static apr_size_t piece_of(const char *provider)
{
    if (!strcmp(provider, "redis") || !strcmp(provider, "memcache")) {
        return PIECE_REMOTE;
    }
    return !strcmp(provider, "dbm") ? PIECE_DBM : PIECE_LOCAL;
}

const char *clp_session_socache_make(clp_session_socache **out, cmd_parms *cmd, const char *text)
{
    clp_session_socache *c = apr_pcalloc(cmd->pool, sizeof(*c));
    const char *colon = ap_strchr_c(text, ':');
    const char *name = colon ? apr_pstrmemdup(cmd->pool, text, (apr_size_t)(colon - text)) : text;
    const char *wrong;

    c->provider = ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name, AP_SOCACHE_PROVIDER_VERSION);
    if (!c->provider) {
        return apr_psprintf(cmd->pool,
                            "ClaudeSessionStore: there is no cache provider '%s'; load "
                            "mod_socache_%s before this line, or say shm",
                            name, name);
    }
    c->piece = piece_of(name);
    wrong = c->provider->create(&c->instance, colon ? colon + 1 : NULL, cmd->temp_pool, cmd->pool);
    if (wrong) {
        return apr_psprintf(cmd->pool, "ClaudeSessionStore: %s: %s", name, wrong);
    }
    *out = c;
    return NULL;
}

const char *clp_session_socache_name(const clp_session_socache *c)
{
    return c->provider->name;
}

apr_status_t clp_session_socache_register(apr_pool_t *pconf)
{
    return ap_mutex_register(pconf, MUTEX_TYPE, NULL, APR_LOCK_DEFAULT, 0);
}

/* --- single pieces, under the lock ---------------------------------------------------- */

static void lock(clp_session_socache *c)
{
    if (c->mutex) {
        apr_global_mutex_lock(c->mutex);
    }
}

static void unlock(clp_session_socache *c)
{
    if (c->mutex) {
        apr_global_mutex_unlock(c->mutex);
    }
}

static const char *piece_name(clp_span name, apr_size_t i, apr_pool_t *pool)
{
    return i ? apr_psprintf(pool, "%.*s.%u", (int)name.n, name.p, (unsigned)i)
             : apr_pstrmemdup(pool, name.p, name.n);
}

static apr_status_t store_piece(clp_session_socache *c, const char *name, clp_span bytes,
                                apr_time_t expires, apr_pool_t *pool)
{
    apr_status_t rv;
    lock(c);
    rv = c->provider->store(
        c->instance, c->server, (const unsigned char *)name, (unsigned)strlen(name), expires,
        (unsigned char *)apr_pmemdup(pool, bytes.p, bytes.n), (unsigned)bytes.n, pool);
    unlock(c);
    return rv;
}

static apr_status_t retrieve_piece(clp_session_socache *c, const char *name, unsigned char *room,
                                   unsigned *n, apr_pool_t *pool)
{
    apr_status_t rv;
    lock(c);
    rv = c->provider->retrieve(c->instance, c->server, (const unsigned char *)name,
                               (unsigned)strlen(name), room, n, pool);
    unlock(c);
    return rv;
}

static void remove_piece(clp_session_socache *c, const char *name, apr_pool_t *pool)
{
    lock(c);
    c->provider->remove(c->instance, c->server, (const unsigned char *)name, (unsigned)strlen(name),
                        pool);
    unlock(c);
}

/* --- whole values ------------------------------------------------------------------------ */

typedef struct piece_head {
    apr_size_t total;
    apr_size_t index;
    char tag[8];
} piece_head;

static void head_write(clp_buffer *out, const piece_head *h)
{
    clp_buffer_lit(out, MARK);
    clp_buffer_append(out, h->tag, sizeof(h->tag));
    for (int i = 0; i < 8; i++) {
        clp_buffer_putc(out, (char)((apr_uint64_t)h->total >> (8 * i)));
    }
    for (int i = 0; i < 4; i++) {
        clp_buffer_putc(out, (char)(h->index >> (8 * i)));
    }
}

static int head_read(piece_head *h, const unsigned char *p, apr_size_t n)
{
    if (n < HEAD_SIZE || memcmp(p, MARK, 4) != 0) {
        return 0;
    }
    memcpy(h->tag, p + 4, sizeof(h->tag));
    h->total = 0;
    h->index = 0;
    for (int i = 7; i >= 0; i--) {
        h->total = h->total << 8 | p[12 + i];
    }
    for (int i = 3; i >= 0; i--) {
        h->index = h->index << 8 | p[20 + i];
    }
    return h->total > 0 && h->total <= LONGEST;
}

static clp_session_status put(clp_session_store *s, clp_span name, clp_span value,
                              apr_time_t expires, apr_pool_t *pool)
{
    clp_session_socache *c = s->ctx;
    clp_buffer *bytes;
    piece_head head;
    apr_status_t rv;

    if (!value.n || value.n > LONGEST) {
        return CLP_SESSION_FULL;
    }
    bytes = clp_buffer_make(pool, 0);
    head.total = value.n;
    memcpy(head.tag, clp_random_base62(sizeof(head.tag), pool), sizeof(head.tag));
    for (apr_size_t at = 0, i = 0; at < value.n; at += c->piece, i++) {
        apr_size_t n = value.n - at < c->piece ? value.n - at : c->piece;
        clp_buffer_clear(bytes);
        head.index = i;
        head_write(bytes, &head);
        clp_buffer_append(bytes, value.p + at, n);
        rv = store_piece(c, piece_name(name, i, pool), clp_buffer_all(bytes), expires, pool);
        if (rv != APR_SUCCESS) {
            return rv == APR_ENOSPC ? CLP_SESSION_FULL : CLP_SESSION_DOWN;
        }
    }
    clp_buffer_release(bytes);
    return CLP_SESSION_OK;
}

/* The clients of redis and memcache say "not found" for a server that is away, too. */
static clp_session_status absent_or_down(clp_session_socache *c, apr_status_t rv, apr_time_t now,
                                         apr_pool_t *pool)
{
    if (c->piece != PIECE_REMOTE) {
        return CLP_SESSION_ABSENT;
    }
    return rv == APR_NOTFOUND && store_piece(c, "probe", CLP_SPAN_LIT("1"), now + PROBE_LIFETIME,
                                             pool) == APR_SUCCESS
               ? CLP_SESSION_ABSENT
               : CLP_SESSION_DOWN;
}

/* Append all pieces; what was appended before a fault is the caller's to drop. */
static clp_session_status get_pieces(clp_session_socache *c, clp_span name, apr_time_t now,
                                     clp_buffer *out, clp_buffer *scratch, apr_pool_t *pool)
{
    unsigned most = (unsigned)(HEAD_SIZE + c->piece);
    unsigned char *room = (unsigned char *)clp_buffer_reserve(scratch, most + 1);
    apr_size_t had = 0;
    piece_head first;

    memset(&first, 0, sizeof(first));
    for (apr_size_t i = 0; !i || had < first.total; i++) {
        unsigned n = most;
        piece_head head;
        apr_status_t rv = retrieve_piece(c, piece_name(name, i, pool), room, &n, pool);
        if (rv != APR_SUCCESS) {
            return absent_or_down(c, rv, now, pool);
        }
        if (n > most || n <= HEAD_SIZE || !head_read(&head, room, n) || head.index != i ||
            (i &&
             (head.total != first.total || memcmp(head.tag, first.tag, sizeof(head.tag)) != 0)) ||
            n - HEAD_SIZE > head.total - had) {
            return CLP_SESSION_ABSENT;
        }
        first = head;
        had += n - HEAD_SIZE;
        clp_buffer_append(out, (const char *)room + HEAD_SIZE, n - HEAD_SIZE);
    }
    return CLP_SESSION_OK;
}

static clp_session_status get(clp_session_store *s, clp_span name, apr_time_t now, clp_buffer *out,
                              apr_pool_t *pool)
{
    clp_session_socache *c = s->ctx;
    apr_size_t before = out->n;
    clp_buffer room;
    clp_session_status status;

    clp_buffer_init(&room, pool, 0);
    status = get_pieces(c, name, now, out, &room, pool);
    clp_buffer_release(&room);
    if (status != CLP_SESSION_OK) {
        out->n = before;
    }
    return status;
}
static clp_session_status take_away(clp_session_store *s, clp_span name, apr_time_t now,
                                    apr_pool_t *pool)
{
    clp_session_socache *c = s->ctx;
    unsigned most = (unsigned)(HEAD_SIZE + c->piece);
    unsigned char *room = apr_palloc(pool, most + 1);
    unsigned n = most;
    piece_head head;
    apr_status_t rv = retrieve_piece(c, piece_name(name, 0, pool), room, &n, pool);

    if (rv != APR_SUCCESS) {
        return absent_or_down(c, rv, now, pool);
    }
    if (n > most || !head_read(&head, room, n)) {
        head.total = 1;
    }
    for (apr_size_t at = 0, i = 0; at < head.total; at += c->piece, i++) {
        remove_piece(c, piece_name(name, i, pool), pool);
    }
    return CLP_SESSION_OK;
}

/* --- starting ------------------------------------------------------------------------------- */

clp_session_store *clp_session_socache_start(clp_session_socache *c, server_rec *s, apr_pool_t *p)
{
    struct ap_socache_hints hints = {32, PIECE_LOCAL, apr_time_from_sec(600)};
    apr_status_t rv;

    c->server = s;
    if (c->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) {
        rv = ap_global_mutex_create(&c->mutex, NULL, MUTEX_TYPE, NULL, s, p, 0);
        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                         "CLP2350: no lock for the session store; responses are not stored");
            return NULL;
        }
    }
    rv = c->provider->init(c->instance, CACHE_NAME, &hints, s, p);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2351: the session store %s could not be started; responses are not "
                     "stored",
                     c->provider->name);
        return NULL;
    }
    c->store.put = put;
    c->store.get = get;
    c->store.remove = take_away;
    c->store.ctx = c;
    return &c->store;
}

int clp_session_socache_child(clp_session_socache *c, server_rec *s, apr_pool_t *p)
{
    apr_status_t rv;
    if (!c->mutex) {
        return 1;
    }
    rv = apr_global_mutex_child_init(&c->mutex, apr_global_mutex_lockfile(c->mutex), p);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s, "CLP2352: no lock for the session store");
    }
    return rv == APR_SUCCESS;
}
