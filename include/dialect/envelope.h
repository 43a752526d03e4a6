/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_ENVELOPE_H
#define CLP_DIALECT_ENVELOPE_H

#include <apr_pools.h>

#include "wire/buffer.h"
#include "wire/span.h"

/**
 * @file envelope.h
 * @brief Reasoning state of one provider, carried by clients of another.
 *
 * Providers hand out opaque state (Claude's signatures, OpenAI's encrypted
 * reasoning, Gemini's thought signatures) and want it back unchanged; any
 * other provider answers it with an error. A client of another protocol gets
 * it in an envelope, in the place where its own protocol keeps such state, and
 * sends it back with its history:
 *
 *   base64( "GWR1" | provider | kind | payload | first 16 bytes of HMAC-SHA-256 )
 *
 * The HMAC is over all before it, by a key of this gateway. What is not whole,
 * or not ours, is foreign: it is dropped, never passed on, never forged.
 */
typedef enum clp_provider {
    CLP_PROVIDER_NONE = 0,
    CLP_PROVIDER_CLAUDE = 'c',
    CLP_PROVIDER_OPENAI = 'o',
    CLP_PROVIDER_GEMINI = 'g'
} clp_provider;

/** What the payload is, and where in the answer it stood. */
typedef enum clp_state_kind {
    CLP_STATE_BLOCK = 'b',     /**< belongs to the reasoning block that carries it */
    CLP_STATE_REDACTED = 'r',  /**< likewise, a block without readable text */
    CLP_STATE_NEXT_CALL = 'n', /**< Gemini: stood on the tool call behind it */
    CLP_STATE_PREV_TEXT = 't', /**< Gemini: stood on the text before it */
    CLP_STATE_EMPTY_TEXT = 'e' /**< Gemini: stood on an empty last text */
} clp_state_kind;

/** 32 bytes, the same in all processes and over restarts; lives as long as the configuration. */
typedef struct clp_envelope_key {
    unsigned char bytes[32];
} clp_envelope_key;

typedef struct clp_state {
    clp_provider provider; /**< NONE = there is no state */
    clp_state_kind kind;
    clp_span payload; /**< the provider's own bytes */
} clp_state;

/** What every envelope begins with: "GWR1" in base64, as far as the next byte has no say. */
#define CLP_ENVELOPE_MARK "R1dSM"

/** Append an envelope. It needs no escaping in JSON. */
void clp_envelope_seal(clp_buffer *out, const clp_state *state, const clp_envelope_key *key);

/**
 * Open an envelope.
 * @param state out: payload in `pool`; provider NONE if it was not ours
 * @return 1 if the text was an envelope of this gateway, whole and genuine
 */
int clp_envelope_open(clp_state *state, clp_text text, const clp_envelope_key *key,
                      apr_pool_t *pool);

/** Does it look like an envelope, genuine or not? Cheap. */
int clp_envelope_like(clp_text text);

/**
 * State in a client's history: opened if it is an envelope, else the client's
 * own protocol's. Provider NONE if there is none, or a broken envelope.
 * @param native who makes such state where no envelope stands, and its kind
 * @param key NULL = envelopes are not opened
 * @param state out: payload is plain bytes, in the text or in `pool`
 */
void clp_state_read(clp_state *state, clp_text text, clp_provider native, clp_state_kind kind,
                    const clp_envelope_key *key, apr_pool_t *pool);

/**
 * Append the envelope of an event's state; nothing without a key.
 * @param state its provider and kind
 * @param payload the event's text
 */
void clp_state_carry(clp_buffer *out, const clp_state *state, clp_text payload,
                     const clp_envelope_key *key);

#endif
