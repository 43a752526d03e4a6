/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_DEBUG_HEADERS_H
#define CLP_HTTPD_DEBUG_HEADERS_H

#include "request.h"

/** ClaudeDebugHeaders On: say which channel served, at which attempt, in which process. */
void clp_debug_headers_set(request_rec *r, const clp_request *q, const clp_outcome *outcome);

#endif
