/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_HOSTED_H
#define CLP_DIALECT_RESPONSES_HOSTED_H

#include "reading.h"

/**
 * @file responses_hosted.h
 * @brief Reads items of a Responses request that tell of tools the provider has run itself: what
 * can be read of them becomes text.
 */

/** Read the item if its type is one of these; 0 if it is not. */
int clp_responses_read_hosted(clp_reading *r, clp_jval v);

#endif
