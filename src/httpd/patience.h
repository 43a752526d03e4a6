/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_PATIENCE_H
#define CLP_HTTPD_PATIENCE_H

#include "request.h"

/**
 * @file patience.h
 * @brief A request that nobody can take right now waits a moment, if there will be room by then.
 */

/**
 * Wait as the problem tells, and a little longer so that not all come at once; nothing if it tells
 * no time, or a longer one than ClaudeRetryWait, or this is one wait too many.
 * @param waits how often the request has waited
 * @return 1 = try again; 0 = give the problem to the client, or the client is gone
 */
int clp_patience_wait(request_rec *r, const clp_request *q, const clp_problem *problem, int waits);

#endif
