/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_CALL_STATES_H
#define CLP_GATEWAY_CALL_STATES_H

#include "dialect/dialect.h"
#include "gateway/session.h"

/**
 * @file call_states.h
 * @brief The reasoning behind tool calls, kept for clients of Chat.
 *
 * Claude and OpenAI go on thinking in a tool loop only if they get back what they
 * thought before the call, and clients of Chat have no place for that. It is kept
 * in a store, in an envelope, by the id of the call and the client's identity, for
 * an hour, and put into the next request that has the call in the turn that is
 * still going on: in the member where Gemini's state has its place.
 */
typedef struct clp_call_states {
    clp_session_store *store;
    const char *scope; /**< whose calls: the user's name; "" = nobody's */
    void *subject;     /**< for clp_log() */
    apr_pool_t *pool;  /**< the request's */
} clp_call_states;

/** For a writer of the answer; `states` must outlive it. */
clp_call_memo clp_call_states_memo(const clp_call_states *states);

/**
 * A Chat request with the states of those of its calls that have none. Takes as long
 * as the store is allowed to for each of them.
 * @return 0 if nothing is known of any (nothing is appended)
 */
int clp_call_states_restore(const clp_call_states *states, clp_buffer *out, clp_span body,
                            apr_time_t now);

#endif
