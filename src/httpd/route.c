/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

#include <apr_strings.h>

#include "http_core.h"
#include "http_protocol.h"

typedef struct route_row {
    const char *path;
    int below; /* also matches what lies below; the rest is the model */
    clp_endpoint endpoint;
    const clp_dialect *dialect; /* NULL: by header fields */
    const char *allow;
} route_row;

static const route_row rows[] = {
    {"/v1/messages", 0, CLP_ENDPOINT_MESSAGES, &clp_dialect_messages, "POST"},
    {"/v1/messages/count_tokens", 0, CLP_ENDPOINT_COUNT_TOKENS, &clp_dialect_messages, "POST"},
    {"/v1/chat/completions", 0, CLP_ENDPOINT_CHAT, &clp_dialect_chat, "POST"},
    {"/v1/completions", 0, CLP_ENDPOINT_COMPLETIONS, &clp_dialect_completions, "POST"},
    {"/v1/responses", 0, CLP_ENDPOINT_RESPONSES, &clp_dialect_responses, "POST"},
    {"/v1/responses/input_tokens", 0, CLP_ENDPOINT_COUNT_TOKENS, &clp_dialect_responses, "POST"},
    {"/v1/responses/compact", 0, CLP_ENDPOINT_COMPACT, &clp_dialect_responses, "POST"},
    {"/v1/responses/", 1, CLP_ENDPOINT_RESPONSE, &clp_dialect_responses, "GET, HEAD, POST, DELETE"},
    {"/v1/models", 0, CLP_ENDPOINT_MODELS, NULL, "GET, HEAD"},
    {"/v1/models/", 1, CLP_ENDPOINT_MODEL, NULL, "GET, HEAD"},
    {"/v1beta/models", 0, CLP_ENDPOINT_MODELS, &clp_dialect_gemini, "GET, HEAD"},
    {"/v1beta/models/", 1, CLP_ENDPOINT_MODEL, &clp_dialect_gemini, "GET, HEAD"},
    {"/health", 0, CLP_ENDPOINT_HEALTH, NULL, "GET, HEAD"},
    {"/api/hello", 0, CLP_ENDPOINT_HELLO, NULL, "GET, HEAD"},
};

/* Told only before the key is taken out of the request. */
static int key_as_google(request_rec *r)
{
    return apr_table_get(r->headers_in, "x-goog-api-key") ||
           (r->args && (!strncmp(r->args, "key=", 4) || ap_strstr_c(r->args, "&key=")));
}

static const clp_dialect *dialect_by_fields(request_rec *r, const char *path)
{
    if (!strncmp(path, "/v1beta/", 8) || (key_as_google(r) && !strncmp(path, "/v1/models", 10) &&
                                          !apr_table_get(r->headers_in, "anthropic-version"))) {
        return &clp_dialect_gemini;
    }
    if (ap_strstr_c(path, "/messages") || apr_table_get(r->headers_in, "anthropic-version") ||
        apr_table_get(r->headers_in, "x-api-key")) {
        return &clp_dialect_messages;
    }
    return &clp_dialect_chat;
}

/* The path behind the location's prefix, or NULL if it lies elsewhere. */
static const char *path_of(request_rec *r, const clp_dir_config *conf)
{
    const char *prefix = conf->prefix ? conf->prefix : "";
    apr_size_t n = strlen(prefix);
    if (!r->uri || strncmp(r->uri, prefix, n) != 0 || (r->uri[n] && r->uri[n] != '/')) {
        return NULL;
    }
    return r->uri + n;
}

static int wants_events(const char *args)
{
    for (const char *p = args; p; p = ap_strchr_c(p, '&')) {
        p += *p == '&';
        if (!strncmp(p, "alt=sse", 7) && (!p[7] || p[7] == '&')) {
            return 1;
        }
    }
    return 0;
}

int clp_route_gemini(clp_route *out, request_rec *r, const char *model)
{
    const char *colon;

    if (r->method_number != M_POST && r->method_number != M_OPTIONS) {
        return 0;
    }
    while (!strncmp(model, "models/", 7)) {
        model += 7;
    }
    colon = ap_strrchr_c(model, ':');
    if (!colon || colon == model || !colon[1]) {
        return 0;
    }
    out->dialect = &clp_dialect_gemini;
    out->allow = "POST";
    out->google = 1;
    out->model = apr_pstrmemdup(r->pool, model, (apr_size_t)(colon - model));
    out->action = colon + 1;
    out->endpoint = CLP_ENDPOINT_GEMINI_OTHER;
    if (!strcmp(out->action, "countTokens")) {
        out->endpoint = CLP_ENDPOINT_COUNT_TOKENS;
    }
    else if (!strcmp(out->action, "generateContent")) {
        out->endpoint = CLP_ENDPOINT_GEMINI;
    }
    else if (!strcmp(out->action, "streamGenerateContent")) {
        out->endpoint = CLP_ENDPOINT_GEMINI;
        out->stream = wants_events(r->args) ? 1 : CLP_STREAM_ARRAY;
    }
    return 1;
}

/* What stands behind the models' path, or NULL. */
static const char *below_models(const char *path)
{
    return !strncmp(path, "/v1beta/models/", 15) ? path + 15
           : !strncmp(path, "/v1/models/", 11)   ? path + 11
                                                 : NULL;
}

void clp_route_find(clp_route *out, request_rec *r)
{
    const clp_dir_config *conf = clp_dir_config_of(r);
    const char *path;

    memset(out, 0, sizeof(*out));
    out->dialect = &clp_dialect_chat;
    if (!CLP_CONF(conf, enabled) || !(path = path_of(r, conf))) {
        return;
    }
    if (below_models(path) && clp_route_gemini(out, r, below_models(path))) {
        return;
    }
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const route_row *row = &rows[i];
        apr_size_t n = strlen(row->path);
        if (row->below ? strncmp(path, row->path, n) != 0 || !path[n]
                       : strcmp(path, row->path) != 0) {
            continue;
        }
        out->endpoint = row->endpoint;
        out->allow = row->allow;
        out->dialect = row->dialect ? row->dialect : dialect_by_fields(r, path);
        out->model = row->below ? path + n : NULL;
        out->google = out->dialect == &clp_dialect_gemini || key_as_google(r);
        return;
    }
    /* A whole server is shared with whatever else it serves; a location is ours. */
    if ((conf->prefix && *conf->prefix) || !strncmp(path, "/v1/", 4) ||
        !strncmp(path, "/v1beta/", 8)) {
        out->endpoint = CLP_ENDPOINT_UNKNOWN;
        out->dialect = dialect_by_fields(r, path);
    }
}

const clp_dialect *clp_route_dialect(request_rec *r)
{
    clp_route route;
    clp_route_find(&route, r);
    return route.dialect;
}

const char *clp_route_operation(const clp_route *route)
{
    switch (route->endpoint) {
    case CLP_ENDPOINT_MESSAGES:
    case CLP_ENDPOINT_CHAT:
    case CLP_ENDPOINT_RESPONSES: return "chat";
    case CLP_ENDPOINT_COMPLETIONS: return "text_completion";
    case CLP_ENDPOINT_COMPACT: return "compact";
    case CLP_ENDPOINT_COUNT_TOKENS: return "count_tokens";
    case CLP_ENDPOINT_GEMINI: return "generate_content";
    case CLP_ENDPOINT_GEMINI_OTHER:
        return ap_strcasestr(route->action, "embed") ? "embeddings" : "other";
    default: return NULL;
    }
}

int clp_route_is_public(const clp_route *route)
{
    return route->endpoint == CLP_ENDPOINT_HEALTH || route->endpoint == CLP_ENDPOINT_HELLO;
}
