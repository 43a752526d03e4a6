/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ECHO_H
#define CLP_GATEWAY_ECHO_H

#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file echo.h
 * @brief Upstreams quote in their errors what they were sent. Where such an error is kept, what
 * the user wrote is not.
 */

/** A run of so many bytes that is the same in both is a quotation. */
#define CLP_ECHO_MIN 16

/** Of an error text so much is looked at, and given back. */
#define CLP_ECHO_TEXT 512

/**
 * An error text with "[...]" in the place of what it quotes of the request's body.
 * @param body JSON as the client sent it, of any size; read once
 * @param name may be quoted (the model's); NULL = none. So may names of the body's members.
 * @return in `pool`
 */
const char *clp_echo_hide(const char *text, clp_span body, const char *name, apr_pool_t *pool);

#endif
