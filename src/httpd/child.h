/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_CHILD_H
#define CLP_HTTPD_CHILD_H

#include "httpd.h"

#include "gateway/thread_pins.h"
#include "upstream/curl_engines.h"

/**
 * @file child.h
 * @brief What a child process has: its transports, and the shared memory that
 * it inherited.
 */

/** The child's transports; NULL if libcurl could not be started. */
clp_curl_engines *clp_child_engines(void);

/** The table of message threads, shared by all children and kept by a graceful
 * restart; NULL if there is no shared memory. */
const clp_thread_pins *clp_child_pins(void);

void clp_child_register(apr_pool_t *p);

#endif
