/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_OVERLAY_WRITE_H
#define CLP_GATEWAY_OVERLAY_WRITE_H

#include "gateway/overlay.h"

/**
 * @file overlay_write.h
 * @brief Changing the overlay, as seen by who asks for it: one writer at a time, the whole document
 * checked before it takes the place of the old one.
 */
typedef enum clp_write_result {
    CLP_WRITE_DONE,
    CLP_WRITE_REFUSED,  /**< the edit said no: see its own record */
    CLP_WRITE_INVALID,  /**< the edited document cannot be used: see `error` */
    CLP_WRITE_STALE,    /**< somebody changed it since: see `revision` */
    CLP_WRITE_NO_PLACE, /**< there is no state directory */
    CLP_WRITE_BROKEN,   /**< what is there cannot be used, so it cannot be changed: see `error` */
    CLP_WRITE_BUSY,     /**< another writer did not finish */
    CLP_WRITE_FAILED    /**< the disk: see `error.message` */
} clp_write_result;

/** What became of a change. Texts in the pool of who asked. */
typedef struct clp_overlay_change {
    apr_int64_t revision;        /**< of the document that is in force now */
    apr_int64_t revision_before; /**< of the one that was read */
    clp_document_error error;
    char before[65];                /**< SHA-256 of the document, in hex; "" = it was not read */
    char after[65];                 /**< "" = it is as before */
    const apr_array_header_t *laid; /**< CLP_WRITE_DONE: the channels that come of it */
} clp_overlay_change;

/** Any revision will do. */
#define CLP_ANY_REVISION (-1)

/**
 * Edit the document in place, within the pool.
 * @param laid the channels that it made before
 * @return 0 to leave everything as it was
 */
typedef int clp_overlay_edit_fn(void *ctx, clp_overlay *overlay, const apr_array_header_t *laid,
                                apr_pool_t *pool);

/**
 * Change the overlay. When it gives CLP_WRITE_DONE, the change is on the disk and in force in
 * this process; in the others within half a second.
 * @param revision that the caller has seen, or CLP_ANY_REVISION
 */
typedef clp_write_result clp_overlay_write_fn(apr_int64_t revision, clp_overlay_edit_fn *edit,
                                              void *ctx, apr_pool_t *pool,
                                              clp_overlay_change *change);

#endif
