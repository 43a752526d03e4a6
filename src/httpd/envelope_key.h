/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_ENVELOPE_KEY_H
#define CLP_HTTPD_ENVELOPE_KEY_H

#include "httpd.h"

#include "dialect/envelope.h"

/**
 * @file envelope_key.h
 * @brief The key by which reasoning envelopes are known as this gateway's own.
 *
 * It is the file envelope.key in ClaudeStateDir, made on first use, so that
 * clients may come back after a restart, and to another host that is given a
 * copy. Without a state directory it is made anew at each start of the server
 * (not at a graceful one): older envelopes are then dropped as foreign.
 */

/** The key; never NULL once the server has started. */
const clp_envelope_key *clp_envelope_key_of_server(void);

void clp_envelope_key_register(apr_pool_t *p);

#endif
