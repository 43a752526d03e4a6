/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_CHANNEL_KEYS_H
#define CLP_SCHED_CHANNEL_KEYS_H

#include "sched/channel.h"

/**
 * @file channel_keys.h
 * @brief The keys of a channel anew, from where they came.
 */

/** What a source (file:PATH, as clp_key has it) gives now: of const char *; NULL = what it gave. */
typedef const apr_array_header_t *clp_key_source_fn(const char *source);

/**
 * The channel with the keys that its sources give now, each at the place of those that the source
 * gave before.
 * @return `base` itself if no source gives anything new; else one like it, without state, whose
 *         keys are in `pool`; NULL and what is `wrong` if its keys cannot be these
 */
const clp_channel *clp_channel_read_keys(const clp_channel *base, clp_key_source_fn *source,
                                         apr_pool_t *pool, const char **wrong);

/** Does a key of the channel come from this source? */
int clp_channel_uses_source(const clp_channel *c, const char *source);

#endif
