/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <apr_strings.h>

#include "clp_version.h"
#include "upstream/address.h"
#include "upstream/headers.h"

/* Claude's OAuth tokens are shown as bearer, its API keys as x-api-key. */
#define CLAUDE_OAUTH_PREFIX "sk-ant-oat"

static int is_messages(const clp_dialect *d)
{
    return d == &clp_dialect_messages;
}

static const char *endpoint_of(const clp_dialect *d, clp_operation op)
{
    if (is_messages(d)) {
        return op == CLP_OP_COUNT_TOKENS ? "/messages/count_tokens" : "/messages";
    }
    return "/chat/completions";
}

static void set_credential(apr_table_t *headers, const clp_candidate *candidate, apr_pool_t *pool)
{
    const clp_channel *c = candidate->channel;
    const char *secret = candidate->key ? candidate->key->secret : NULL;
    clp_auth_scheme scheme = c->auth;

    if (!secret || scheme == CLP_AUTH_NONE) {
        return;
    }
    if (scheme == CLP_AUTH_DIALECT) {
        if (is_messages(c->dialect)
            && strncmp(secret, CLAUDE_OAUTH_PREFIX, sizeof(CLAUDE_OAUTH_PREFIX) - 1)) {
            apr_table_setn(headers, "x-api-key", secret);
            return;
        }
        scheme = CLP_AUTH_BEARER;
    }
    if (scheme == CLP_AUTH_HEADER) {
        apr_table_setn(headers, c->auth_header, secret);
    }
    else {
        apr_table_setn(headers, "Authorization", apr_pstrcat(pool, "Bearer ", secret, NULL));
    }
}

static void edit_headers(apr_table_t *headers, const clp_channel *c)
{
    if (c->user_agent) {
        apr_table_setn(headers, "User-Agent", c->user_agent);
    }
    for (int i = 0; i < c->header_edits->nelts; i++) {
        const clp_header_edit *e = &APR_ARRAY_IDX(c->header_edits, i, clp_header_edit);
        if (e->value) {
            apr_table_setn(headers, e->name, e->value);
        }
        else {
            apr_table_unset(headers, e->name);
        }
    }
}

static apr_table_t *headers_of(const clp_exchange_params *params, const clp_candidate *candidate,
                               int passthrough, apr_pool_t *pool)
{
    const clp_channel *c = candidate->channel;
    apr_table_t *headers = apr_table_make(pool, 16);

    if (passthrough) {
        clp_headers_up(headers, params->headers);
    }
    else {
        apr_table_setn(headers, "User-Agent", CLP_PRODUCT);
        apr_table_setn(headers, "Accept",
                       params->sniffed->stream ? "text/event-stream" : "application/json");
    }
    if (is_messages(c->dialect) && (!passthrough || !apr_table_get(headers, "anthropic-version"))) {
        apr_table_setn(headers, "anthropic-version", c->api_version);
    }
    apr_table_setn(headers, "Content-Type", "application/json");
    set_credential(headers, candidate, pool);
    edit_headers(headers, c);
    return headers;
}

static clp_problem *convert(clp_call *out, const clp_exchange_params *params,
                            const clp_candidate *candidate, clp_conversation **conversation,
                            apr_pool_t *keep, apr_pool_t *pool)
{
    clp_problem *problem;
    clp_target target;
    clp_buffer *body;

    if (!*conversation) {
        problem = params->client->read_request(conversation, params->body, &params->limits, keep);
        if (problem) {
            return problem;
        }
    }
    target.model = candidate->model;
    target.traits = &candidate->channel->traits;
    target.default_max_tokens = params->default_max_tokens;
    body = clp_buffer_make(pool, 0);
    problem = candidate->channel->dialect->write_request(*conversation, &target, body, &out->names,
                                                         pool);
    out->request.body = clp_buffer_all(body);
    return problem;
}

clp_problem *clp_call_make(clp_call *out, const clp_exchange_params *params,
                           const clp_candidate *candidate, clp_conversation **conversation,
                           apr_pool_t *keep, apr_pool_t *pool)
{
    const clp_channel *c = candidate->channel;
    clp_problem *problem = NULL;

    memset(out, 0, sizeof(*out));
    out->passthrough = c->dialect == params->client;
    if (!out->passthrough) {
        problem = convert(out, params, candidate, conversation, keep, pool);
    }
    else if (strcmp(candidate->model, params->sniffed->model)) {
        clp_buffer *body = clp_buffer_make(pool, 0);
        clp_dialect_splice_model(body, params->body, params->sniffed, candidate->model);
        out->request.body = clp_buffer_all(body);
    }
    else {
        out->request.body = params->body;
    }
    if (problem) {
        return problem;
    }
    out->request.method = "POST";
    out->request.url
        = clp_address_make(candidate->url, "/v1", endpoint_of(c->dialect, params->operation),
                           out->passthrough ? params->query : NULL, pool);
    out->request.headers = headers_of(params, candidate, out->passthrough, pool);
    out->request.timeouts = c->timeouts;
    out->request.tls = &c->tls;
    out->request.proxy = c->proxy;
    out->request.http2 = c->http2;
    return NULL;
}
