/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/channel_check.h"

#include <string.h>

#include <apr_strings.h>

#include "call.h"
#include "channel_headers.h"
#include "clp_version.h"
#include "sched/standing.h"
#include "upstream/address.h"
#include "wire/buffer.h"
#include "wire/json_scan.h"

/* Of the answer only this much is looked at; the rest is taken and forgotten. */
#define LOOKED_AT (64 * 1024)

/* The request asks for one token. */
#define REQUEST                                                                                    \
    "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}]}"

struct clp_channel_check {
    apr_pool_t *pool;
    const clp_channel *channel;
    const clp_health_check *how;
    clp_transfer_request request;
    clp_buffer body;
    apr_time_t began;
    apr_time_t ended;
    int done;
    clp_check_result result;
};

static void on_head(void *ctx, int status, const apr_table_t *headers)
{
    clp_channel_check *check = ctx;

    (void)headers;
    check->result.status = status;
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    clp_channel_check *check = ctx;

    if (check->body.n < LOOKED_AT) {
        clp_buffer_append(&check->body, p, n);
    }
}

static void failed(clp_channel_check *check, clp_booked booked, const char *error)
{
    check->result.booked = booked;
    check->result.error = error;
}

/* An error answer, by what it means for a request. */
static void judge_error(clp_channel_check *check)
{
    const clp_channel *c = check->channel;
    int status = check->result.status;
    clp_problem *p;

    if (status < 400) {
        failed(check, CLP_BOOKED_SERVER_ERROR, "it answers with a redirect; check the URL");
        return;
    }
    p = c->dialect->read_problem(status, clp_buffer_all(&check->body), check->pool);
    failed(check, clp_booked_of(p, clp_judge_problem(p, c).fault), clp_problem_class_name(p->cls));
}

/* Who was asked for a completion has to send a document. */
static int is_document(const clp_channel_check *check)
{
    clp_json *json = clp_json_make(check->pool);
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 0, 0};

    return clp_json_scan(json, clp_buffer_all(&check->body), &limits, NULL) == CLP_JSON_OK;
}

static void judge(clp_channel_check *check)
{
    if (check->result.status < 200 || check->result.status > 299) {
        judge_error(check);
    }
    else if (check->how->model && !is_document(check)) {
        failed(check, CLP_BOOKED_GARBAGE, "the answer is no document");
    }
    else {
        check->result.booked = CLP_BOOKED_SUCCESS;
    }
}

static int is_late(clp_transfer_end how)
{
    return how == CLP_TRANSFER_LATE_CONNECT || how == CLP_TRANSFER_LATE_FIRST_BYTE ||
           how == CLP_TRANSFER_LATE_IDLE || how == CLP_TRANSFER_LATE_TOTAL;
}

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    clp_channel_check *check = ctx;

    (void)detail;
    check->ended = apr_time_now();
    check->result.took = check->ended - check->began;
    check->done = 1;
    if (how == CLP_TRANSFER_DONE) {
        judge(check);
    }
    else {
        check->result.status = 0;
        failed(check, is_late(how) ? CLP_BOOKED_TIMEOUT : CLP_BOOKED_TRANSPORT,
               clp_transfer_end_text(how));
    }
}

static const clp_key *first_key(const clp_channel *c)
{
    return c->keys->nelts ? &APR_ARRAY_IDX(c->keys, 0, clp_key) : NULL;
}

/* GET of a path below the protocol's version. */
static void ask_path(clp_channel_check *check)
{
    const clp_channel *c = check->channel;
    apr_table_t *headers = apr_table_make(check->pool, 8);

    apr_table_setn(headers, "User-Agent", CLP_PRODUCT);
    apr_table_setn(headers, "Accept", "*/*");
    if (c->dialect == &clp_dialect_messages) {
        apr_table_setn(headers, "anthropic-version", c->api_version);
    }
    clp_channel_sign(headers, c, first_key(c), check->pool);
    clp_channel_edit_headers(headers, c);
    check->request.method = "GET";
    check->request.url = clp_address_make(APR_ARRAY_IDX(c->urls, 0, const char *),
                                          c->dialect == &clp_dialect_gemini ? "/v1beta" : "/v1",
                                          check->how->path, NULL, check->pool);
    check->request.headers = headers;
    clp_channel_route(c, &check->request);
}

/* A request as any client's, which the channel's dialect writes. */
static clp_problem *ask_model(clp_channel_check *check)
{
    const clp_channel *c = check->channel;
    clp_exchange_params *params = apr_pcalloc(check->pool, sizeof(*params));
    clp_candidate candidate;
    clp_conversation *conversation = NULL;
    clp_sniffed *sniffed = apr_pcalloc(check->pool, sizeof(*sniffed));
    clp_problem *problem;
    clp_call call;

    params->client = &clp_dialect_messages;
    params->operation = CLP_OP_GENERATE;
    params->body = clp_span_str(REQUEST);
    params->intake = CLP_INTAKE(CLP_JSON_DEPTH_DEFAULT, 0);
    params->headers = apr_table_make(check->pool, 1);
    params->default_max_tokens = 1;
    problem = params->client->sniff(sniffed, params->body, &params->intake, check->pool);
    if (problem) {
        return problem;
    }
    params->sniffed = sniffed;
    memset(&candidate, 0, sizeof(candidate));
    candidate.channel = c;
    candidate.url = APR_ARRAY_IDX(c->urls, 0, const char *);
    candidate.key = first_key(c);
    candidate.model = check->how->model;
    problem = clp_call_make(&call, params, &candidate, 0, &conversation, check->pool, check->pool);
    check->request = call.request;
    return problem;
}

clp_channel_check *clp_channel_check_begin(const clp_channel *c, const clp_health_check *how,
                                           clp_transport *transport, apr_time_t now,
                                           apr_pool_t *pool)
{
    clp_channel_check *check = apr_pcalloc(pool, sizeof(*check));
    clp_transfer_handler handler = {check, on_head, on_bytes, on_end};
    clp_problem *problem = NULL;

    check->pool = pool;
    check->channel = c;
    check->how = how;
    check->began = now;
    clp_buffer_init(&check->body, pool, 0);
    if (how->model) {
        problem = ask_model(check);
    }
    else {
        ask_path(check);
    }
    if (problem) {
        check->ended = now;
        check->done = 1;
        failed(check, CLP_BOOKED_CLIENT_ERROR, problem->message);
        return check;
    }
    memset(&check->request.timeouts, 0, sizeof(check->request.timeouts));
    check->request.timeouts.total_ms = (apr_int32_t)apr_time_as_msec(how->timeout);
    transport->start(transport, &check->request, &handler, pool);
    return check;
}

int clp_channel_check_done(const clp_channel_check *check)
{
    return check->done;
}

clp_check_result clp_channel_check_result(const clp_channel_check *check)
{
    return check->result;
}

clp_booking clp_channel_check_booking(const clp_channel_check *check)
{
    const clp_channel *c = check->channel;
    clp_booking b;

    memset(&b, 0, sizeof(b));
    clp_health_book(&b, check->how);
    b.result = (apr_byte_t)check->result.booked;
    b.status = (apr_uint16_t)check->result.status;
    b.channel = c->row;
    if (c->circuits) {
        b.circuit = c->circuits[0];
    }
    b.policy = clp_breaker_pack(&c->breaker);
    b.at = check->ended;
    return b;
}
