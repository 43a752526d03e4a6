/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_BODY_LOG_H
#define CLP_HTTPD_BODY_LOG_H

#include "request.h"

/**
 * @file body_log.h
 * @brief ClaudeBodyLog: requests and answers of a location in a log of their own.
 */

/** For the directive: a path, "|program", or Off. Gives what is wrong, or NULL. */
const char *clp_body_log_set(cmd_parms *cmd, clp_dir_config *conf, const char *target);

/** Keep a copy of the answer, if the location's bodies are logged; before the first byte of it. */
void clp_body_log_begin(request_rec *r, clp_request *q);

void clp_body_log_register(apr_pool_t *p);

#endif
