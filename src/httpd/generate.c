/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include <apr_strings.h>

#include "http_protocol.h"

#include "body.h"
#include "child.h"
#include "client_gone.h"
#include "driver_thread.h"
#include "generate.h"
#include "live_channels.h"
#include "responses_handler.h"
#include "gateway/exchange.h"
#include "gateway/identity.h"
#include "gateway/thread_pins.h"
#include "patience.h"
#include "reply.h"
#include "sessions.h"
#include "sched/affinity.h"
#include "sched/explanation.h"
#include "shared_pins.h"
#include "shared_state.h"
#include "wire/log.h"

int clp_generate_take(request_rec *r, clp_request *q, clp_problem **problem)
{
    clp_intake intake = clp_request_intake(q);
    int status = clp_body_read(r, q, problem);
    if (status == OK && !*problem) {
        *problem = q->route.dialect->sniff(&q->sniffed, q->body, &intake, r->pool);
        if (!*problem && !q->sniffed.model) {
            *problem = clp_problem_at(r->pool, CLP_BAD_REQUEST, "model", "is required");
        }
        if (q->sniffed.functions) {
            q->route.dialect = &clp_dialect_chat_legacy; /* same path, protocol of its own */
        }
    }
    return status;
}

/* Which conversation bindings are of: found once, as it costs a hash. */
static const clp_conversation_id *conversation_of(request_rec *r, clp_request *q)
{
    if (!q->conversation) {
        q->conversation = clp_conversation_id_make(
            clp_protocol_of(q->route.dialect),
            clp_identity_of(r->headers_in, &q->sniffed, r->user, r->pool).key, r->pool);
    }
    return q->conversation;
}

static clp_plan_query make_query(request_rec *r, clp_request *q, clp_operation op,
                                 const clp_channel_set *set)
{
    clp_plan_query query;

    memset(&query, 0, sizeof(query));
    query.client = q->route.dialect;
    query.model = q->sniffed.model;
    query.own_dialect = op == CLP_OP_FORWARD || op == CLP_OP_RESOURCE || q->held_upstream;
    query.counting = op == CLP_OP_COUNT_TOKENS;
    query.other_dialects = q->continued_here;
    query.thread = q->sniffed.thread != NULL;
    clp_thread_pins_apply(&query, clp_child_pins(), r->user ? r->user : "",
                          q->sniffed.previous ? q->sniffed.previous : q->sniffed.previous_response,
                          set, r->request_time, r, r->pool);
    query.tables = clp_shared_tables();
    query.strategy = (clp_strategy)CLP_CONF(q->conf, strategy);
    if (CLP_CONF(q->conf, affinity_ms)) {
        query.conversation = conversation_of(r, q);
        query.affinity = clp_shared_pins()->affinity;
    }
    return query;
}

int clp_generate_could(request_rec *r, clp_request *q, clp_operation op)
{
    const clp_channel_set *set = clp_live_channels(r);
    clp_plan_query query = make_query(r, q, op, set);
    const apr_array_header_t *channels = clp_plan_explain(set, &query, r->pool);

    for (int i = 0; i < channels->nelts; i++) {
        switch (APR_ARRAY_IDX(channels, i, clp_explanation).obstacle) {
        case CLP_OBSTACLE_NONE:
        case CLP_OBSTACLE_ASSUMED:
        case CLP_OBSTACLE_TRIPPED: return 1;
        default: break;
        }
    }
    return 0;
}

clp_problem *clp_generate_plan(clp_plan **plan, request_rec *r, clp_request *q, clp_operation op)
{
    const clp_channel_set *set = clp_live_channels(r);
    clp_plan_query query = make_query(r, q, op, set);
    clp_problem *problem = clp_plan_make(plan, set, &query, r->pool);

    /* Who only wants to know how many tokens there are gets an estimate instead. */
    for (int waits = 0;
         problem && op != CLP_OP_COUNT_TOKENS && clp_patience_wait(r, q, problem, waits); waits++) {
        problem = clp_plan_make(plan, set, &query, r->pool);
    }
    if (problem && problem->retry_after_ms < 0 && q->held_upstream) {
        problem = clp_chain_unknown(q->sniffed.previous_response, r->pool);
    }
    return problem;
}

static clp_account *make_account(request_rec *r, clp_request *q, clp_operation op)
{
    clp_account *account = apr_pcalloc(r->pool, sizeof(*account));
    apr_interval_time_t affinity = apr_time_from_msec(CLP_CONF(q->conf, affinity_ms));

    account->tables = clp_shared_tables();
    account->protocol = clp_protocol_of(q->route.dialect);
    account->model = q->sniffed.model;
    account->user = r->user;
    account->stream = q->sniffed.stream != 0;
    account->aside = op != CLP_OP_GENERATE;
    if (affinity) {
        account->affinity = clp_shared_pins()->affinity;
        account->conversation = conversation_of(r, q);
        account->affinity_time = affinity;
    }
    return account;
}

clp_exchange_params clp_generate_params(request_rec *r, clp_request *q, clp_operation op,
                                        clp_plan *plan, clp_transport *transport)
{
    clp_exchange_params params;

    memset(&params, 0, sizeof(params));
    params.client = q->route.dialect;
    params.operation = op;
    params.action = q->route.action;
    params.body = q->body;
    params.sniffed = &q->sniffed;
    params.headers = r->headers_in;
    params.query = r->args;
    params.plan = plan;
    params.transport = transport;
    params.intake = clp_request_intake(q);
    params.max_event = (apr_size_t)CLP_CONF(q->conf, max_event);
    params.keepalive = apr_time_from_msec(CLP_CONF(q->conf, keepalive_ms));
    params.retry.max_attempts = (int)CLP_CONF(q->conf, max_attempts);
    params.retry.time = apr_time_from_msec(CLP_CONF(q->conf, retry_ms));
    params.retry.wait_max = apr_time_from_msec(CLP_CONF(q->conf, retry_wait_ms));
    params.retry.hedge = apr_time_from_msec(CLP_CONF(q->conf, hedge_ms));
    params.default_max_tokens = clp_config_max_tokens(q->conf, q->sniffed.model);
    params.trace = &q->trace;
    params.request_id = q->id;
    params.pins = clp_child_pins();
    params.scope = clp_identity_of(r->headers_in, &q->sniffed, r->user, r->pool).scope;
    params.account = make_account(r, q, op);
    params.subject = r;
    params.keeper = q->keeper;
    return params;
}

/* Clients of Chat cannot keep what was thought before their calls. */
static const clp_call_states *call_states(request_rec *r, const clp_request *q, const char *scope)
{
    clp_session_store *store = clp_sessions_store(q->conf);
    clp_call_states *states;

    if (!store || q->route.dialect != &clp_dialect_chat) {
        return NULL;
    }
    states = apr_palloc(r->pool, sizeof(*states));
    states->store = store;
    states->scope = scope;
    states->subject = r;
    states->pool = r->pool;
    return states;
}

static clp_exchange *make_exchange(request_rec *r, clp_request *q, clp_operation op, clp_plan *plan,
                                   clp_transport *transport)
{
    clp_exchange_params params = clp_generate_params(r, q, op, plan, transport);
    clp_exchange *x;
    if (op == CLP_OP_GENERATE) {
        params.call_states = call_states(r, q, params.scope);
    }
    x = clp_exchange_make(&params, r->pool);
    q->outcome = clp_exchange_outcome(x);
    return x;
}

clp_transport *clp_generate_transport(request_rec *r)
{
    clp_curl_engines *engines = clp_child_engines();
    clp_transport *t = engines ? clp_curl_engine_take(engines) : NULL;
    if (!t) {
        clp_log(r, CLP_LOG_ERR, 0, 2110, "no transport to reach upstreams");
    }
    return t;
}

/* A request that no upstream was asked for ends here. */
static void book_refusal(request_rec *r, clp_request *q, const clp_problem *problem, int status)
{
    clp_account_refused(make_account(r, q, CLP_OP_GENERATE), problem, status, r->request_time,
                        apr_time_now());
}

/* What httpd answers where we say nothing: 0 = nothing, the client is gone. One that leaves before
 * its body is whole looks like one that sends a broken one. */
static int status_of(request_rec *r, int returned)
{
    return clp_client_left(r) || returned == AP_FILTER_ERROR || returned == DONE ? 0 : returned;
}

int clp_endpoint_generate(request_rec *r, clp_request *q)
{
    clp_problem *problem;
    clp_transport *transport;
    clp_plan *plan;
    int status = clp_generate_take(r, q, &problem);

    if (status != OK) {
        book_refusal(r, q, NULL, status_of(r, status));
        return status;
    }
    if (!problem && q->route.dialect == &clp_dialect_responses) {
        problem = clp_responses_continue(r, q);
    }
    if (!problem) {
        problem = clp_generate_plan(&plan, r, q, CLP_OP_GENERATE);
    }
    if (problem && r->connection->aborted) { /* while it waited */
        book_refusal(r, q, NULL, 0);
        r->status = CLP_STATUS_CLIENT_GONE;
        return OK;
    }
    if (problem) {
        book_refusal(r, q, problem, q->route.dialect->problem_status(problem));
        return clp_reply_problem(r, q, problem);
    }
    transport = clp_generate_transport(r);
    if (!transport) {
        book_refusal(r, q, NULL, HTTP_INTERNAL_SERVER_ERROR);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    status =
        clp_drive_on_thread(r, q, make_exchange(r, q, CLP_OP_GENERATE, plan, transport), transport);
    clp_curl_engine_give(clp_child_engines(), transport);
    return status;
}

/* --- what only Gemini has --------------------------------------------------------- */

int clp_endpoint_forward(request_rec *r, clp_request *q)
{
    clp_problem *problem;
    clp_transport *transport;
    clp_plan *plan;
    int status = clp_generate_take(r, q, &problem);

    if (status != OK) {
        return status;
    }
    if (!problem) {
        problem = clp_generate_plan(&plan, r, q, CLP_OP_FORWARD);
        if (problem && problem->retry_after_ms < 0) {
            problem = clp_problem_make(r->pool, CLP_NOT_IMPLEMENTED,
                                       "%s is not available for the model '%s': no channel that "
                                       "serves it speaks this protocol.",
                                       q->route.action, q->route.model);
        }
    }
    if (problem) {
        return clp_reply_problem(r, q, problem);
    }
    transport = clp_generate_transport(r);
    if (!transport) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    status =
        clp_drive_on_thread(r, q, make_exchange(r, q, CLP_OP_FORWARD, plan, transport), transport);
    clp_curl_engine_give(clp_child_engines(), transport);
    return status;
}
