/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include <apr_network_io.h>
#include <apr_strings.h>
#include <apr_uri.h>

#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "ap_expr.h"
#include "util_script.h"

#include "admin_site.h"
#include "audit.h"
#include "auth.h"
#include "body.h"
#include "config.h"
#include "gateway/admin.h"
#include "reply.h"
#include "request.h"

#define HANDLER "claude-admin"

/* Of a document that is sent; the overlay itself may not be larger either. */
#define MAX_BODY CLP_OVERLAY_SIZE_MAX

/* --- the place ---------------------------------------------------------------------- */

int clp_admin_claims(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *handler = core ? core->handler : NULL;
    const char *wrong = NULL;

    if (core && core->expr_handler) {
        handler = ap_expr_str_exec(r, core->expr_handler, &wrong);
    }
    return handler && !wrong && !strcmp(handler, HANDLER);
}

/* There is no file behind our paths, and names of channels have no types. */
static int nothing_on_disk(request_rec *r)
{
    return clp_admin_claims(r) ? OK : DECLINED;
}

static int keep_type(request_rec *r)
{
    if (!clp_admin_claims(r)) {
        return DECLINED;
    }
    r->handler = HANDLER;
    return OK;
}

/* --- is it meant? ----------------------------------------------------------------------- */

/* Pages of other sites can have a browser send cookies and passwords, but no such field. */
static int has_token(request_rec *r)
{
    const char *field = apr_table_get(r->headers_in, "Authorization");

    return clp_auth_key_shown(r) || apr_table_get(r->headers_in, "x-api-key") ||
           (field && !ap_cstr_casecmpn(field, "Bearer ", 7));
}

/* Scheme aside: where TLS ends in front of httpd it is not known. */
static int is_own_origin(request_rec *r, const char *origin)
{
    const char *field = apr_table_get(r->headers_in, "Host");
    apr_port_t port = 0, usual;
    char *host, *scope;
    apr_uri_t from;

    if (!field || apr_parse_addr_port(&host, &scope, &port, field, r->pool) != APR_SUCCESS ||
        !host || apr_uri_parse(r->pool, origin, &from) != APR_SUCCESS || !from.hostname ||
        !from.scheme) {
        return 0;
    }
    usual = apr_uri_port_of_scheme(from.scheme);
    return !ap_cstr_casecmp(from.hostname, host) &&
           (from.port_str ? from.port : usual) == (port ? port : usual);
}

static int is_foreign(request_rec *r)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (site) {
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    }
    return origin && !is_own_origin(r, origin);
}

static int is_json(request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");

    return type && !ap_cstr_casecmpn(type, "application/json", 16) &&
           (!type[16] || type[16] == ';' || type[16] == ' ');
}

static int has_body(request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");

    return apr_table_get(r->headers_in, "Transfer-Encoding") ||
           (length && strcmp(length, "0") != 0);
}

/* 1 if it is; else an error is answered. Forms can only post, and no JSON. */
static int check_meant(request_rec *r, clp_admin_call *call)
{
    int token = has_token(r);

    if (call->route->kind == CLP_ADMIN_READS) {
        return 1;
    }
    if (!token && is_foreign(r)) {
        clp_admin_fail(call, HTTP_FORBIDDEN, NULL,
                       "The request comes from a page of another site. Changes are taken from this "
                       "one, or with a token in x-api-key or Authorization: Bearer.");
        return 0;
    }
    if (!is_json(r) && (has_body(r) || (!token && r->method_number == M_POST))) {
        clp_admin_fail(call, HTTP_UNSUPPORTED_MEDIA_TYPE, NULL,
                       "Send it with Content-Type: application/json.");
        return 0;
    }
    return 1;
}

/* --- what is asked --------------------------------------------------------------------------- */

static void parse_body(request_rec *r, clp_admin_call *call, clp_span text)
{
    clp_document_error error;

    call->sent = text;
    call->body = clp_document_parse(text, r->pool, &error);
    if (!call->body) {
        clp_admin_fail(call, HTTP_BAD_REQUEST, error.path, "%s %s",
                       *error.path ? error.path : "The body", error.message);
    }
}

/* OK; call->status tells whether the body will do. Else what the handler shall return. */
static int take_body(request_rec *r, clp_admin_call *call)
{
    clp_problem *problem;
    clp_span body;
    int status;

    if (call->route->kind == CLP_ADMIN_READS || !has_body(r)) {
        return OK;
    }
    status = clp_body_take(r, MAX_BODY, MAX_BODY, &body, &problem);
    if (status != OK) {
        return status;
    }
    if (problem && problem->cls == CLP_TOO_LARGE) {
        clp_admin_fail(call, HTTP_REQUEST_ENTITY_TOO_LARGE, NULL,
                       "The document is larger than 4 MiB.");
    }
    else if (problem) {
        clp_admin_fail(call,
                       problem->cls == CLP_UNSUPPORTED_CODING ? HTTP_UNSUPPORTED_MEDIA_TYPE
                                                              : HTTP_BAD_REQUEST,
                       NULL, "%s", problem->message);
    }
    else if (body.n) {
        parse_body(r, call, body);
    }
    return OK;
}

static int refuse_nobody(request_rec *r, clp_admin_call *call)
{
    if (r->user || !CLP_CONF(clp_dir_config_of(r), require_user)) {
        return 0;
    }
    apr_table_clear(call->headers);
    apr_table_setn(r->err_headers_out, "WWW-Authenticate", "Bearer realm=\"claude-proxy\"");
    clp_admin_fail(call, HTTP_UNAUTHORIZED, NULL,
                   "The API is for users who have shown who they are. Set up an AuthType and "
                   "Require for this location.");
    return 1;
}

static void take_question(request_rec *r, clp_admin_call *call)
{
    const char *match = apr_table_get(r->headers_in, "If-Match");
    apr_table_t *args;

    ap_args_to_table(r, &args);
    call->args = args;
    call->method = r->method_number == M_GET ? "GET" : r->method;
    call->path = r->uri;
    call->accept = apr_table_get(r->headers_in, "Accept");
    if (match) {
        call->revision = clp_admin_if_match(match);
    }
}

static int answer(request_rec *r, clp_admin_call *call)
{
    int found = clp_admin_find(call);
    int status;

    /* What nobody wanted is found all the same, for the audit log; but it is not told. */
    if (refuse_nobody(r, call) || !found || !check_meant(r, call)) {
        return OK;
    }
    status = take_body(r, call);
    if (status != OK) {
        /* A filter may have answered by itself, or the client has gone. */
        clp_admin_fail(call,
                       status > 0         ? status
                       : r->status >= 400 ? r->status
                                          : HTTP_BAD_REQUEST,
                       NULL, "The body could not be read.");
    }
    else if (call->status == HTTP_OK) {
        clp_admin_answer(call);
    }
    return status;
}

/* --- the answer --------------------------------------------------------------------------- */

static int reply(request_rec *r, const clp_admin_call *call)
{
    apr_table_overlap(r->err_headers_out, call->headers, APR_OVERLAP_TABLES_SET);
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->err_headers_out, "X-Content-Type-Options", "nosniff");
    if (call->told_revision >= 0) {
        apr_table_setn(r->err_headers_out, "ETag",
                       apr_psprintf(r->pool, "\"%" APR_INT64_T_FMT "\"", call->told_revision));
    }
    if (call->status == HTTP_NO_CONTENT) {
        return HTTP_NO_CONTENT;
    }
    return clp_reply_document(r, call->status, call->content_type, call->out);
}

static int handle(request_rec *r)
{
    clp_admin_call call;
    int status;

    if (!r->handler || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    clp_request_name(r);
    clp_admin_begin(&call, clp_admin_site_of(r), r->pool);
    take_question(r, &call);
    status = answer(r, &call);
    clp_audit_note(r, &call);
    return status == OK ? reply(r, &call) : status;
}

void clp_admin_error_document(request_rec *r, const char *message, clp_buffer *out)
{
    const clp_admin_site nowhere = {0};
    clp_admin_call call;

    clp_admin_begin(&call, &nowhere, r->pool);
    clp_admin_fail(&call, r->status, NULL, "%s", message);
    clp_buffer_span(out, clp_buffer_all(call.out));
}

void clp_admin_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_map_to_storage(nothing_on_disk, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_type_checker(keep_type, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
}
