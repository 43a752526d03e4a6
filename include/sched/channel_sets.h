/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_CHANNEL_SETS_H
#define CLP_SCHED_CHANNEL_SETS_H

#include <apr_hash.h>

#include "sched/channel.h"

/**
 * @file channel_sets.h
 * @brief The channels of a server, and the named choices among them.
 */

/** A name, and the channels (or patterns of names) it stands for. */
typedef struct clp_set_rule {
    const char *name;
    apr_array_header_t *patterns; /**< of const char * */
    const char *defined_in;       /**< "file:line" */
} clp_set_rule;

typedef struct clp_channel_sets {
    const clp_channel_set *all;
    apr_hash_t *named; /**< name -> const clp_channel_set *; has at least the names of all rules */
} clp_channel_sets;

/** Told of a pattern that no channel fits. */
typedef void clp_set_unfit_fn(void *ctx, const clp_set_rule *rule, const char *pattern);

/**
 * Make the sets. Channels stand in a set in the order of its patterns, each
 * once; of rules with one name the first counts.
 * @param channels of const clp_channel *, in the order of the configuration
 * @param rules    of clp_set_rule
 * @param unfit    NULL = a pattern that fits nothing is nothing to speak of
 */
clp_channel_sets *clp_channel_sets_make(const apr_array_header_t *channels,
                                        const apr_array_header_t *rules, clp_set_unfit_fn *unfit,
                                        void *ctx, apr_pool_t *pool);

/** A set by its name, or that of all channels (NULL). NULL = there is no such set. */
const clp_channel_set *clp_channel_sets_find(const clp_channel_sets *sets, const char *name);

/** How many channels of a set are active. */
int clp_channel_set_active(const clp_channel_set *set);

/**
 * Two active channels that are promoted at the same time for clients of one protocol.
 * @param one,other out
 * @return 1 if there are such
 */
int clp_channel_set_promoted_twice(const clp_channel_set *set, apr_time_t now,
                                   const clp_channel **one, const clp_channel **other);

#endif
