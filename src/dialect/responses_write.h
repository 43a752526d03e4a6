/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_RESPONSES_WRITE_H
#define CLP_DIALECT_RESPONSES_WRITE_H

#include "writing.h"

/**
 * @file responses_write.h
 * @brief The input of a Responses request being written.
 */

/** Member `input`. */
void clp_responses_write_input(clp_writing *w);

#endif
