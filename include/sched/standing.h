/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_STANDING_H
#define CLP_SCHED_STANDING_H

#include "sched/verdict.h"
#include "state/tables.h"

/**
 * @file standing.h
 * @brief What the results of attempts make of a channel, its key, and the circuit of URL and key.
 *
 * | result of the attempt                      | channel's circuit | URL × key's  | rests |
 * |--------------------------------------------|-------------------|--------------|----------------|
 * | success                                    | success           | success      | nothing more |
 * | provider's fault                           | failure, if the request left the channel | failure
 * | - | | key refused                                | -                 | failure      | - | | no
 * credit, quota used up                   | -                 | -            | key            | |
 * rate limit                                 | -                 | -            | key × model    |
 * | overload, time told                        | -                 | -            | channel | |
 * overload, no time told                     | as provider's     | as provider's| -              |
 * | client's, aborted, hedge lost, no model    | -                 | -            | - |
 *
 * A channel that answers from its second address is no broken channel: so a provider's fault
 * counts against the channel as a whole only if the request had to leave it.
 */

/** Flag of a booking: after this attempt the request left the channel, or ended. */
#define CLP_BOOKED_LEFT 8

/** What a failure is booked as. Who knows more of a transport's failure (cut off, unreadable,
 * empty) says so instead. */
clp_booked clp_booked_of(const clp_problem *p, clp_fault fault);

/** Whose fault a result is. */
clp_fault clp_fault_of_booked(clp_booked result);

/**
 * Enter a CLP_BOOK_ATTEMPT. Of the booking count: result, flags, channel, key, circuit, status,
 * at, policy, cooldown, model_id, retry_at, probe, first_token_us, tokens.
 */
void clp_standing_enter(const clp_tables *t, const clp_booking *b, clp_writes *w);

#endif
