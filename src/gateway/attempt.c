/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "attempt.h"

#include "wire/log.h"

/* An upstream whose answer is whole may take this long to end its body, so
 * that its connection can be used again. The client waits for none of it. */
#define GRACE apr_time_from_msec(500)

/* What an upstream says of its failure is worth waiting for, but not for long. */
#define ERROR_GRACE apr_time_from_sec(15)

void clp_attempt_init(clp_attempt *a, const clp_exchange_params *params, clp_attempt_look *look,
                      void *ctx, apr_pool_t *pool)
{
    memset(a, 0, sizeof(*a));
    a->params = params;
    a->look = look;
    a->ctx = ctx;
    a->parent = pool;
    clp_buffer_init(&a->out, pool, 0);
}

/* What the relay has come to. */
static void look(clp_attempt *a, clp_transfer_end how)
{
    const clp_guard *guard = a->relay->guard;

    if (!a->first_event && guard && clp_guard_meaningful(guard)) {
        a->first_event = clp_exchange_clock(a->params);
    }
    if (a->relay->state == CLP_RELAY_COMMITTED && !a->grace_ends && guard &&
        clp_guard_ended(guard) && a->transfer) {
        a->grace_ends = clp_exchange_clock(a->params) + GRACE;
    }
    a->look(a->ctx, a, how);
}

static void on_head(void *ctx, int status, const apr_table_t *headers)
{
    clp_attempt *a = ctx;
    clp_relay_head(a->relay, status, headers);
    if (status < 200 || status > 299) {
        a->grace_ends = clp_exchange_clock(a->params) + ERROR_GRACE;
    }
}

static void on_bytes(void *ctx, const char *p, apr_size_t n)
{
    clp_attempt *a = ctx;
    clp_relay_bytes(a->relay, p, n);
    look(a, CLP_TRANSFER_DONE);
}

static void on_end(void *ctx, clp_transfer_end how, const char *detail)
{
    clp_attempt *a = ctx;
    a->transfer = NULL;
    if (how == CLP_TRANSFER_FORBIDDEN) {
        clp_log(a->params->subject, CLP_LOG_ERR, 0, 1304,
                "channel %s: not connected: %s; it has to be listed in ClaudeUpstreamHosts if "
                "channels shall go there",
                a->candidate.channel->name, detail ? detail : "no detail");
    }
    else if (how != CLP_TRANSFER_DONE) {
        clp_log(a->params->subject, CLP_LOG_INFO, 0, 1301, "channel %s: transfer ended: %s (%s)",
                a->candidate.channel->name, clp_transfer_end_text(how),
                detail ? detail : "no detail");
    }
    clp_relay_end(a->relay, how);
    look(a, how);
}

clp_problem *clp_attempt_begin(clp_attempt *a, int number, const clp_candidate *candidate,
                               clp_conversation **conversation)
{
    clp_transfer_handler handler = {a, on_head, on_bytes, on_end};
    clp_transport *transport = a->params->transport;
    clp_problem *problem;

    if (a->pool) {
        apr_pool_destroy(a->pool);
    }
    apr_pool_create(&a->pool, a->parent);
    apr_pool_tag(a->pool, "clp_attempt");
    clp_buffer_clear(&a->out);
    a->number = number;
    a->open = 1;
    a->candidate = *candidate;
    a->relay = NULL;
    a->transfer = NULL;
    a->first_event = 0;
    a->grace_ends = 0;
    problem =
        clp_call_make(&a->call, a->params, &a->candidate, number, conversation, a->parent, a->pool);
    if (problem) {
        return problem;
    }
    a->relay = clp_relay_make(a->params, &a->call, &a->candidate,
                              a->call.passthrough ? NULL : *conversation, &a->out, a->pool);
    clp_plan_sent(a->params->plan, &a->candidate);
    a->transfer = transport->start(transport, &a->call.request, &handler, a->pool);
    return NULL;
}

void clp_attempt_cancel(clp_attempt *a)
{
    if (a->transfer) {
        a->params->transport->cancel(a->params->transport, a->transfer);
        a->transfer = NULL;
    }
}

void clp_attempt_tick(clp_attempt *a, apr_time_t now)
{
    clp_transfer_end how;

    if (!a->transfer || !a->grace_ends || now < a->grace_ends) {
        return;
    }
    how = a->relay->state == CLP_RELAY_COMMITTED ? CLP_TRANSFER_DONE : CLP_TRANSFER_LATE_TOTAL;
    clp_relay_end(a->relay, how);
    look(a, how);
}
