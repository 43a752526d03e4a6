/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_CHANNEL_JSON_H
#define CLP_GATEWAY_CHANNEL_JSON_H

#include "gateway/document.h"
#include "sched/channel_show.h"
#include "wire/buffer.h"

/**
 * @file channel_json.h
 * @brief Channels as documents: the overlay's, and those of the admin API.
 *
 * A member for each setting (sched/channel_settings.h), in the shape that
 * sched/channel_show.h gives it:
 *   "priority": 10                          "baseUrls": ["https://h"]
 *   "modelMapping": {"claude-*": "gpt-5.5"} "timeouts": {"connect": "5s"}
 *   "headers": {"x-a": "b", "x-c": null}    "auth": ["header", "x-key"]
 * Read as well, as the predecessor of many users wrote them: baseUrl,
 * insecureSkipVerify. null stands for a setting's default.
 */

/**
 * Make the settings that the members of an object say, in the draft. A setting
 * that is said replaces what the draft had. Members called in `besides` (ends
 * with NULL; may be NULL) are the caller's and passed over.
 * @return 1, or 0 and `error` (texts in the draft's pool); the draft is then of no use
 */
int clp_channel_json_read(clp_channel_draft *d, const cJSON *object, const char *const *besides,
                          clp_document_error *error);

/** Add a member for each setting to an object, without secrets: a key is an
 * object of its id and mask, and its source if it has one. */
void clp_channel_json_write(cJSON *object, const clp_channel *c, apr_pool_t *pool);

/**
 * The channel as a section of the configuration: what differs from the
 * defaults. What cannot be shown stands in a comment.
 */
void clp_channel_conf_write(clp_buffer *out, const clp_channel *c, apr_pool_t *pool);

#endif
