/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_CALLS_H
#define CLP_DIALECT_RESPONSES_CALLS_H

#include "reading.h"

/**
 * @file responses_calls.h
 * @brief Reads items of a Responses request that are calls of the client's tools or their results.
 */

/** Read the item if its type is one of these; 0 if it is not. */
int clp_responses_read_call(clp_reading *r, clp_jval v);

#endif
