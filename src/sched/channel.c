/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel.h"

#include <string.h>

#include <apr_strings.h>

#include "state/tables.h"
#include "wire/text.h"

/* Defaults of directives, named behind. */
#define DEFAULT_PRIORITY      100          /* ChannelPriority */
#define DEFAULT_CONNECT_MS    (10 * 1000)  /* ChannelTimeout connect */
#define DEFAULT_FIRST_BYTE_MS (300 * 1000) /* ChannelTimeout first-byte */
#define DEFAULT_IDLE_MS       (300 * 1000) /* ChannelTimeout idle */
#define DEFAULT_TOTAL_MS      0            /* ChannelTimeout total */
#define DEFAULT_API_VERSION   "2023-06-01" /* ChannelAnthropicVersion */

static const clp_row_ref no_row = {CLP_NO_ROW, 0};

clp_channel *clp_channel_make(const char *name, apr_pool_t *pool)
{
    clp_channel *c = apr_pcalloc(pool, sizeof(*c));

    c->name = name;
    c->id = clp_channel_id(name);
    c->urls = apr_array_make(pool, 2, sizeof(const char *));
    c->keys = apr_array_make(pool, 2, sizeof(clp_key));
    c->model_map = apr_array_make(pool, 2, sizeof(clp_model_rule));
    c->models = apr_array_make(pool, 2, sizeof(const char *));
    c->header_edits = apr_array_make(pool, 2, sizeof(clp_header_edit));
    c->retry = apr_array_make(pool, 2, sizeof(clp_verdict_rule));
    c->never_retry = apr_array_make(pool, 2, sizeof(clp_verdict_rule));
    c->priority = DEFAULT_PRIORITY;
    c->status = CLP_CHANNEL_ACTIVE;
    c->timeouts.connect_ms = DEFAULT_CONNECT_MS;
    c->timeouts.first_byte_ms = DEFAULT_FIRST_BYTE_MS;
    c->timeouts.idle_ms = DEFAULT_IDLE_MS;
    c->timeouts.total_ms = DEFAULT_TOTAL_MS;
    c->tls.verify = 1;
    c->auth = CLP_AUTH_DIALECT;
    c->traits = clp_traits_default();
    c->api_version = DEFAULT_API_VERSION;
    c->breaker = clp_breaker_policy_default();
    c->cooldown = clp_cooldown_policy_default();
    c->weight = 1;
    c->key_order = CLP_KEYS_ORDERED;
    c->row = no_row;
    return c;
}

clp_key *clp_channel_add_key(clp_channel *c, const char *secret, const char *mask, const char *id)
{
    clp_key *key = apr_array_push(c->keys);
    key->secret = secret;
    key->mask = mask;
    key->id = id;
    key->hash = clp_row_id(clp_span_str(id));
    key->source = NULL;
    key->row = no_row;
    return key;
}

#define OF_COMMAND "exec:"

const char *clp_key_source_shown(const clp_key *key, apr_pool_t *pool)
{
    const char *source = key->source;
    apr_size_t program;

    if (!source || strncmp(source, OF_COMMAND, strlen(OF_COMMAND)) != 0) {
        return source;
    }
    program = strcspn(source, " \t");
    return source[program] ? apr_pstrcat(pool, apr_pstrmemdup(pool, source, program), " ...", NULL)
                           : source;
}

void clp_channel_route(const clp_channel *c, clp_transfer_request *request)
{
    request->tls = &c->tls;
    request->proxy = c->proxy;
    request->http2 = c->http2;
    request->hosts = c->proxy ? c->proxy_hosts : c->url_hosts;
}

/*
 * Greedy never matters for yes or no: only the last star seen has to be
 * stretched, so the work is at most pattern times name.
 */
int clp_model_matches(const char *pattern, const char *name, const char **star, apr_pool_t *pool)
{
    const char *p = pattern;
    const char *n = name;
    const char *last = NULL;  /* behind the last star in the pattern */
    const char *mark = NULL;  /* where the name goes on behind what that star took */
    const char *first = NULL; /* behind the first star in the pattern */
    const char *taken = NULL; /* what the first star took */
    const char *taken_end = NULL;
    while (*n) {
        if (*p == '*') {
            last = ++p;
            mark = n;
            if (!first) {
                first = p;
                taken = taken_end = n;
            }
        }
        else if (*p && (*p == '?' || *p == *n)) {
            p++;
            n++;
        }
        else if (last) {
            p = last;
            n = ++mark;
            if (last == first) {
                taken_end = mark;
            }
        }
        else {
            return 0;
        }
    }
    if (p[strspn(p, "*")]) {
        return 0;
    }
    if (*p && !taken) {
        taken = taken_end = n;
    }
    if (star) {
        *star = taken ? apr_pstrmemdup(pool, taken, (apr_size_t)(taken_end - taken)) : NULL;
    }
    return 1;
}

/* The target with each '*' replaced. */
static const char *fill(const char *target, const char *star, apr_pool_t *pool)
{
    const char *at;
    const char *out = "";
    if (!star || !strchr(target, '*')) {
        return target;
    }
    while ((at = strchr(target, '*'))) {
        out = apr_pstrcat(pool, out, apr_pstrmemdup(pool, target, (apr_size_t)(at - target)), star,
                          NULL);
        target = at + 1;
    }
    return apr_pstrcat(pool, out, target, NULL);
}

const char *clp_channel_model(const clp_channel *c, const char *model, apr_pool_t *pool)
{
    for (int i = 0; c->model_map && i < c->model_map->nelts; i++) {
        const clp_model_rule *rule = &APR_ARRAY_IDX(c->model_map, i, clp_model_rule);
        const char *star;
        if (clp_model_matches(rule->pattern, model, &star, pool)) {
            return fill(rule->target, star, pool);
        }
    }
    return model;
}

const clp_channel *clp_channel_named(const apr_array_header_t *channels, const char *name)
{
    for (int i = 0; channels && i < channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(channels, i, const clp_channel *);
        if (!strcmp(c->name, name)) {
            return c;
        }
    }
    return NULL;
}

const char *clp_key_digest(const char *secret, apr_pool_t *pool)
{
    char digest[65];

    clp_sha256_hex(clp_span_str(secret), digest);
    return apr_pstrmemdup(pool, digest, 16);
}

const clp_key *clp_key_in(const apr_array_header_t *keys, const char *id)
{
    for (int i = 0; keys && i < keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(keys, i, clp_key);
        if (!strcmp(key->id, id)) {
            return key;
        }
    }
    return NULL;
}

const clp_key *clp_channel_key(const clp_channel *c, const char *id)
{
    const clp_key *key = clp_key_in(c->keys, id);

    return key ? key : clp_key_in(c->keys_off, id);
}

/* The bit of a client protocol by its name; 0 = there is none of that name. */
static apr_uint32_t protocol_bit(clp_span name)
{
    for (int p = 0; p < CLP_PROTOCOL_OTHER; p++) {
        if (clp_span_is(name, clp_protocol_name((clp_protocol)p))) {
            return (apr_uint32_t)1 << p;
        }
    }
    return 0;
}

apr_uint32_t clp_protocols_read(const char *list)
{
    apr_uint32_t bits = 0;

    for (;;) {
        apr_size_t n = strcspn(list, ",");
        apr_uint32_t bit = protocol_bit(clp_span_of(list, n));

        if (!bit) {
            return 0;
        }
        bits |= bit;
        if (!list[n]) {
            return bits;
        }
        list += n + 1;
    }
}

const char *clp_protocols_text(apr_uint32_t protocols, apr_pool_t *pool)
{
    const char *text = NULL;

    for (int p = 0; p < CLP_PROTOCOL_OTHER; p++) {
        if (protocols & (apr_uint32_t)1 << p) {
            const char *name = clp_protocol_name((clp_protocol)p);
            text = text ? apr_pstrcat(pool, text, ",", name, NULL) : name;
        }
    }
    return text;
}

apr_uint32_t clp_channel_promoted_for(const clp_channel *c, apr_time_t now)
{
    if (c->status != CLP_CHANNEL_ACTIVE || c->promotion.until <= now) {
        return 0;
    }
    return c->promotion.protocols ? c->promotion.protocols : ~(apr_uint32_t)0;
}

int clp_channel_serves(const clp_channel *c, const char *model)
{
    if (!c->models || !c->models->nelts) {
        return 1;
    }
    for (int i = 0; i < c->models->nelts; i++) {
        if (clp_model_matches(APR_ARRAY_IDX(c->models, i, const char *), model, NULL, NULL)) {
            return 1;
        }
    }
    for (int i = 0; c->model_map && i < c->model_map->nelts; i++) {
        const clp_model_rule *rule = &APR_ARRAY_IDX(c->model_map, i, clp_model_rule);
        if (clp_model_matches(rule->pattern, model, NULL, NULL)) {
            return 1;
        }
    }
    return 0;
}
