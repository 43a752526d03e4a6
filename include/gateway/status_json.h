/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_STATUS_JSON_H
#define CLP_GATEWAY_STATUS_JSON_H

#include "sched/channel.h"
#include "state/span_ring.h"
#include "state/tables.h"
#include "wire/json_write.h"

/**
 * @file status_json.h
 * @brief What the shared tables hold, as JSON for people and programs (docs/status.md).
 *
 * Only what is looked at is read, word by word, so a document may show a booking half entered.
 * It names channels, models and users, and keys by their id; it holds no secret.
 */
typedef struct clp_status_scope {
    clp_tables *tables;                 /**< NULL = there is no shared state */
    const apr_array_header_t *channels; /**< of const clp_channel *: those configured, each once */
    const clp_span_ring *spans;         /**< that wait for their export; NULL = none are exported */
    apr_time_t now;
} clp_status_scope;

/** The whole document, an object. */
void clp_status_write(clp_jw *w, const clp_status_scope *scope, apr_pool_t *pool);

/** One channel of it, with its keys and circuits: an object. */
void clp_status_write_channel(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                              apr_pool_t *pool);

#endif
