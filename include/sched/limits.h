/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_LIMITS_H
#define CLP_SCHED_LIMITS_H

#include <apr.h>

/**
 * @file limits.h
 * @brief How much a channel or a key may be asked at once and per minute.
 */
typedef struct clp_limits {
    apr_uint32_t concurrent; /**< requests at the same time, all children together; 0 = any */
    apr_uint32_t requests;   /**< per minute; 0 = any */
    apr_uint32_t tokens;     /**< in and out together, per minute; 0 = any */
} clp_limits;

#endif
