/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_STATE_H
#define CLP_DIALECT_CHAT_STATE_H

#include "reading.h"
#include "wire/json_write.h"

/**
 * @file chat_state.h
 * @brief Gemini's thought signatures in Chat's words.
 *
 * Google's own endpoint of this protocol puts them on the call they belong to,
 * or on the message if they belong to its text:
 *   "extra_content":{"google":{"thought_signature":"…"}}
 * Clients keep what they do not know and send it back. What comes from a
 * Gemini upstream goes to them in an envelope, for it must not reach other
 * Chat providers; what Google's Chat endpoint made is Google's as it is.
 */

/** The state on a call or a message that is recorded as deep as that; absent if there is none, or
 * Google's mark for none. */
clp_text clp_chat_state_of(clp_jval holder);

/** The member behind others of a call or a message; `signature` needs no escaping. */
void clp_chat_state_write(clp_jw *jw, clp_text signature);

/** A block for the state of the call, or of the text, that a client sent; none if there is none.
 * `holder` is recorded at least as deep as extra_content.google. */
void clp_chat_state_read(clp_reading *r, clp_turn *turn, clp_jval holder, clp_state_kind kind);

/**
 * The body without the envelopes on its messages and their calls; all other bytes stay.
 * @param messages of the body, an array
 * @return 0 if there are none (nothing is appended)
 */
int clp_chat_state_drop(clp_buffer *out, clp_span body, clp_jval messages);

#endif
