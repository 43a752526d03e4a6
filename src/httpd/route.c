/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

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
    {"/v1/responses/input_tokens", 0, CLP_ENDPOINT_INPUT_TOKENS, &clp_dialect_responses, "POST"},
    {"/v1/responses/compact", 0, CLP_ENDPOINT_COMPACT, &clp_dialect_responses, "POST"},
    {"/v1/responses/", 1, CLP_ENDPOINT_RESPONSE, &clp_dialect_responses, "GET, HEAD, POST, DELETE"},
    {"/v1/models", 0, CLP_ENDPOINT_MODELS, NULL, "GET, HEAD"},
    {"/v1/models/", 1, CLP_ENDPOINT_MODEL, NULL, "GET, HEAD"},
    {"/health", 0, CLP_ENDPOINT_HEALTH, NULL, "GET, HEAD"},
    {"/api/hello", 0, CLP_ENDPOINT_HELLO, NULL, "GET, HEAD"},
};

static const clp_dialect *dialect_by_fields(request_rec *r, const char *path)
{
    if (ap_strstr_c(path, "/messages") || apr_table_get(r->headers_in, "anthropic-version") ||
        apr_table_get(r->headers_in, "x-api-key")) {
        return &clp_dialect_messages;
    }
    return &clp_dialect_chat;
}

/* Told only before the key is taken out of the request. */
static int key_as_google(request_rec *r)
{
    return apr_table_get(r->headers_in, "x-goog-api-key") ||
           (r->args && (!strncmp(r->args, "key=", 4) || ap_strstr_c(r->args, "&key=")));
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

void clp_route_find(clp_route *out, request_rec *r)
{
    const clp_dir_config *conf = clp_dir_config_of(r);
    const char *path;

    memset(out, 0, sizeof(*out));
    out->dialect = &clp_dialect_chat;
    if (!CLP_CONF(conf, enabled) || !(path = path_of(r, conf))) {
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
        out->google = key_as_google(r);
        return;
    }
    /* A whole server is shared with whatever else it serves; a location is ours. */
    if ((conf->prefix && *conf->prefix) || !strncmp(path, "/v1/", 4)) {
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

int clp_route_is_public(const clp_route *route)
{
    return route->endpoint == CLP_ENDPOINT_HEALTH || route->endpoint == CLP_ENDPOINT_HELLO;
}
