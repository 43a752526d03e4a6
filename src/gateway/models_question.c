/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "models_question.h"

#include <apr_strings.h>

#include "channel_headers.h"
#include "clp_version.h"
#include "models_read.h"
#include "upstream/address.h"
#include "wire/log.h"

static void put_question(clp_models_question *q, apr_time_t now);

/* --- the call ------------------------------------------------------------------- */

static const clp_key *key_of(const clp_models_question *q)
{
    const apr_array_header_t *keys = q->channel->keys;
    return q->key < keys->nelts ? &APR_ARRAY_IDX(keys, q->key, clp_key) : NULL;
}

static int is_messages(const clp_models_question *q)
{
    return q->channel->dialect == &clp_dialect_messages;
}

static int is_gemini(const clp_models_question *q)
{
    return q->channel->dialect == &clp_dialect_gemini;
}

static apr_table_t *headers_of(const clp_models_question *q)
{
    apr_pool_t *pool = q->round->pool;
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

static const char *query_of(const clp_models_question *q)
{
    if (is_gemini(q)) {
        return q->after ? apr_pstrcat(q->round->pool,
                                      "pageSize=1000&pageToken=", escaped(q->after, q->round->pool),
                                      NULL)
                        : "pageSize=1000";
    }
    if (!is_messages(q)) {
        return NULL;
    }
    return q->after ? apr_pstrcat(q->round->pool,
                                  "limit=1000&after_id=", escaped(q->after, q->round->pool), NULL)
                    : "limit=1000";
}

/* --- the answer ----------------------------------------------------------------- */

static void close_question(clp_models_question *q, const char *why)
{
    q->transfer = NULL;
    q->round->open--;
    if (why) {
        q->failed = 1;
        clp_log(q->round->subject, CLP_LOG_INFO, 0, 1400,
                "channel %s: no list of models: %s (status %d)", q->channel->name, why, q->status);
    }
}

/* Is there another key or URL to ask after this failure? Upstreams without such a list (404) have
 * it nowhere. */
static int try_another(clp_models_question *q, clp_transfer_end how)
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
    clp_models_question *q = ctx;
    (void)headers;
    q->status = status;
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    clp_models_question *q = ctx;
    clp_buffer_append(&q->body, p, n);
    if (q->body.overflow) {
        q->round->transport->cancel(q->round->transport, q->transfer);
        close_question(q, "the answer is too large");
    }
}

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    clp_models_question *q = ctx;
    apr_time_t now = apr_time_now();

    if (how != CLP_TRANSFER_DONE || q->status < 200 || q->status > 299) {
        if (now < q->round->deadline && try_another(q, how)) {
            put_question(q, now);
        }
        else {
            close_question(q, how == CLP_TRANSFER_DONE ? "an error"
                              : detail                 ? detail
                                                       : clp_transfer_end_text(how));
        }
        return;
    }
    if (!clp_models_read(clp_buffer_all(&q->body), q->models, &q->after, q->round->pool)) {
        close_question(q, "the answer is none");
        return;
    }
    if (q->after && (is_messages(q) || is_gemini(q)) && ++q->pages < CLP_MODELS_MAX_PAGES &&
        now < q->round->deadline) {
        put_question(q, now);
        return;
    }
    close_question(q, NULL);
}

static apr_int32_t sooner(apr_int32_t configured, apr_int32_t left)
{
    return configured > 0 && configured < left ? configured : left;
}

static void put_question(clp_models_question *q, apr_time_t now)
{
    clp_transfer_handler handler = {q, on_head, on_bytes, on_end};
    apr_pool_t *pool = q->round->pool;
    const clp_channel *c = q->channel;
    apr_int32_t left = (apr_int32_t)apr_time_as_msec(q->round->deadline - now);

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
    q->transfer = q->round->transport->start(q->round->transport, &q->request, &handler, pool);
}

clp_models_question *clp_models_question_ask(clp_models_round *round, const clp_channel *channel,
                                             apr_time_t now)
{
    clp_models_question *q = apr_pcalloc(round->pool, sizeof(*q));

    q->round = round;
    q->channel = channel;
    q->models = apr_array_make(round->pool, 16, sizeof(clp_model));
    clp_buffer_init(&q->body, round->pool, CLP_MODELS_MAX_BYTES);
    round->open++;
    put_question(q, now);
    return q;
}

void clp_models_question_cancel(clp_models_question *q)
{
    if (q->transfer) {
        q->round->transport->cancel(q->round->transport, q->transfer);
        q->transfer = NULL;
        q->failed = 1;
        q->round->open--;
    }
}
