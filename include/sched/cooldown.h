/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_COOLDOWN_H
#define CLP_SCHED_COOLDOWN_H

#include <apr_time.h>

#include "state/rows.h"
#include "state/writes.h"

/**
 * @file cooldown.h
 * @brief For how long a key rests after its provider said "too much" or "no credit left".
 *
 * A time the provider tells is kept to. Where it tells none, one is assumed, and that only puts
 * the key behind all others.
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

typedef enum clp_cooling_state {
    CLP_COOLING_NOT,
    CLP_COOLING_ASSUMED, /**< until a time of ours: it comes last */
    CLP_COOLING_TOLD     /**< until a time the provider told: it is left alone */
} clp_cooling_state;

/** Does it rest, and until when (`until` may be NULL)? Any thread, lock-free. */
clp_cooling_state clp_cooling_look(const clp_cooling *c, apr_time_t now, apr_time_t *until);

/**
 * Enter an answer that says "too much".
 * @param retry_at the time told to come back; 0 = none. An assumed time does not cut short one
 *        that was told.
 */
void clp_cooldown_enter(clp_writes *w, clp_cooling *c, const clp_cooldown_policy *policy,
                        apr_time_t retry_at, apr_time_t at);

/** Enter a success: what counts as "in a row" begins anew, and an assumed rest is over. A time
 * that was told stands: the success may be of a request that began before. */
void clp_cooldown_enter_over(clp_writes *w, clp_cooling *c);

/**
 * The same for one of a key's models; the model whose rest ends first gives its place to a new
 * one if all are taken.
 */
void clp_cooldown_enter_model(clp_writes *w, clp_key_row *key, apr_uint64_t model,
                              const clp_cooldown_policy *policy, apr_time_t retry_at,
                              apr_time_t at);
void clp_cooldown_enter_model_over(clp_writes *w, clp_key_row *key, apr_uint64_t model);

/** Does the key rest for this model (0 = none is asked for), or at all? */
clp_cooling_state clp_cooling_look_key(const clp_key_row *key, apr_uint64_t model, apr_time_t now,
                                       apr_time_t *until);

#endif
