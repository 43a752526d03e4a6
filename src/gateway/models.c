/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/models.h"

#include <stdlib.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "channel_headers.h"
#include "clp_version.h"
#include "models_read.h"
#include "upstream/address.h"
#include "wire/buffer.h"
#include "wire/log.h"

/* The question put to one channel. */
typedef struct question {
    clp_models_job *job;
    const clp_channel *channel;
    int key; /* index of what is tried */
    int url;
    int tries;
    int pages;
    const char *after; /* id behind which the page begins, or NULL */
    int status;
    clp_buffer body;
    clp_transfer_request request;
    clp_transfer *transfer;     /* NULL = ended */
    apr_array_header_t *models; /* of clp_model */
    int failed;
} question;

struct clp_models_job {
    apr_pool_t *pool;
    clp_transport *transport;
    void *subject;
    apr_time_t deadline;
    apr_array_header_t *questions; /* of question * */
    int open;
};

static void put_question(question *q, apr_time_t now);

/* --- the call ------------------------------------------------------------------- */

static const clp_key *key_of(const question *q)
{
    const apr_array_header_t *keys = q->channel->keys;
    return q->key < keys->nelts ? &APR_ARRAY_IDX(keys, q->key, clp_key) : NULL;
}

static int is_messages(const question *q)
{
    return q->channel->dialect == &clp_dialect_messages;
}

static int is_gemini(const question *q)
{
    return q->channel->dialect == &clp_dialect_gemini;
}

static apr_table_t *headers_of(const question *q)
{
    apr_pool_t *pool = q->job->pool;
    apr_table_t *headers = apr_table_make(pool, 8);

    apr_table_setn(headers, "User-Agent", CLP_PRODUCT);
    apr_table_setn(headers, "Accept", "application/json");
    if (is_messages(q)) {
        apr_table_setn(headers, "anthropic-version", q->channel->api_version);
    }
    clp_channel_sign(headers, q->channel, key_of(q), pool);
    clp_channel_edit_headers(headers, q->channel);
    return headers;
}

/* An id in a query: everything but RFC 3986's unreserved characters by hex. */
static const char *escaped(const char *id, apr_pool_t *pool)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = apr_palloc(pool, 3 * strlen(id) + 1);
    char *to = out;

    for (const unsigned char *p = (const unsigned char *)id; *p; p++) {
        if ((*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') ||
            strchr("-._~", *p)) {
            *to++ = (char)*p;
        }
        else {
            *to++ = '%';
            *to++ = hex[*p >> 4];
            *to++ = hex[*p & 15];
        }
    }
    *to = '\0';
    return out;
}

static const char *query_of(const question *q)
{
    if (is_gemini(q)) {
        return q->after
                   ? apr_pstrcat(q->job->pool,
                                 "pageSize=1000&pageToken=", escaped(q->after, q->job->pool), NULL)
                   : "pageSize=1000";
    }
    if (!is_messages(q)) {
        return NULL;
    }
    return q->after ? apr_pstrcat(q->job->pool,
                                  "limit=1000&after_id=", escaped(q->after, q->job->pool), NULL)
                    : "limit=1000";
}

/* --- the answer ----------------------------------------------------------------- */

static void close_question(question *q, const char *why)
{
    q->transfer = NULL;
    q->job->open--;
    if (why) {
        q->failed = 1;
        clp_log(q->job->subject, CLP_LOG_INFO, 0, 1400,
                "channel %s: no list of models: %s (status %d)", q->channel->name, why, q->status);
    }
}

/* Is there another key or URL to ask after this failure? Upstreams without such a list (404) have
 * it nowhere. */
static int try_another(question *q, clp_transfer_end how)
{
    int refused = q->status == 401 || q->status == 402 || q->status == 403 || q->status == 429;
    if (++q->tries >= CLP_MODELS_MAX_TRIES) {
        return 0;
    }
    if (how == CLP_TRANSFER_DONE && refused) {
        return ++q->key < q->channel->keys->nelts;
    }
    if (how != CLP_TRANSFER_DONE || q->status >= 500) {
        return ++q->url < q->channel->urls->nelts;
    }
    return 0;
}

static void on_head(void *ctx, int status, const apr_table_t *headers)
{
    question *q = ctx;
    (void)headers;
    q->status = status;
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    question *q = ctx;
    clp_buffer_append(&q->body, p, n);
    if (q->body.overflow) {
        q->job->transport->cancel(q->job->transport, q->transfer);
        close_question(q, "the answer is too large");
    }
}

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    question *q = ctx;
    apr_time_t now = apr_time_now();

    if (how != CLP_TRANSFER_DONE || q->status < 200 || q->status > 299) {
        if (now < q->job->deadline && try_another(q, how)) {
            put_question(q, now);
        }
        else {
            close_question(q, how == CLP_TRANSFER_DONE ? "an error"
                              : detail                 ? detail
                                                       : clp_transfer_end_text(how));
        }
        return;
    }
    if (!clp_models_read(clp_buffer_all(&q->body), q->models, &q->after, q->job->pool)) {
        close_question(q, "the answer is none");
        return;
    }
    if (q->after && (is_messages(q) || is_gemini(q)) && ++q->pages < CLP_MODELS_MAX_PAGES &&
        now < q->job->deadline) {
        put_question(q, now);
        return;
    }
    close_question(q, NULL);
}

static apr_int32_t sooner(apr_int32_t configured, apr_int32_t left)
{
    return configured > 0 && configured < left ? configured : left;
}

static void put_question(question *q, apr_time_t now)
{
    clp_transfer_handler handler = {q, on_head, on_bytes, on_end};
    apr_pool_t *pool = q->job->pool;
    const clp_channel *c = q->channel;
    apr_int32_t left = (apr_int32_t)apr_time_as_msec(q->job->deadline - now);

    if (left < 1) {
        left = 1;
    }
    q->status = 0;
    clp_buffer_clear(&q->body);
    memset(&q->request, 0, sizeof(q->request));
    q->request.method = "GET";
    q->request.url =
        clp_address_make(APR_ARRAY_IDX(c->urls, q->url, const char *),
                         is_gemini(q) ? "/v1beta" : "/v1", "/models", query_of(q), pool);
    q->request.headers = headers_of(q);
    q->request.timeouts.connect_ms = sooner(c->timeouts.connect_ms, left);
    q->request.timeouts.total_ms = left;
    clp_channel_route(c, &q->request);
    q->transfer = q->job->transport->start(q->job->transport, &q->request, &handler, pool);
}

/* --- the job ---------------------------------------------------------------------- */

clp_models_job *clp_models_ask(const clp_channel_set *set, clp_transport *transport, apr_time_t now,
                               void *subject, apr_pool_t *pool)
{
    clp_models_job *job = apr_pcalloc(pool, sizeof(*job));

    job->pool = pool;
    job->transport = transport;
    job->subject = subject;
    job->deadline = now + apr_time_from_msec(CLP_MODELS_MAX_MS);
    job->questions = apr_array_make(pool, set->channels->nelts, sizeof(question *));
    for (int i = 0; i < set->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(set->channels, i, const clp_channel *);
        question *q;
        if (c->status != CLP_CHANNEL_ACTIVE) {
            continue;
        }
        q = apr_pcalloc(pool, sizeof(*q));
        q->job = job;
        q->channel = c;
        q->models = apr_array_make(pool, 16, sizeof(clp_model));
        clp_buffer_init(&q->body, pool, CLP_MODELS_MAX_BYTES);
        APR_ARRAY_PUSH(job->questions, question *) = q;
        job->open++;
        put_question(q, now);
    }
    return job;
}

int clp_models_done(const clp_models_job *job)
{
    return job->open == 0;
}

void clp_models_cancel(clp_models_job *job)
{
    for (int i = 0; i < job->questions->nelts; i++) {
        question *q = APR_ARRAY_IDX(job->questions, i, question *);
        if (q->transfer) {
            job->transport->cancel(job->transport, q->transfer);
            q->transfer = NULL;
            q->failed = 1;
        }
    }
    job->open = 0;
}

int clp_models_failed(const clp_models_job *job)
{
    int n = 0;
    for (int i = 0; i < job->questions->nelts; i++) {
        n += APR_ARRAY_IDX(job->questions, i, question *)->failed;
    }
    return n;
}

/* --- the list ---------------------------------------------------------------------- */

static clp_model named(const char *id)
{
    clp_model m = {id, id, "system", 0};
    return m;
}

static void add_exact(apr_array_header_t *list, const char *pattern)
{
    if (!strpbrk(pattern, "*?")) {
        APR_ARRAY_PUSH(list, clp_model) = named(pattern);
    }
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const clp_model *)a)->id, ((const clp_model *)b)->id);
}

static void add_unseen(apr_array_header_t *list, apr_hash_t *seen, const clp_model *m)
{
    if (!apr_hash_get(seen, m->id, APR_HASH_KEY_STRING)) {
        apr_hash_set(seen, m->id, APR_HASH_KEY_STRING, m->id);
        APR_ARRAY_PUSH(list, clp_model) = *m;
    }
}

/* What one channel serves, by id, each once. */
static void add_channel(apr_array_header_t *list, apr_hash_t *seen, const question *q)
{
    const clp_channel *c = q->channel;
    apr_pool_t *pool = q->job->pool;
    apr_array_header_t *own = apr_array_make(pool, q->models->nelts + 8, sizeof(clp_model));
    apr_array_header_t *all = apr_array_make(pool, q->models->nelts + 8, sizeof(clp_model));
    apr_hash_t *seen_here = apr_hash_make(pool);

    for (int i = 0; i < q->models->nelts; i++) {
        const clp_model *m = &APR_ARRAY_IDX(q->models, i, clp_model);
        if (clp_channel_serves(c, m->id)) {
            APR_ARRAY_PUSH(all, clp_model) = *m;
        }
    }
    for (int i = 0; i < c->model_map->nelts; i++) {
        add_exact(all, APR_ARRAY_IDX(c->model_map, i, clp_model_rule).pattern);
    }
    for (int i = 0; i < c->models->nelts; i++) {
        add_exact(all, APR_ARRAY_IDX(c->models, i, const char *));
    }
    for (int i = 0; i < all->nelts; i++) {
        add_unseen(own, seen_here, &APR_ARRAY_IDX(all, i, clp_model));
    }
    qsort(own->elts, (size_t)own->nelts, sizeof(clp_model), by_id);
    for (int i = 0; i < own->nelts; i++) {
        add_unseen(list, seen, &APR_ARRAY_IDX(own, i, clp_model));
    }
}

apr_array_header_t *clp_models_list(const clp_models_job *job)
{
    apr_array_header_t *list = apr_array_make(job->pool, 64, sizeof(clp_model));
    apr_hash_t *seen = apr_hash_make(job->pool);

    for (int i = 0; i < job->questions->nelts; i++) {
        add_channel(list, seen, APR_ARRAY_IDX(job->questions, i, question *));
    }
    return list;
}

const apr_array_header_t *clp_models_with_names(const apr_array_header_t *list,
                                                const apr_array_header_t *names, apr_pool_t *pool)
{
    apr_array_header_t *all;

    if (!names || !names->nelts) {
        return list;
    }
    all = apr_array_copy(pool, list);
    for (int i = 0; i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        if (!clp_models_find(all, name)) {
            APR_ARRAY_PUSH(all, clp_model) = named(name);
        }
    }
    return all;
}

const clp_model *clp_models_find(const apr_array_header_t *list, const char *id)
{
    for (int i = 0; i < list->nelts; i++) {
        const clp_model *m = &APR_ARRAY_IDX(list, i, clp_model);
        if (!strcmp(m->id, id)) {
            return m;
        }
    }
    return NULL;
}
