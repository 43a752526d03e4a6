/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_DEMO_VALUES_H
#define CLP_GATEWAY_DEMO_VALUES_H

#include <apr_pools.h>

#include "wire/buffer.h"
#include "wire/span.h"

/**
 * @file demo_values.h
 * @brief A JSON value that fits a schema, as plain as can be.
 */

/**
 * Append an object with the schema's required members: strings "demo", numbers 1 or their
 * minimum, true, empty arrays; const, default and the first value of an enum where there is
 * one. An absent or unreadable schema gives {}.
 */
void clp_demo_object(clp_buffer *out, clp_span schema, apr_pool_t *pool);

#endif
