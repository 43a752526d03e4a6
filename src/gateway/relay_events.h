/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_RELAY_EVENTS_H
#define CLP_GATEWAY_RELAY_EVENTS_H

#include "relay.h"

/**
 * @file relay_events.h
 * @brief The events of a relayed answer: the reader that makes them of the upstream's bytes, the
 * guard behind it, and the writer that makes the client's bytes of them.
 */

/**
 * Set up the relay's reader and guard, and its writer unless the bytes pass as they are.
 * @param passive the events are only watched
 */
void clp_relay_open_reader(clp_relay *r, clp_body_kind body, int passive);

/** Append to `out`, in the client's protocol, that the answer broke off; behind a stream that
 * passed too. */
void clp_relay_tell(clp_relay *r, const clp_problem *problem);

/** Keep the response, if its end has been written since the last call and somebody keeps it. */
void clp_relay_keep(clp_relay *r);

#endif
