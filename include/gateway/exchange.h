/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_EXCHANGE_H
#define CLP_GATEWAY_EXCHANGE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "dialect/dialect.h"
#include "gateway/account.h"
#include "gateway/call_states.h"
#include "gateway/outcome.h"
#include "gateway/response_keep.h"
#include "sched/plan.h"
#include "gateway/thread_pins.h"
#include "upstream/trace_context.h"
#include "upstream/transport.h"

/**
 * @file exchange.h
 * @brief One request and its answer, from the plan to the last byte. The only
 * place that knows the whole story (docs/architecture.md).
 *
 * An exchange is driven: it does no I/O of its own, never blocks and knows
 * nothing of httpd. Its driver calls the transport's step(), then tick(), and
 * takes what may go to the client. All calls come from one thread at a time.
 *
 * The commit: nothing of an attempt reaches the client before the first event
 * with meaning. Until then every failure tries the next candidate; afterwards
 * nothing is retried, and an answer that breaks off ends with an error in the
 * client's protocol. A keep-alive commits only the status line.
 *
 * A slow stream may be asked of a second channel too (a hedge): the first of the two with
 * an event is committed, the other cancelled.
 */
typedef enum clp_operation {
    CLP_OP_GENERATE,     /**< messages, chat completions: a request for an answer */
    CLP_OP_COUNT_TOKENS, /**< how many tokens the request has; of channels whose dialect can count.
                              Ends as FAILED unless an upstream counted, or refused the request
                              that the client itself wrote. */
    CLP_OP_FORWARD,      /**< any small JSON document, asked of channels of the client's own dialect
                              by `action` behind the model in the path (Gemini) */
    CLP_OP_RESOURCE      /**< likewise, by `method` and `path` */
} clp_operation;

/** When another attempt may begin. */
typedef struct clp_retry_rules {
    int max_attempts;
    apr_interval_time_t time; /**< none begins later than this after the request; 0 = any time */
    apr_interval_time_t
        wait_max;              /**< when nothing else is left and a provider says that it may
                                    be asked again in up to this, that is waited for; 0 = never */
    apr_interval_time_t hedge; /**< a stream without an event for this long is asked of a second
                                    channel too; 0 = never */
} clp_retry_rules;

typedef struct clp_exchange_params {
    const clp_dialect *client;
    clp_operation operation;
    const char *action; /**< CLP_OP_FORWARD: what it is called in the path */
    clp_span body;      /**< decoded; must outlive the exchange */
    const clp_sniffed *sniffed;
    const apr_table_t *headers; /**< the client's */
    const char *query;          /**< the client's, without credentials; NULL = none */
    clp_plan *plan;             /**< with at least one candidate */
    clp_transport *transport;
    clp_intake intake;
    apr_size_t max_event;
    apr_interval_time_t keepalive; /**< 0 = none */
    clp_retry_rules retry;
    apr_int64_t default_max_tokens;
    const clp_trace *trace; /**< which trace it belongs to; NULL = none is passed on */
    const char *request_id; /**< ours, for clients whose upstream gave none; NULL = none */
    const char *method;     /**< CLP_OP_RESOURCE: GET, POST or DELETE */
    const char *path; /**< CLP_OP_RESOURCE: behind the version, e.g. "/responses/ID"; escaped */
    const clp_response_keeper *keeper;  /**< of converted Responses answers; NULL = none */
    const clp_call_states *call_states; /**< of Chat clients; NULL = none are kept */
    const clp_thread_pins *pins;        /**< NULL = threads are not remembered */
    const clp_account *account;         /**< where it is booked; NULL = nowhere */
    const char *scope;                  /**< whose threads: the user's name; "" = nobody's */
    void *subject;                      /**< passed to clp_log() */
    apr_time_t (*clock)(void);          /**< what time it is; NULL = apr_time_now() */
} clp_exchange_params;

static inline apr_time_t clp_exchange_clock(const clp_exchange_params *params)
{
    return params->clock ? params->clock() : apr_time_now();
}

typedef struct clp_exchange clp_exchange;

/** What goes in front of the answer's bytes. */
typedef struct clp_answer_head {
    int status;
    const char *content_type;
    apr_table_t *headers;
    apr_int64_t length; /**< bytes of the body, -1 = not known */
} clp_answer_head;

/** Make an exchange; `params` is copied (not what it points to). */
clp_exchange *clp_exchange_make(const clp_exchange_params *params, apr_pool_t *pool);

/** Begin the first attempt. */
void clp_exchange_start(clp_exchange *x, apr_time_t now);

/** Do what time demands: the next attempt, a hedge, keep-alives, the end of a grace period. */
void clp_exchange_tick(clp_exchange *x, apr_time_t now);

/** How long the driver may wait in step() at most. */
apr_interval_time_t clp_exchange_wait(const clp_exchange *x, apr_time_t now);

/** The head, once it may be sent; NULL before. */
const clp_answer_head *clp_exchange_head(const clp_exchange *x);

/**
 * Bytes that may go to the client now; empty if none. Valid until
 * clp_exchange_taken(), which must follow before the next step().
 */
clp_span clp_exchange_output(clp_exchange *x);
void clp_exchange_taken(clp_exchange *x, apr_time_t now);

/** The client has left: cancel the upstream and end. Who leaves with the last byte of a whole
 * answer has not left. */
void clp_exchange_abort(clp_exchange *x);

/** Is there nothing more to come? (Output may still wait to be taken.) */
int clp_exchange_done(const clp_exchange *x);

/** Must the connection be broken off, so that the client cannot take the
 * answer for a whole one? */
int clp_exchange_broken(const clp_exchange *x);

const clp_outcome *clp_exchange_outcome(const clp_exchange *x);

#endif
