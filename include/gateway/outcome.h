/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_OUTCOME_H
#define CLP_GATEWAY_OUTCOME_H

#include <apr_tables.h>
#include <apr_time.h>

#include "dialect/event.h"
#include "sched/plan.h"
#include "state/rows.h"

/**
 * @file outcome.h
 * @brief What became of a request: the one record that logs, notes and
 * counters are made from, filled by the exchange and complete when it is done.
 */
typedef enum clp_result {
    CLP_RESULT_RUNNING,      /**< not done yet */
    CLP_RESULT_OK,           /**< a complete answer was produced */
    CLP_RESULT_CLIENT_ERROR, /**< the request was at fault; the client was told */
    CLP_RESULT_FAILED,       /**< every attempt failed; the client was told */
    CLP_RESULT_TRUNCATED,    /**< the answer broke off after it had begun; the client was told */
    CLP_RESULT_CLIENT_GONE   /**< the client left; the upstream was cancelled */
} clp_result;

/** "ok", "client_error", "failed", "truncated", "client_gone". */
const char *clp_result_name(clp_result r);

typedef enum clp_attempt_result {
    CLP_ATTEMPT_RUNNING,
    CLP_ATTEMPT_SERVED,    /**< its answer is whole */
    CLP_ATTEMPT_FAILED,    /**< before anything of it could be given to the client */
    CLP_ATTEMPT_TRUNCATED, /**< it broke off after the client had got a part */
    CLP_ATTEMPT_LOST,      /**< another was faster; it was cancelled, and that says nothing of it */
    CLP_ATTEMPT_ABORTED    /**< the client left; it was cancelled */
} clp_attempt_result;

/** "served", "failed", "truncated", "lost", "aborted"; "running" for one without an end. */
const char *clp_attempt_result_name(clp_attempt_result r);

/** "end", "tool", "length", "sequence", "window", "filter", "pause". */
const char *clp_stop_name(clp_stop stop);

typedef struct clp_attempt_record {
    clp_candidate candidate;
    clp_attempt_result result;
    clp_booked booked; /**< the same in the words of statistics */
    int hedge;         /**< it began beside another */
    apr_time_t started;
    apr_time_t first_event; /**< first event with meaning; 0 = none */
    apr_time_t ended;
    clp_usage usage;            /**< as far as it was told */
    int status;                 /**< the upstream's, 0 = none came */
    const clp_problem *problem; /**< why it failed; NULL = it served */
    clp_judgement judgement;    /**< what followed from that, and of whom it tells */
} clp_attempt_record;

typedef struct clp_outcome {
    clp_result result;
    clp_booked booked;            /**< the same in the words of statistics */
    int status;                   /**< HTTP status for the client, 0 = none sent */
    apr_array_header_t *attempts; /**< of clp_attempt_record, in the order they began */
    int winner;                   /**< which of them the client's answer is of, -1 = none */
    const clp_problem *problem;   /**< what the client was told, or NULL */
    clp_usage usage;
    clp_stop stop;
    const char *request_id; /**< the serving upstream's, or NULL */
    apr_time_t started;
    apr_time_t first_event; /**< first event with meaning; 0 = none */
    apr_time_t ended;
    int converted; /**< the answer was not passed through */
} clp_outcome;

/** The attempt that served, or the last one; NULL if there was none. */
const clp_attempt_record *clp_outcome_last(const clp_outcome *o);

#endif
