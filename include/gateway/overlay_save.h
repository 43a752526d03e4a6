/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_OVERLAY_SAVE_H
#define CLP_GATEWAY_OVERLAY_SAVE_H

#include <apr_pools.h>
#include <apr_time.h>

#include "wire/span.h"

/**
 * @file overlay_save.h
 * @brief What belongs to saving the overlay beside replacing its file (state/durable_file.h): one
 * writer at a time, and dated copies of what it was.
 */

/** Copies that are kept. */
#define CLP_OVERLAY_COPIES 10

/**
 * Keep other writers out, threads and processes; the lock is that of the file PATH.lock. It ends
 * with its holder, whatever becomes of that.
 * @param until when to give up waiting
 * @param lock out: for clp_overlay_save_unlock()
 * @return APR_TIMEUP when another writer did not finish; else why there can be no lock
 */
apr_status_t clp_overlay_save_lock(const char *path, apr_time_t until, apr_pool_t *pool, int *lock);

void clp_overlay_save_unlock(int lock);

/**
 * Keep a copy of the file's text, as backups/NAME-TIME-REVISION.json beside it, and drop the
 * oldest beyond CLP_OVERLAY_COPIES. Only with the lock.
 * @param path ends with NAME.json
 */
apr_status_t clp_overlay_save_copy(const char *path, clp_span text, apr_int64_t revision,
                                   apr_time_t now, apr_pool_t *pool);

#endif
