/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_PARTS_H
#define CLP_DIALECT_RESPONSES_PARTS_H

#include "openai_parts.h"

/**
 * @file responses_parts.h
 * @brief Reads the parts that content and outputs of a Responses request's items are made of.
 */

/**
 * Read member `name` of an item, a string or parts, behind the blocks of the list at `tail`.
 * A part that is not known, or cannot stand there, is the request's problem.
 */
void clp_responses_read_parts(clp_reading *r, clp_jval item, const char *name, clp_place where,
                              clp_block **tail);

#endif
