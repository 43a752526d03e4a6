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

typedef struct clp_outcome clp_outcome;

/**
 * What became of a request, in one word.
 * @param o         NULL = nobody was asked
 * @param estimated tokens were counted by an estimate, whoever was asked before: "estimated"
 * @param status    HTTP status of the answer, 0 = it got none
 */
const char *clp_result_word(const clp_outcome *o, int estimated, int status);

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

struct clp_outcome {
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
};

/** What went wrong, in one word: the problem's class, or what was booked without one; "" = nothing.
 */
const char *clp_failure_name(const clp_problem *problem, clp_booked booked);

/**
 * Attempts in the order they began, each with what became of it ("a:503,b:served"): the status of
 * an upstream that told a failure, else a word. The first 16, and how many more there were.
 * @return in `pool`; NULL if there was none
 */
const char *clp_outcome_tried(const clp_outcome *o, apr_pool_t *pool);

/** The attempt that served, or the last one; NULL if there was none. */
const clp_attempt_record *clp_outcome_last(const clp_outcome *o);

#endif
