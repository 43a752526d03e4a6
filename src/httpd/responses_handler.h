/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_RESPONSES_HANDLER_H
#define CLP_HTTPD_RESPONSES_HANDLER_H

#include "request.h"

/**
 * @file responses_handler.h
 * @brief The life cycle of stored responses.
 */

/**
 * Of a looked-over request of the Responses protocol: put what it goes on from
 * into its body, or find that only an upstream can know it, and prepare that
 * the answer is kept.
 */
clp_problem *clp_responses_continue(request_rec *r, clp_request *q);

#endif
