/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_WATCHDOG_H
#define CLP_HTTPD_WATCHDOG_H

#include "httpd.h"

/**
 * @file watchdog.h
 * @brief What has to be done from time to time, by one child for all: mod_watchdog says by which.
 *
 * Shared state goes to its file, bookings that somebody left behind are entered, rows of processes
 * that died are emptied, and channels are checked (ChannelHealthCheck). While a graceful restart
 * goes on, two children of two generations may both be at it; each thing done twice is done once.
 * Without mod_watchdog the gateway works, and these things are left to the next who comes across
 * them; there are no health checks.
 */
void clp_watchdog_register(apr_pool_t *p);

#endif
