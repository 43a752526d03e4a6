/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_COOLDOWN_H
#define CLP_SCHED_COOLDOWN_H

#include <apr_time.h>

/**
 * @file cooldown.h
 * @brief For how long a key rests after its provider said "too much" or "no credit left".
 *
 * A time the provider tells is kept to. Where it tells none, one is assumed.
 */
#define CLP_COOLDOWN_TIME_MAX apr_time_from_sec((1 << 21) - 1) /* 24 days */

/** From this many quota answers in a row on, the longer time is assumed. */
#define CLP_COOLDOWN_REPEATED 4

typedef struct clp_cooldown_policy {
    apr_interval_time_t assumed;  /**< when no time is told; whole seconds, 1 s … TIME_MAX */
    apr_interval_time_t repeated; /**< the same from the 4th time in a row on */
    apr_interval_time_t max;      /**< longest, whatever a provider tells */
} clp_cooldown_policy;

/** 5 minutes, 10 minutes from the 4th time in a row on, a day at most. */
clp_cooldown_policy clp_cooldown_policy_default(void);

/** The policy as one word, as bookings carry it; times in whole seconds. */
apr_uint64_t clp_cooldown_pack(const clp_cooldown_policy *policy);
clp_cooldown_policy clp_cooldown_unpack(apr_uint64_t word);

#endif
