/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_CLAIMS_H
#define CLP_HTTPD_CLAIMS_H

#include "route.h"

/** Is the request one of ours, whether its path leads anywhere or not? False
 * before its location is known. */
static inline int clp_request_claimed(request_rec *r)
{
    clp_route route;

    clp_route_find(&route, r);
    return route.endpoint != CLP_ENDPOINT_NONE;
}

#endif
