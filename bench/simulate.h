/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_BENCH_SIMULATE_H
#define CLP_BENCH_SIMULATE_H

#include <apr_pools.h>
#include <apr_time.h>

/**
 * @file simulate.h
 * @brief What the simulation and the two sets of rules that it compares know of each other.
 */
#define SIM_CHANNELS 100
#define SIM_KEYS     10

typedef enum sim_outcome {
    SIM_SERVED,
    SIM_BAD_REQUEST, /**< 400: the client's own fault */
    SIM_RATE_LIMIT,  /**< 429 with a time to come back */
    SIM_NO_CREDIT,   /**< 403, no credit left with this key */
    SIM_DOWN,        /**< 502 at once */
    SIM_SILENT       /**< no connection, after a while */
} sim_outcome;

typedef struct sim_target {
    int channel;
    int key;
} sim_target;

typedef struct sim_request {
    apr_pool_t *pool;
    const char *conversation;
    sim_target target; /**< being tried */
    int attempts;
    void *state; /**< of the rules */
} sim_request;

typedef struct sim_rules {
    const char *name;
    void *(*make)(apr_pool_t *pool);
    /** Choose the first target: 1, or 0 = the request is refused. */
    int (*first)(void *self, sim_request *r, apr_time_t now);
    /** The attempt failed: choose the next one, or 0 = the client is told. */
    int (*next)(void *self, sim_request *r, sim_outcome outcome, apr_time_t told, apr_time_t now);
    void (*served)(void *self, sim_request *r, apr_time_t now);
    /** Is the channel known to be out of order? */
    int (*knows)(void *self, int channel, apr_time_t now);
} sim_rules;

/** Ours, on the real code. */
extern const sim_rules sim_this_module;

/** Those of claude-proxy 2.5, as far as they concern one base URL per channel. */
extern const sim_rules sim_claude_proxy;

#endif
