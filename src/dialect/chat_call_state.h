/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_CALL_STATE_H
#define CLP_DIALECT_CHAT_CALL_STATE_H

#include "dialect/envelope.h"
#include "wire/json_scan.h"

/**
 * @file chat_call_state.h
 * @brief Google's thought signature of a tool call, in the member where
 * Google's own Chat endpoint has it:
 * tool_calls[].extra_content.google.thought_signature. Chat has no other place
 * for reasoning state. Clients get it in an envelope.
 */

/** Is it a state that stands on the call behind it? */
int clp_chat_call_state_is(clp_provider provider, clp_state_kind kind);

/**
 * Append the value of a call's extra_content.
 * @param escaped the signature, as the inside of a JSON string
 */
void clp_chat_call_state_write(clp_buffer *out, clp_span escaped, const clp_envelope_key *key);

/**
 * The state of a call in a client's history: an envelope's, or Google's own.
 * @param call recorded at least as deep as extra_content.google
 * @param state out: provider NONE if there is none; payload as in clp_state_read()
 */
void clp_chat_call_state_read(clp_state *state, clp_jval call, const clp_envelope_key *key,
                              apr_pool_t *pool);

#endif
