/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "front.h"

#include <apr_strings.h>

#include "http_config.h"
#include "http_protocol.h"
#include "http_request.h"

#include "body_log.h"
#include "endpoints.h"
#include "reply.h"
#include "recent.h"
#include "tracing.h"

static int translate(request_rec *r)
{
    clp_route route;

    clp_route_find(&route, r);
    if (route.endpoint == CLP_ENDPOINT_NONE) {
        return DECLINED;
    }
    clp_request_make(r, &route);
    r->handler = CLP_HANDLER;
    r->filename = apr_pstrcat(r->pool, CLP_HANDLER ":", r->uri, NULL);
    return OK;
}

/* There is no file behind our paths: no directory walk, no <Directory> rules, no
 * types or encodings guessed from what a model's name ends in. */
static int nothing_on_disk(request_rec *r)
{
    return clp_request_of(r) ? OK : DECLINED;
}

static int keep_type(request_rec *r)
{
    if (!clp_request_of(r)) {
        return DECLINED;
    }
    r->handler = CLP_HANDLER;
    return OK;
}

static int let_public_in(request_rec *r)
{
    const clp_request *q = clp_request_of(r);
    return q && clp_route_is_public(&q->route) ? OK : DECLINED;
}

static int method_allowed(const request_rec *r, const clp_route *route)
{
    /* A HEAD request has method GET and header_only in httpd. */
    return ap_strstr_c(route->allow, r->method_number == M_GET      ? "GET"
                                     : r->method_number == M_POST   ? "POST"
                                     : r->method_number == M_DELETE ? "DELETE"
                                                                    : "\n") != NULL;
}

static int refuse_method(request_rec *r, clp_request *q)
{
    apr_table_setn(r->err_headers_out, "Allow", q->route.allow);
    return clp_reply_problem(r, q,
                             clp_problem_make(r->pool, CLP_BAD_METHOD,
                                              "Method %s is not allowed here; use %s.", r->method,
                                              q->route.allow));
}

/* Codex asks for one first, and goes on without a word if it is told so. */
static int is_websocket(request_rec *r, const clp_request *q)
{
    return q->route.endpoint == CLP_ENDPOINT_RESPONSES && r->method_number == M_GET &&
           apr_table_get(r->headers_in, "Upgrade");
}

static int refuse_websocket(request_rec *r, clp_request *q)
{
    clp_buffer *json = clp_buffer_make(r->pool, 0);
    q->problem =
        clp_problem_make(r->pool, CLP_BAD_METHOD, "There are no websockets here; use POST.");
    q->route.dialect->write_problem(q->problem, json);
    return clp_reply_json(r, HTTP_UPGRADE_REQUIRED, json);
}

static int refuse_unknown(request_rec *r, clp_request *q)
{
    return clp_reply_problem(r, q,
                             clp_problem_make(r->pool, CLP_NOT_FOUND,
                                              "Unknown endpoint: %s %s. Check the base URL.",
                                              r->method, ap_escape_uri(r->pool, r->uri)));
}

static int refuse_nobody(request_rec *r, clp_request *q)
{
    apr_table_setn(r->err_headers_out, "WWW-Authenticate", "Bearer realm=\"claude-proxy\"");
    return clp_reply_problem(
        r, q,
        clp_problem_make(r->pool, CLP_UNAUTHENTICATED,
                         "No valid access key was given. Send it as x-api-key or as "
                         "Authorization: Bearer."));
}

static int handle(request_rec *r)
{
    clp_request *q;

    if (!r->handler || strcmp(r->handler, CLP_HANDLER) != 0 || !(q = clp_request_of(r))) {
        return DECLINED;
    }
    if (q->route.endpoint == CLP_ENDPOINT_UNKNOWN) {
        return refuse_unknown(r, q);
    }
    if (r->method_number == M_OPTIONS) {
        apr_table_setn(r->headers_out, "Allow", q->route.allow);
        return HTTP_NO_CONTENT;
    }
    if (is_websocket(r, q)) {
        return refuse_websocket(r, q);
    }
    if (!method_allowed(r, &q->route)) {
        return refuse_method(r, q);
    }
    if (q->route.endpoint == CLP_ENDPOINT_HELLO) {
        return OK;
    }
    if (q->route.endpoint == CLP_ENDPOINT_HEALTH) {
        return clp_endpoint_health(r, q);
    }
    if (!r->user && CLP_CONF(q->conf, require_user)) {
        return refuse_nobody(r, q);
    }
    clp_body_log_begin(r, q);
    clp_tracing_begin(r, q);
    clp_recent_begin(r, q);
    switch (q->route.endpoint) {
    case CLP_ENDPOINT_MESSAGES:
    case CLP_ENDPOINT_COMPLETIONS:
    case CLP_ENDPOINT_RESPONSES:
    case CLP_ENDPOINT_CHAT: return clp_endpoint_generate(r, q);
    case CLP_ENDPOINT_RESPONSE: return clp_endpoint_response(r, q);
    case CLP_ENDPOINT_COMPACT: return clp_endpoint_compact(r, q);
    case CLP_ENDPOINT_GEMINI: return clp_endpoint_generate(r, q);
    case CLP_ENDPOINT_GEMINI_OTHER: return clp_endpoint_forward(r, q);
    case CLP_ENDPOINT_COUNT_TOKENS: return clp_endpoint_count_tokens(r, q);
    default: return clp_endpoint_models(r, q);
    }
}

void clp_front_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_translate_name(translate, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_map_to_storage(nothing_on_disk, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_type_checker(keep_type, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_access_checker_ex(let_public_in, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
}
