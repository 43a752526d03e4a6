/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_CONTENT_H
#define CLP_DIALECT_GEMINI_CONTENT_H

#include "reading.h"

/** The `contents` of a request: a string, a part, a content or an array of these. */
void clp_gemini_read_turns(clp_reading *r, clp_jval contents, const clp_envelope_key *key);

/** `systemInstruction` in any of the same forms. */
void clp_gemini_read_system(clp_reading *r, clp_jval system);

#endif
