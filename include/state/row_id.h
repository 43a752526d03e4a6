/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_ROW_ID_H
#define CLP_STATE_ROW_ID_H

#include "state/word.h"
#include "wire/span.h"

/**
 * @file row_id.h
 * @brief The ids by which rows are found: hashes of what they are of.
 */

/** The id of a row on its way from one to another; no name has it. */
#define CLP_ROW_MOVING (~(apr_uint64_t)0)

/** Of a model, a user or whatever else has a name, the same in every process and host. Never 0.
 * Cheap, and not safe against who wants two names to have one id: nothing secret may hang on it. */
apr_uint64_t clp_row_id(clp_span name);

apr_uint64_t clp_channel_id(const char *channel);

/** `key` is the key's id ("" where a channel has no keys), never its secret. */
apr_uint64_t clp_key_id(const char *channel, const char *key);
apr_uint64_t clp_circuit_id(const char *channel, const char *url, const char *key);

#endif
