/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "channel_headers.h"
#include "clp_version.h"
#include "upstream/address.h"
#include "upstream/headers.h"

static int is_messages(const clp_dialect *d)
{
    return d == &clp_dialect_messages;
}

/* A name as one segment of a path. */
static const char *escape(const char *name, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, 3 * strlen(name) + 1);
    char *to = out;

    for (; *name; name++) {
        if (apr_isalnum(*name) || strchr("-._~@:", *name)) {
            *to++ = *name;
        }
        else {
            to += apr_snprintf(to, 4, "%%%02X", (unsigned char)*name);
        }
    }
    *to = '\0';
    return out;
}

static const char *gemini_endpoint(const clp_exchange_params *params, const char *model,
                                   apr_pool_t *pool)
{
    const char *action = params->operation == CLP_OP_FORWARD        ? params->action
                         : params->operation == CLP_OP_COUNT_TOKENS ? "countTokens"
                         : clp_wants_stream(params)                 ? "streamGenerateContent"
                                                                    : "generateContent";
    return apr_pstrcat(pool, "/models/", escape(model, pool), ":", escape(action, pool), NULL);
}

static const char *endpoint_of(const clp_exchange_params *params, const clp_candidate *candidate,
                               apr_pool_t *pool)
{
    const clp_dialect *d = candidate->channel->dialect;
    clp_operation op = params->operation;

    if (op == CLP_OP_RESOURCE) {
        return params->path;
    }
    if (d == &clp_dialect_gemini) {
        return gemini_endpoint(params, candidate->model, pool);
    }
    if (is_messages(d)) {
        return op == CLP_OP_COUNT_TOKENS ? "/messages/count_tokens" : "/messages";
    }
    if (d == &clp_dialect_responses) {
        return op == CLP_OP_COUNT_TOKENS ? "/responses/input_tokens" : "/responses";
    }
    return "/chat/completions";
}

/* The client's own where the body is. A stream of Gemini's is one of events only on request. */
static const char *query_of(const clp_exchange_params *params, const clp_candidate *candidate,
                            int passthrough)
{
    if (passthrough) {
        return params->query;
    }
    return candidate->channel->dialect == &clp_dialect_gemini && clp_wants_stream(params)
               ? "alt=sse"
               : NULL;
}

static apr_table_t *headers_of(const clp_exchange_params *params, const clp_candidate *candidate,
                               int number, int passthrough, apr_pool_t *pool)
{
    const clp_channel *c = candidate->channel;
    apr_table_t *headers = apr_table_make(pool, 16);

    if (passthrough) {
        clp_headers_up(headers, params->headers);
    }
    else {
        apr_table_setn(headers, "User-Agent", CLP_PRODUCT);
        apr_table_setn(headers, "Accept",
                       clp_wants_stream(params) ? "text/event-stream" : "application/json");
    }
    if (is_messages(c->dialect) && (!passthrough || !apr_table_get(headers, "anthropic-version"))) {
        apr_table_setn(headers, "anthropic-version", c->api_version);
    }
    apr_table_setn(headers, "Content-Type", "application/json");
    if (params->trace) {
        clp_trace_write(headers, params->trace, number, pool);
    }
    clp_channel_sign(headers, c, candidate->key, pool);
    clp_channel_edit_headers(headers, c);
    return headers;
}

/* The body as it is to be read: with what the client could not keep. */
static clp_span body_to_read(const clp_exchange_params *params, apr_pool_t *keep)
{
    clp_buffer *body;

    if (!params->call_states) {
        return params->body;
    }
    body = clp_buffer_make(keep, 0);
    return clp_call_states_restore(params->call_states, body, params->body,
                                   clp_exchange_clock(params))
               ? clp_buffer_all(body)
               : params->body;
}

static clp_problem *convert(clp_call *out, const clp_exchange_params *params,
                            const clp_candidate *candidate, clp_conversation **conversation,
                            apr_pool_t *keep, apr_pool_t *pool)
{
    clp_problem *problem;
    clp_buffer *body;

    if (!*conversation) {
        problem = params->client->read_request(conversation, body_to_read(params, keep),
                                               &params->intake, keep);
        if (problem) {
            return problem;
        }
    }
    out->target.model = candidate->model;
    out->target.traits = &candidate->channel->traits;
    out->target.default_max_tokens = params->default_max_tokens;
    out->target.counting = params->operation == CLP_OP_COUNT_TOKENS;
    body = clp_buffer_make(pool, 0);
    problem = candidate->channel->dialect->write_request(*conversation, &out->target, body,
                                                         &out->names, pool);
    out->request.body = clp_buffer_all(body);
    return problem;
}

/* The client's own bytes, but for the model's name and what another provider made. */
static clp_problem *pass(clp_call *out, const clp_exchange_params *params,
                         const clp_candidate *candidate, apr_pool_t *pool)
{
    const clp_sniffed *sniffed = params->sniffed;
    clp_buffer *body;

    out->request.body = params->body;
    if (params->body.n) {
        body = clp_buffer_make(pool, 0);
        if (clp_dialect_drop_foreign(body, params->body, params->client, pool)) {
            clp_sniffed *again = apr_palloc(pool, sizeof(*again));
            clp_problem *problem;
            out->request.body = clp_buffer_all(body);
            problem = params->client->sniff(again, out->request.body, &params->intake, pool);
            if (problem) {
                return problem;
            }
            sniffed = again;
        }
    }
    if (sniffed->model && strcmp(candidate->model, sniffed->model) != 0) {
        body = clp_buffer_make(pool, 0);
        clp_dialect_splice_model(body, out->request.body, sniffed, candidate->model);
        out->request.body = clp_buffer_all(body);
    }
    return NULL;
}

clp_problem *clp_call_make(clp_call *out, const clp_exchange_params *params,
                           const clp_candidate *candidate, int number,
                           clp_conversation **conversation, apr_pool_t *keep, apr_pool_t *pool)
{
    const clp_channel *c = candidate->channel;
    clp_problem *problem = NULL;

    memset(out, 0, sizeof(*out));
    out->passthrough = c->dialect == params->client;
    if (!out->passthrough) {
        problem = convert(out, params, candidate, conversation, keep, pool);
    }
    else {
        problem = pass(out, params, candidate, pool);
    }
    if (problem) {
        return problem;
    }
    out->request.method = params->operation == CLP_OP_RESOURCE ? params->method : "POST";
    out->request.url = clp_address_make(
        candidate->url, c->dialect == &clp_dialect_gemini ? "/v1beta" : "/v1",
        endpoint_of(params, candidate, pool), query_of(params, candidate, out->passthrough), pool);
    out->request.headers = headers_of(params, candidate, number, out->passthrough, pool);
    out->request.timeouts = c->timeouts;
    clp_channel_route(c, &out->request);
    return NULL;
}
