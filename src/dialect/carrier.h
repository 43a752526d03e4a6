/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CARRIER_H
#define CLP_DIALECT_CARRIER_H

#include "dialect/event.h"
#include "reading.h"

/**
 * @file carrier.h
 * @brief Reasoning of other providers, in the one place where clients of Gemini
 * and Chat have state: the signature of a call or a text.
 *
 * Those clients throw thoughts away, so an envelope holds whole blocks, text
 * and state, of everything the model thought since the last envelope:
 *   [{"kind":"b","first":true,"text":"…","state":"…"},…]
 * `first` says that the block stood at the beginning of the answer.
 */
typedef struct clp_carrier clp_carrier;

clp_carrier *clp_carrier_make(apr_pool_t *pool);

/** A reasoning block begins; it is the answer's first thing or stands behind others of its kind. */
void clp_carrier_block(clp_carrier *c, int first);

/** More of its text, escaped. */
void clp_carrier_text(clp_carrier *c, clp_span escaped);

/** Its state; a block without one is not carried. */
void clp_carrier_state(clp_carrier *c, clp_provider provider, clp_state_kind kind,
                       clp_span escaped);

/** It ends. */
void clp_carrier_close(clp_carrier *c);

/**
 * What belongs on the next call or text as its signature, in JSON-safe
 * characters, or empty. Gemini's own state goes as it is, all other in an
 * envelope. What is taken is gone; valid until the next block begins.
 */
clp_span clp_carrier_take(clp_carrier *c, const clp_envelope_key *key);

/** Put blocks back that an envelope holds, in front of what the part brings. */
void clp_carrier_open(clp_reading *r, clp_turn *turn, clp_text signature,
                      const clp_envelope_key *key, clp_jval origin);

#endif
