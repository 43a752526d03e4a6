/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_CALLS_H
#define CLP_DIALECT_RESPONSES_CALLS_H

#include "responses_content.h"

/**
 * @file responses_calls.h
 * @brief Reads items of a Responses request that are calls of the client's tools or their results.
 */

extern const clp_responses_item clp_responses_calls[];

#endif
