/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_CHANNEL_HEADERS_H
#define CLP_GATEWAY_CHANNEL_HEADERS_H

#include <apr_tables.h>

#include "sched/channel.h"

/**
 * @file channel_headers.h
 * @brief The header fields that a channel's configuration decides, the same
 * for every kind of call to it.
 */

/** Set the credential as the channel shows it. `key` NULL = none is sent. Values point into the
 * channel or `pool`. */
void clp_channel_sign(apr_table_t *headers, const clp_channel *c, const clp_key *key,
                      apr_pool_t *pool);

/** Apply User-Agent and the configured edits; the last thing done to a call's fields. */
void clp_channel_edit_headers(apr_table_t *headers, const clp_channel *c);

#endif
