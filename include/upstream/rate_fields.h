/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_RATE_FIELDS_H
#define CLP_UPSTREAM_RATE_FIELDS_H

#include <apr_tables.h>
#include <apr_time.h>

/**
 * @file rate_fields.h
 * @brief How much of a quota is left, in the fields of the client's provider.
 *
 *   anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}
 *   x-ratelimit-{limit,remaining,reset}-{requests,tokens}
 *
 * Counts are copied. A reset is an RFC 3339 instant on the one side and a
 * duration ("6m0s", "20ms") on the other; it is given in whole seconds, rounded
 * up, and left out where it cannot be read. Fields without an equal
 * (input-tokens, output-tokens) are left out.
 */

/** Add OpenAI's fields for what Anthropic's say. */
void clp_rate_fields_to_openai(apr_table_t *to, const apr_table_t *from, apr_time_t now);

/** Add Anthropic's fields for what OpenAI's say. */
void clp_rate_fields_to_anthropic(apr_table_t *to, const apr_table_t *from, apr_time_t now);

#endif
