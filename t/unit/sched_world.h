/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_SCHED_WORLD_H
#define CLP_T_SCHED_WORLD_H

#include "sched/plan.h"
#include "sched/standing.h"

/**
 * @file sched_world.h
 * @brief Channels, shared state and a clock for tests of scheduling.
 */
typedef struct sched_world {
    apr_pool_t *pool;
    clp_channel_set *set;
    clp_tables *tables;
    clp_pin_table *affinity;
    clp_plan_query query; /**< what requests are like; its clock is sched_now() */
} sched_world;

/** The clock of the test. */
extern apr_time_t sched_clock;
apr_time_t sched_now(void);

extern const clp_dialect sched_messages;

/** A world as described in t/cases/scheduling.txt. */
sched_world *sched_world_make(const char *channels, apr_pool_t *pool);

/** The channel of that name; ends the test program if there is none. */
clp_channel *sched_channel(const sched_world *w, const char *name);

/** The conversation of requests from here on, of clients that speak Messages; NULL = none. */
const clp_conversation_id *sched_conversation(sched_world *w, const char *who, apr_pool_t *pool);

/** Give every channel, key and pair its row. */
void sched_claim_rows(const sched_world *w);

/** What became of an attempt, as it is booked. */
typedef struct sched_result {
    clp_booked result;
    int left; /**< the request left the channel */
    apr_time_t retry_at;
    apr_uint32_t tokens;
    apr_uint32_t first_token_us;
} sched_result;

void sched_book(const sched_world *w, const clp_candidate *c, const sched_result *r);

/** Carry out a change of the tables at once. */
void sched_change(const sched_world *w, clp_ledger_change_fn *fn, void *baton);

#endif
