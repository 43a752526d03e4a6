/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_OVERLAY_H
#define CLP_GATEWAY_OVERLAY_H

#include "gateway/channel_json.h"

/**
 * @file overlay.h
 * @brief What operators changed at run time, laid over the channels of the
 * configuration: a document of its own, and the channels that come of both.
 *
 *   {"version": 1, "revision": 12, "channels": {
 *      "anthropic": {"status": "suspended", "keysDisabled": ["0123456789abcdef"]},
 *      "relay":     {"serviceType": "openai", "baseUrls": ["https://relay.example"], …}}}
 *
 * A fourth member, "reloads", counts how often files of keys were to be read again: every process
 * does so when the number has changed.
 *
 * A channel of the configuration keeps every setting that the overlay does
 * not say; another has to be complete. Members of a channel beside its settings
 * (gateway/channel_json.h):
 *   keysAdded     list of keys, taken after the others; one that the configuration has meanwhile
 *                 counts once
 *   keysDisabled  ids of keys that are not used
 *   keyOrder      ids, in the order in which they are taken; others follow
 *   deleted       true: the channel of the configuration is out of use
 * The overlay holds secrets: its file is for the server's own user only.
 */
#define CLP_OVERLAY_VERSION 1

/** Bytes of the document, and channels in it, at most. */
#define CLP_OVERLAY_SIZE_MAX     (4 * 1024 * 1024)
#define CLP_OVERLAY_CHANNELS_MAX 2000

typedef struct clp_overlay {
    cJSON *document;      /**< never NULL; has a "channels" object */
    apr_int64_t revision; /**< of the document; 0 = nothing was changed yet */
    apr_int64_t reloads;  /**< 0 = not said */
} clp_overlay;

/** An overlay that says nothing; deleted with the pool, as are all. */
clp_overlay *clp_overlay_empty(apr_pool_t *pool);

/**
 * Parse a document. Its channels are looked at by clp_overlay_lay() only.
 * @return NULL and `error` if it is none
 */
clp_overlay *clp_overlay_parse(clp_span text, apr_pool_t *pool, clp_document_error *error);

/** The document as text, with the revision it has. */
clp_span clp_overlay_text(const clp_overlay *o, apr_pool_t *pool);

/** What the overlay says of a channel; NULL = nothing. */
const cJSON *clp_overlay_channel(const clp_overlay *o, const char *name);

/**
 * Lay the overlay over channels.
 * @param base of const clp_channel *: the configuration's, each name once
 * @param source how the overlay's names of files and keys are read
 * @param laid out: of const clp_channel *, in `pool`, in the order of `base`, new ones
 *        behind. Channels that the overlay does not touch are those of `base`.
 * @return 1, or 0 and `error`, whose path begins with "channels.NAME"
 */
int clp_overlay_lay(const clp_overlay *o, const apr_array_header_t *base,
                    const clp_channel_source *source, apr_pool_t *pool, apr_array_header_t **laid,
                    clp_document_error *error);

#endif
