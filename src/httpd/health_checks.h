/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_HEALTH_CHECKS_H
#define CLP_HTTPD_HEALTH_CHECKS_H

#include "state/tables.h"

/**
 * @file health_checks.h
 * @brief The channels in force are checked as each of them says (ChannelHealthCheck). One thread,
 * the watchdog's, of one child.
 */

void clp_health_checks_begin(void);

/** Begin the checks that are due, and drive those that run until they are done or it is `until`. */
void clp_health_checks_run(clp_tables *t, apr_time_t until);

/** Drop what runs. */
void clp_health_checks_end(void);

#endif
