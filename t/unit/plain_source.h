/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_PLAIN_SOURCE_H
#define CLP_T_PLAIN_SOURCE_H

#include "sched/channel_draft.h"

/**
 * @file plain_source.h
 * @brief How tests read what settings of channels only name: everything stands for itself.
 */

/** A path is the file that it means; whether there is one is not looked at. */
const char *plain_path(void *ctx, const char *path, apr_pool_t *pool);

/** Paths as they are, and each key is its own secret. */
extern const clp_channel_source plain_source;

#endif
