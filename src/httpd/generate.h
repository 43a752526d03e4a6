/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_GENERATE_H
#define CLP_HTTPD_GENERATE_H

#include "gateway/exchange.h"
#include "request.h"

/**
 * @file generate.h
 * @brief The steps from a request to its exchange, for the endpoints that ask
 * an upstream.
 */

/** Read the body and look it over: OK and maybe a problem, or what to return. */
int clp_generate_take(request_rec *r, clp_request *q, clp_problem **problem);

/** Whom to ask, and in which order; what `op` needs decides who can be asked. */
clp_problem *clp_generate_plan(clp_plan **plan, request_rec *r, clp_request *q, clp_operation op);

/** Would a plan find whom to ask, as things stand? Nothing is taken from anybody. */
int clp_generate_could(request_rec *r, clp_request *q, clp_operation op);

/** Parameters of the request's exchange; method and path are left to the caller. */
clp_exchange_params clp_generate_params(request_rec *r, clp_request *q, clp_operation op,
                                        clp_plan *plan, clp_transport *transport);

/** A transport of this child; NULL (and a log line) if there is none. */
clp_transport *clp_generate_transport(request_rec *r);

#endif
