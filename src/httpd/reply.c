/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include <apr_strings.h>

#include "http_protocol.h"

void clp_reply_status(request_rec *r, int status)
{
    r->status = status;
    r->status_line = NULL;
    /* httpd's table gives its 500 line for what it does not know. */
    if (status != HTTP_INTERNAL_SERVER_ERROR &&
        ap_index_of_response(status) == ap_index_of_response(HTTP_INTERNAL_SERVER_ERROR)) {
        r->status_line = apr_psprintf(r->pool, "%d %s", status,
                                      status == 529 ? "Overloaded" : "Upstream Status");
    }
}

int clp_reply_document(request_rec *r, int status, const char *type, const clp_buffer *text)
{
    clp_reply_status(r, status);
    ap_set_content_type(r, type);
    ap_set_content_length(r, (apr_off_t)text->n);
    if (!r->header_only) {
        ap_rwrite(text->p, (int)text->n, r);
    }
    return OK;
}

int clp_reply_json(request_rec *r, int status, const clp_buffer *json)
{
    return clp_reply_document(r, status, "application/json", json);
}

int clp_reply_problem(request_rec *r, clp_request *q, const clp_problem *problem)
{
    const clp_dialect *d = q->route.dialect;
    clp_problem shown = *problem;
    clp_buffer *json = clp_buffer_make(r->pool, 0);

    q->problem = problem;
    if (!shown.request_id) {
        shown.request_id = q->id;
    }
    d->write_problem(&shown, json);
    apr_table_setn(r->headers_out, d == &clp_dialect_messages ? "request-id" : "x-request-id",
                   shown.request_id);
    if (problem->retry_after_ms >= 0) {
        apr_table_setn(
            r->headers_out, "Retry-After",
            apr_psprintf(r->pool, "%" APR_INT64_T_FMT, (problem->retry_after_ms + 999) / 1000));
    }
    return clp_reply_json(r, d->problem_status(problem), json);
}
