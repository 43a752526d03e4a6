/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_SHARED_H
#define CLP_T_SHARED_H

#include "state/tables.h"

/**
 * @file shared.h
 * @brief Memory that forked processes share, for tests.
 */

/** Zeroed and aligned to a page; ends the program if there is none. */
void *shared_memory(apr_size_t n);

/** Tables of this capacity in shared memory. */
clp_tables *shared_tables(const clp_capacity *capacity, apr_pool_t *pool);

#endif
