/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ATTEMPT_RECORD_H
#define CLP_GATEWAY_ATTEMPT_RECORD_H

#include "attempt.h"

/**
 * @file attempt_record.h
 * @brief What stays of an attempt: its record in the outcome, a line in the log if it failed, and
 * its place in the books.
 *
 * Every attempt has a record from before it begins, is closed or failed once, and then booked.
 */

/** The record of the next attempt, behind all others; the attempt's `number` is its index. */
void clp_attempt_record_add(clp_outcome *outcome, const clp_candidate *candidate, int hedge,
                            apr_time_t now);

/** Valid until another is added. */
clp_attempt_record *clp_attempt_record_of(const clp_outcome *outcome, const clp_attempt *a);

/** Close the books of an attempt without a problem: its transfer goes, its record is complete. */
void clp_attempt_close(const clp_outcome *outcome, clp_attempt *a, clp_attempt_result result);

/** Likewise of one with a problem, which is copied without what nobody else shall read. */
void clp_attempt_fail(const clp_outcome *outcome, clp_attempt *a, clp_attempt_result result,
                      const clp_problem *problem, clp_judgement judgement);

/**
 * Book what was closed; nothing if it is booked, or still runs. Of a lead that failed before the
 * commit it is not known at once whether the request leaves the channel with it; all others are
 * booked right away.
 * @param left the request leaves the channel
 */
void clp_attempt_book(const clp_outcome *outcome, clp_attempt *a, int left);

#endif
