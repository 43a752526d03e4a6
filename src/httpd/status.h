/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_STATUS_H
#define CLP_HTTPD_STATUS_H

#include "httpd.h"

/**
 * @file status.h
 * @brief SetHandler claude-status: the state of channels, and what was counted, as JSON
 * (docs/status.md).
 */
void clp_status_register(apr_pool_t *p);

#endif
