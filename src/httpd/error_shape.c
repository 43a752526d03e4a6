/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "error_shape.h"

#include <apr_strings.h>

#include "http_core.h"
#include "http_protocol.h"
#include "mod_core.h"
#include "util_filter.h"

#include "admin.h"
#include "claims.h"
#include "request.h"

#define FILTER_NAME  "CLAUDE_ERROR"
#define MESSAGE_NOTE "clp-error-message"

/** What a status means when nobody has explained it. */
static const struct {
    int status;
    clp_problem_class cls;
    const char *message;
} meanings[] = {
    {HTTP_BAD_REQUEST, CLP_BAD_REQUEST, "The request is not valid HTTP."},
    {HTTP_UNAUTHORIZED, CLP_UNAUTHENTICATED, "Authentication is required."},
    {HTTP_PAYMENT_REQUIRED, CLP_BILLING, "Payment is required."},
    {HTTP_FORBIDDEN, CLP_FORBIDDEN, "You are not allowed to do this."},
    {HTTP_NOT_FOUND, CLP_NOT_FOUND, "There is nothing at this path."},
    {HTTP_METHOD_NOT_ALLOWED, CLP_BAD_METHOD, "This method is not allowed here."},
    {HTTP_REQUEST_TIME_OUT, CLP_BAD_REQUEST, "The request did not arrive in time."},
    {HTTP_CONFLICT, CLP_CONFLICT, "The request conflicts with another one."},
    {HTTP_LENGTH_REQUIRED, CLP_BAD_REQUEST, "The request needs a Content-Length."},
    {HTTP_REQUEST_ENTITY_TOO_LARGE, CLP_TOO_LARGE, "The request body is too large."},
    {HTTP_REQUEST_URI_TOO_LARGE, CLP_BAD_REQUEST, "The request's URL is too long."},
    {HTTP_UNSUPPORTED_MEDIA_TYPE, CLP_UNSUPPORTED_CODING, "The body's type is not supported."},
    {HTTP_EXPECTATION_FAILED, CLP_BAD_REQUEST, "The Expect field asks for what is not supported."},
    {HTTP_UNPROCESSABLE_ENTITY, CLP_UNPROCESSABLE, "The request cannot be processed."},
    {HTTP_TOO_MANY_REQUESTS, CLP_RATE_LIMITED, "Too many requests."},
    {HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, CLP_BAD_REQUEST, "The request's header is too large."},
    {HTTP_INTERNAL_SERVER_ERROR, CLP_INTERNAL, "The gateway failed. Its error log says why."},
    {HTTP_NOT_IMPLEMENTED, CLP_NOT_IMPLEMENTED, "The gateway does not know this method."},
    {HTTP_BAD_GATEWAY, CLP_BAD_GATEWAY, "The upstream could not be reached."},
    {HTTP_SERVICE_UNAVAILABLE, CLP_OVERLOADED, "The gateway is busy. Try again later."},
    {HTTP_GATEWAY_TIME_OUT, CLP_TIMED_OUT, "The upstream did not answer in time."},
};

void clp_error_explain(request_rec *r, const char *message)
{
    apr_table_setn(r->notes, MESSAGE_NOTE, message);
}

static clp_problem *make_problem(request_rec *r)
{
    const char *message = apr_table_get(r->notes, MESSAGE_NOTE);
    clp_problem_class cls = r->status < 500 ? CLP_BAD_REQUEST : CLP_INTERNAL;
    const char *meaning = ap_get_status_line(r->status);
    clp_problem *problem;

    for (apr_size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (meanings[i].status == r->status) {
            cls = meanings[i].cls;
            meaning = meanings[i].message;
        }
    }
    problem = clp_problem_make(r->pool, cls, "%s", message ? message : meaning);
    problem->status = r->status;
    return problem;
}

static void write_document(request_rec *r, clp_buffer *document)
{
    clp_request *q = clp_request_of(r);
    const clp_dialect *dialect = q ? q->route.dialect : clp_route_dialect(r);
    clp_problem *problem = make_problem(r);

    if (clp_admin_claims(r)) {
        clp_admin_error_document(r, problem->message, document);
        return;
    }
    problem->request_id = q ? q->id : r->log_id;
    if (q) {
        q->problem = problem;
    }
    apr_table_setn(r->headers_out, dialect == &clp_dialect_messages ? "request-id" : "x-request-id",
                   problem->request_id);
    dialect->write_problem(problem, document);
}

/** Swallows the canned body; at its end the problem takes its place. */
static apr_status_t shape_error(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    clp_buffer *document;
    int complete = 0;

    for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        complete |= APR_BUCKET_IS_EOS(b) != 0;
    }
    apr_brigade_cleanup(bb);
    if (!complete) {
        return APR_SUCCESS;
    }
    document = clp_buffer_make(r->pool, 0);
    write_document(r, document);
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, (apr_off_t)document->n);
    apr_brigade_write(bb, NULL, NULL, document->p, document->n);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(f->c->bucket_alloc));
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

static void insert_shaper(request_rec *r)
{
    const char *custom;

    if (r->status < 400 || r->assbackwards || !(clp_request_claimed(r) || clp_admin_claims(r))) {
        return;
    }
    if (!clp_request_of(r)) {
        clp_request_name(r);
    }
    custom = ap_response_code_string(r, ap_index_of_response(r->status));
    if (!custom || *custom != '"') {
        ap_add_output_filter(FILTER_NAME, NULL, r, r->connection);
    }
}

void clp_error_shape_register(apr_pool_t *p)
{
    (void)p;
    ap_register_output_filter(FILTER_NAME, shape_error, NULL, AP_FTYPE_RESOURCE);
    ap_hook_insert_error_filter(insert_shaper, NULL, NULL, APR_HOOK_LAST);
}
