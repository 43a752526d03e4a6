/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_HEALTH_CHECK_H
#define CLP_SCHED_HEALTH_CHECK_H

#include "sched/verdict.h"
#include "state/tables.h"

/**
 * @file health_check.h
 * @brief How a channel is asked, between requests, whether it answers.
 */
typedef struct clp_health_check {
    apr_interval_time_t interval; /**< between two checks; 0 = none */
    apr_interval_time_t timeout;  /**< of one check */
    const char *path;             /**< below the base URL, asked with GET; NULL = a request */
    const char *model;            /**< of a tiny request that is billed; NULL = the path */
    int rise;                     /**< successes in a row that close an open circuit */
    int fall;                     /**< failures in a row that open it */
} clp_health_check;

/** Does what a check found speak against the provider? A refused key, a rate limit or a client's
 * error shows that it is alive. */
int clp_health_failed(clp_booked result);

/** A booking's members for clp_health_enter(): CLP_BOOK_ATTEMPT with the flag CLP_BOOKED_HEALTH;
 * channel, circuit, policy, result and `at` are the caller's to set. */
void clp_health_book(clp_booking *b, const clp_health_check *health);

/** Enter such a booking: count it, and open or close the channel's circuit when enough checks in a
 * row say so. A success closes the circuit of the URL and key that it used too. */
void clp_health_enter(const clp_tables *t, const clp_booking *b, clp_writes *w);

#endif
