/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_BODY_LOG_H
#define CLP_GATEWAY_BODY_LOG_H

#include <apr_time.h>

#include "dialect/dialect.h"
#include "gateway/outcome.h"
#include "gateway/redact.h"

/**
 * @file body_log.h
 * @brief What a client asked and what it got, as one line of JSON for people (ClaudeBodyLog).
 *
 * A stream is shown as what it said: its blocks put together, why it ended, its usage or error.
 */

/** So much of an answer is kept to be logged. */
#define CLP_BODY_LOG_ANSWER (1024 * 1024)

typedef struct clp_body_log_entry {
    apr_time_t when;
    const char *id;
    const char *user; /**< NULL = nobody known */
    const char *path;
    const clp_dialect *client;
    const char *model;   /**< NULL = not known */
    const char *channel; /**< NULL = none was asked */
    int status;
    clp_span request; /**< decoded */
    clp_span answer;
    int answer_cut; /**< there was more of it */
    int stream;     /**< it is a stream of events */
    apr_size_t text_max;
    const clp_outcome *outcome; /**< whose keys are secrets; NULL = no exchange */
} clp_body_log_entry;

/** Append the line, its end included; at most some 2 MB. */
void clp_body_log_write(clp_buffer *out, const clp_body_log_entry *entry, apr_pool_t *pool);

#endif
