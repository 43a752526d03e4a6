/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_STRATEGY_H
#define CLP_SCHED_STRATEGY_H

/**
 * @file strategy.h
 * @brief Which of several channels of the same priority is asked first.
 *
 * ROUND_ROBIN, RANDOM and WEIGHTED leave the choice open; for a request whose conversation is
 * known they choose by a hash of conversation and channel, so that several hosts choose the same
 * without talking to each other, and a channel that comes or goes moves only its share.
 */
typedef enum clp_strategy {
    CLP_STRATEGY_FAILOVER,      /**< the order of the configuration */
    CLP_STRATEGY_ROUND_ROBIN,   /**< in turns, all processes together */
    CLP_STRATEGY_RANDOM,        /**< any */
    CLP_STRATEGY_WEIGHTED,      /**< any, by weight */
    CLP_STRATEGY_LEAST_BUSY,    /**< fewest requests in flight for its weight */
    CLP_STRATEGY_LOWEST_LATENCY /**< shortest time to first token; unknown ones first, and now and
                                     then another one, for what was slow may be fast by now */
} clp_strategy;

/** "failover", "round-robin", "random", "weighted", "least-busy", "lowest-latency". */
const char *clp_strategy_name(clp_strategy s);

/** The strategy of that name, in any case of letters; 0 = there is none. */
int clp_strategy_parse(const char *name, clp_strategy *out);

#endif
