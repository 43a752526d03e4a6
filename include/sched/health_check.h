/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_HEALTH_CHECK_H
#define CLP_SCHED_HEALTH_CHECK_H

#include <apr_time.h>

/**
 * @file health_check.h
 * @brief How a channel is asked, between requests, whether it answers.
 */
typedef struct clp_health_check {
    apr_interval_time_t interval; /**< between two checks; 0 = none */
    apr_interval_time_t timeout;  /**< of one check */
    const char *path;             /**< below the base URL, asked with GET; NULL = a request */
    const char *model;            /**< of a tiny request that is billed; NULL = the path */
    int rise;                     /**< successes in a row that close an open circuit */
    int fall;                     /**< failures in a row that open it */
} clp_health_check;

#endif
