/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_REQUEST_H
#define CLP_HTTPD_REQUEST_H

#include "gateway/ended_request.h"
#include "gateway/response_keep.h"
#include "route.h"
#include "sched/affinity.h"
#include "upstream/trace_context.h"

/**
 * @file request.h
 * @brief What the glue knows of a request, for handler, logs and filters.
 * Lives in r->request_config from translate_name on.
 */

/** Names the request in every answer; the same id stands in the logs. */
#define CLP_REQUEST_ID_HEADER "X-Claude-Proxy-Request"

typedef struct clp_request {
    const clp_dir_config *conf;
    clp_route route;
    const char *id;                    /**< "req_" and 22 characters; goes to log and client */
    clp_trace trace;                   /**< the trace it belongs to */
    clp_span body;                     /**< decoded */
    clp_sniffed sniffed;               /**< zero until the body was looked over */
    const clp_outcome *outcome;        /**< NULL when no exchange took place */
    struct clp_body_copy *copy;        /**< for ClaudeBodyLog: body_log.c's own; else NULL */
    const clp_problem *problem;        /**< what the client was told instead, or NULL */
    const clp_response_keeper *keeper; /**< Responses: how to keep the answer; else NULL */
    const void *channels;              /**< those it began with: live_channels.c's own */
    const clp_conversation_id *conversation; /**< for bindings; NULL = there are none, or not yet
                                                  asked for */
    int continued_here;                      /**< Responses: goes on from a response that we keep */
    int held_upstream;                       /**< Responses: goes on from one that we do not know */
    int counted_by_estimate;                 /**< no upstream told how many tokens there are */
    int recent;                              /**< goes to the list of recent requests */
} clp_request;

/** Call once in each child, before its first request. */
void clp_request_ids_begin(void);

/** The request's record, or NULL if it is not ours. Sub- and redirected requests share it. */
clp_request *clp_request_of(request_rec *r);

/**
 * Make it. Its id goes to the client in every answer (X-Claude-Proxy-Request), and is what `%L`
 * of ErrorLogFormat says; an internal redirect has the id of its origin.
 */
clp_request *clp_request_make(request_rec *r, const clp_route *route);

/** For a request that fails before it was routed: as clp_request_make() does, without a record. */
const char *clp_request_name(request_rec *r);

/** HTTP status that its client got; 0 = it left before there was one. */
int clp_request_status(const request_rec *r, const clp_request *q);

/** What became of it, when its answer has gone (from log_transaction on). */
clp_ended_request clp_request_ended(const request_rec *r, const clp_request *q);

/** How to take its body: the configured bounds, and what the path said. */
clp_intake clp_request_intake(const clp_request *q);

#endif
