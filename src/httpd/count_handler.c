/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include "child.h"
#include "driver_thread.h"
#include "gateway/count.h"
#include "generate.h"
#include "reply.h"
#include "responses_handler.h"

/* Says that nobody was asked, or nobody knew. */
#define ESTIMATED_HEADER "X-Claude-Proxy-Estimated"

static int reply_estimate(request_rec *r, clp_request *q)
{
    const clp_dialect *client = q->route.dialect;
    clp_intake intake = clp_request_intake(q);
    clp_conversation *conversation;
    clp_buffer *json = clp_buffer_make(r->pool, 0);
    clp_problem *problem = client->read_request(&conversation, q->body, &intake, r->pool);

    if (problem) {
        return clp_reply_problem(r, q, problem);
    }
    q->counted_by_estimate = 1;
    apr_table_setn(r->headers_out, ESTIMATED_HEADER, "true");
    client->write_count(clp_count_conversation(conversation), json);
    return clp_reply_json(r, HTTP_OK, json);
}

/* An estimate would leave out what only the upstream knows of the conversation. */
static int may_estimate(const clp_request *q, const clp_exchange *x)
{
    return clp_exchange_outcome(x)->result == CLP_RESULT_FAILED && !q->held_upstream;
}

static int ask(request_rec *r, clp_request *q, clp_plan *plan)
{
    clp_transport *transport = clp_generate_transport(r);
    clp_exchange_params params;
    clp_exchange *x;
    int status;

    if (!transport) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    params = clp_generate_params(r, q, CLP_OP_COUNT_TOKENS, plan, transport);
    x = clp_exchange_make(&params, r->pool);
    q->outcome = clp_exchange_outcome(x);
    clp_drive_silently(r, q, x, transport);
    status = may_estimate(q, x) ? reply_estimate(r, q) : clp_drive_deliver(r, q, x);
    clp_curl_engine_give(clp_child_engines(), transport);
    return status;
}

int clp_endpoint_count_tokens(request_rec *r, clp_request *q)
{
    clp_problem *problem;
    clp_plan *plan;
    int status = clp_generate_take(r, q, &problem);

    if (status != OK) {
        return status;
    }
    if (!problem && q->route.dialect == &clp_dialect_responses) {
        problem = clp_responses_continue(r, q);
    }
    if (problem) {
        return clp_reply_problem(r, q, problem);
    }
    problem = clp_generate_plan(&plan, r, q, CLP_OP_COUNT_TOKENS);
    if (!problem) {
        return ask(r, q, plan);
    }
    return q->held_upstream ? clp_reply_problem(r, q, problem) : reply_estimate(r, q);
}
