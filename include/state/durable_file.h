/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_DURABLE_FILE_H
#define CLP_STATE_DURABLE_FILE_H

#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file durable_file.h
 * @brief Files that are replaced as a whole, and survive whatever interrupts that.
 *
 * The bytes are written to a file beside (PATH.tmp-XXXXXX), forced to the disk, and renamed; then
 * the directory is forced to the disk. Whoever opens PATH finds the old bytes or the new ones, also
 * after kill -9, a full disk or a power cut. A file beside that a killed writer left is removed by
 * the next one; it knows from a lock, which ends with its holder, that nobody is about to rename
 * it.
 */

/** Of the name of a file beside: PATH CLP_DURABLE_BESIDE XXXXXX. */
#define CLP_DURABLE_BESIDE ".tmp-"

/**
 * Replace a file, or make it; only its owner may read it. Any number of threads and processes may
 * do so at once: one of them is the last. Blocks for the disk.
 * @param scratch for the call only
 * @return what went wrong. PATH is as it was then, unless only the directory could not be forced
 *         to the disk
 */
apr_status_t clp_durable_replace(const char *path, clp_span bytes, apr_pool_t *scratch);

#endif
