/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_HOSTED_H
#define CLP_DIALECT_RESPONSES_HOSTED_H

#include "responses_content.h"

/**
 * @file responses_hosted.h
 * @brief Reads items of a Responses request that tell of tools the provider has run itself: what
 * can be read of them becomes text.
 */

extern const clp_responses_item clp_responses_hosted[];

#endif
