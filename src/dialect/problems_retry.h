/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_PROBLEMS_RETRY_H
#define CLP_DIALECT_PROBLEMS_RETRY_H

#include <apr_pools.h>

#include "wire/json_scan.h"

/**
 * @file problems_retry.h
 * @brief When to try again, as errors tell it beside the header.
 */

/**
 * @param details Google's list of details; may be absent
 * @return milliseconds, or -1 where neither the details nor the message says
 */
apr_int64_t clp_problems_retry(clp_jval details, const char *message, apr_pool_t *pool);

#endif
