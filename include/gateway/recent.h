/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_RECENT_H
#define CLP_GATEWAY_RECENT_H

#include "gateway/ended_request.h"
#include "state/recent_ring.h"

/**
 * @file recent.h
 * @brief The entry of a request in the list of recent ones.
 *
 * It says who asked for what, whom the gateway asked, and what went wrong; nothing of what was
 * said, and no key. Of error texts what they quote of the request is taken out.
 */

/**
 * Make the entry.
 * @param anonymous leave out who asked
 * @param pool      for the time of the call
 */
void clp_recent_fill(clp_recent_entry *out, const clp_ended_request *request, int anonymous,
                     apr_pool_t *pool);

/** Is this a word that an entry's `failure` may be? */
int clp_recent_is_failure(const char *word);

#endif
