/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin_call.h"
#include "gateway/recent.h"
#include "wire/instant.h"
#include "wire/quantity.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MOST    1000

/* Which entries are asked for; NULL or 0 = any. */
typedef struct question {
    const char *channel;
    const char *user;
    const char *failure;
    apr_int64_t status;
    apr_int64_t limit;
    apr_int64_t before;
} question;

/* --- the question ------------------------------------------------------------------------ */

static int take_text(clp_admin_call *call, const char *name, apr_size_t room, const char **out)
{
    const char *value = apr_table_get(call->args, name);

    if (value && (!*value || strlen(value) >= room)) {
        clp_admin_fail(call, 400, name, "%s: has to be a text of 1 to %d bytes", name,
                       (int)room - 1);
        return 0;
    }
    *out = value;
    return 1;
}

static int take_number(clp_admin_call *call, const char *name, apr_int64_t min, apr_int64_t max,
                       apr_int64_t *out)
{
    const char *value = apr_table_get(call->args, name);
    apr_int64_t n = 0;

    if (!value) {
        return 1;
    }
    if (!clp_count_parse(value, &n) || n < min || n > max) {
        clp_admin_fail(call, 400, name,
                       "%s: has to be a number from %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT,
                       name, min, max);
        return 0;
    }
    *out = n;
    return 1;
}

static int take_failure(clp_admin_call *call, const char **out)
{
    const char *value = apr_table_get(call->args, "class");

    if (value && !clp_recent_is_failure(value)) {
        clp_admin_fail(call, 400, "class",
                       "class: has to be a class of failures, as in answers, e.g. rate_limited");
        return 0;
    }
    *out = value;
    return 1;
}

static int know_arguments(clp_admin_call *call)
{
    static const char *const known[] = {"channel", "user", "class", "status", "limit", "before"};
    const apr_array_header_t *given = apr_table_elts(call->args);

    for (int i = 0; i < given->nelts; i++) {
        const char *name = APR_ARRAY_IDX(given, i, apr_table_entry_t).key;
        apr_size_t k = 0;
        while (k < sizeof(known) / sizeof(known[0]) && strcmp(known[k], name) != 0) {
            k++;
        }
        if (k == sizeof(known) / sizeof(known[0])) {
            clp_admin_fail(call, 400, name, "%s: is not known here", name);
            return 0;
        }
    }
    return 1;
}

/* 1; or 0, and 400 is answered. */
static int take_question(clp_admin_call *call, question *q)
{
    clp_recent_entry *e = NULL;

    memset(q, 0, sizeof(*q));
    q->limit = LIMIT_DEFAULT;
    return know_arguments(call) && take_text(call, "channel", sizeof(e->channel), &q->channel) &&
           take_text(call, "user", sizeof(e->user), &q->user) && take_failure(call, &q->failure) &&
           take_number(call, "status", 100, 599, &q->status) &&
           take_number(call, "limit", 1, LIMIT_MOST, &q->limit) &&
           take_number(call, "before", 1, APR_INT64_MAX, &q->before);
}

static int is_asked_for(const clp_recent_entry *e, const question *q)
{
    return (!q->channel || !strcmp(q->channel, e->channel)) &&
           (!q->user || !strcmp(q->user, e->user)) &&
           (!q->failure || !strcmp(q->failure, e->failure)) &&
           (!q->status || q->status == e->status);
}

/* --- the answer ----------------------------------------------------------------------------- */

static void put_text(clp_jw *w, const char *name, const char *text)
{
    if (*text) {
        clp_jw_kstr(w, name, text);
    }
    else {
        clp_jw_knull(w, name);
    }
}

/* null for what is below the least that can be known. */
static void put_number(clp_jw *w, const char *name, apr_int64_t n, apr_int64_t least)
{
    if (n >= least) {
        clp_jw_kint(w, name, n);
    }
    else {
        clp_jw_knull(w, name);
    }
}

static const clp_key *key_in(const apr_array_header_t *keys, const char *id)
{
    for (int i = 0; keys && i < keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(keys, i, clp_key);
        if (!strcmp(key->id, id)) {
            return key;
        }
    }
    return NULL;
}

/* Masks are not in shared memory. A key that is gone has none any more. */
static const char *mask_of(const clp_admin_site *site, const clp_recent_entry *e)
{
    for (int i = 0; i < site->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(site->channels, i, const clp_channel *);
        const clp_key *key = strcmp(c->name, e->channel) != 0 ? NULL : key_in(c->keys, e->key_id);
        if (key) {
            return key->mask;
        }
    }
    return "";
}

static void write_key(clp_jw *w, const clp_admin_site *site, const clp_recent_entry *e)
{
    if (!*e->key_id) {
        clp_jw_knull(w, "key");
        return;
    }
    clp_jw_key(w, "key");
    clp_jw_object(w);
    clp_jw_kstr(w, "id", e->key_id);
    put_text(w, "mask", mask_of(site, e));
    clp_jw_end_object(w);
}

static void write_sums(clp_jw *w, const clp_recent_entry *e)
{
    clp_jw_key(w, "tokens");
    clp_jw_object(w);
    put_number(w, "input", e->tokens_in, 0);
    put_number(w, "output", e->tokens_out, 0);
    put_number(w, "cacheRead", e->cache_read, 0);
    put_number(w, "cacheWrite", e->cache_write, 0);
    put_number(w, "reasoning", e->reasoning, 0);
    clp_jw_end_object(w);
    clp_jw_key(w, "bytes");
    clp_jw_object(w);
    clp_jw_kint(w, "request", e->bytes_in);
    clp_jw_kint(w, "answer", e->bytes_out);
    clp_jw_end_object(w);
}

static void write_entry(clp_jw *w, const clp_admin_call *call, apr_uint64_t number,
                        const clp_recent_entry *e)
{
    clp_jw_object(w);
    clp_jw_kint(w, "number", (apr_int64_t)number);
    clp_jw_kstr(w, "id", e->id);
    clp_jw_kstr(w, "began", clp_instant_text(e->began, call->pool));
    clp_jw_kstr(w, "operation", e->operation);
    put_text(w, "user", e->user);
    clp_jw_kstr(w, "protocol", e->protocol);
    put_text(w, "model", e->model);
    put_text(w, "channel", e->channel);
    write_key(w, call->site, e);
    put_text(w, "upstreamModel", e->upstream_model);
    put_text(w, "pick", e->pick);
    clp_jw_kint(w, "attempts", e->attempts);
    put_text(w, "tried", e->tried);
    clp_jw_kstr(w, "result", e->result);
    put_number(w, "status", e->status, 1);
    put_number(w, "upstreamStatus", e->upstream_status, 1);
    put_text(w, "class", e->failure);
    put_text(w, "error", e->error);
    clp_jw_key(w, "stream");
    if (e->stream == CLP_RECENT_NEITHER) {
        clp_jw_null(w);
    }
    else {
        clp_jw_bool(w, e->stream == CLP_RECENT_STREAM);
    }
    clp_jw_kint(w, "duration", apr_time_as_msec(e->ended - e->began));
    put_number(w, "firstToken", e->first_token ? apr_time_as_msec(e->first_token - e->began) : -1,
               0);
    write_sums(w, e);
    clp_jw_end_object(w);
}

void clp_admin_requests(clp_admin_call *call)
{
    const clp_recent_ring *ring = call->site->recent;
    clp_recent_entry e;
    apr_uint64_t number;
    apr_int64_t n = 0;
    question q;
    clp_jw w;

    if (!take_question(call, &q)) {
        return;
    }
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kint(&w, "capacity", ring ? (apr_int64_t)clp_recent_ring_capacity(ring) : 0);
    clp_jw_key(&w, "requests");
    clp_jw_array(&w);
    number = (apr_uint64_t)q.before;
    while (ring && n < q.limit && (number = clp_recent_ring_next(ring, number, &e))) {
        if (is_asked_for(&e, &q)) {
            write_entry(&w, call, number, &e);
            n++;
        }
    }
    clp_jw_end_array(&w);
    clp_jw_end_object(&w);
}
