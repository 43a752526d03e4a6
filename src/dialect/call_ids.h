/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CALL_IDS_H
#define CLP_DIALECT_CALL_IDS_H

#include "dialect/conversation.h"

/**
 * Give every call of a conversation that was read an id of its own, and its
 * result the same one: some models name their calls anew in each turn, or all
 * of a turn alike, and other providers refuse that. A call whose id an earlier
 * one has gets a number behind it; results of one id answer the calls of the
 * turn before in order. The same conversation gets the same ids.
 */
void clp_call_ids_part(clp_conversation *c);

#endif
