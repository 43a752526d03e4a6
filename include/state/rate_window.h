/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_RATE_WINDOW_H
#define CLP_STATE_RATE_WINDOW_H

#include "state/rows.h"
#include "state/writes.h"

/**
 * @file rate_window.h
 * @brief How much there was in the last minute, in segments of six seconds.
 *
 * A window is either counted by everybody (add, take) or by bookings alone (enter), never both.
 */

/** What was counted in the last 60 seconds (54 to 60, to be exact). Any thread. */
apr_uint64_t clp_rate_sum(const clp_rate_window *w, apr_time_t now);

/** Until when the window holds more than `cap` if nothing is added: when to come back. `now` if
 * it does not. */
apr_time_t clp_rate_free_at(const clp_rate_window *w, apr_time_t now, apr_uint64_t cap);

/** Count one more, unless the window then had more than `cap` (0 = any number). Any thread,
 * lock-free; two at once may both be refused the last place, never both given it.
 * @return 1 = counted */
int clp_rate_take(clp_rate_window *w, apr_time_t now, apr_uint64_t cap);

/** Undo a clp_rate_take() of `at`; nothing if that segment is over. */
void clp_rate_give_back(clp_rate_window *w, apr_time_t at);

/** Count `n` as part of a booking. */
void clp_rate_enter(clp_writes *writes, clp_rate_window *w, apr_time_t now, apr_uint64_t n);

#endif
