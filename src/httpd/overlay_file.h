/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_OVERLAY_FILE_H
#define CLP_HTTPD_OVERLAY_FILE_H

#include "file_stamp.h"
#include "gateway/overlay.h"

/**
 * @file overlay_file.h
 * @brief The overlay as it lies on the disk: reading it, and what is wrong with it.
 */

/** How the overlay's texts are read: keys only as they are, no files, no hosts but those allowed.
 */
const clp_channel_source *clp_overlay_source(void);

/** Say which hosts those are, once the configuration is read and before anything is. */
void clp_overlay_source_bind(const clp_host_rules *hosts);

/**
 * Read the file: a regular one of at most 4 MiB that not everyone may read.
 * @param is out: which file it was; may be NULL
 * @return NULL, or what is wrong, in `pool`; a missing file is an empty overlay
 */
const char *clp_overlay_file_read(const char *path, apr_pool_t *pool, clp_overlay **overlay,
                                  clp_file_stamp *is);

/** What is wrong with a document, and where, as one text in `pool`. */
const char *clp_overlay_file_error(const clp_document_error *error, apr_pool_t *pool);

#endif
