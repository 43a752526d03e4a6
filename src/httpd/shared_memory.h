/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_SHARED_MEMORY_H
#define CLP_HTTPD_SHARED_MEMORY_H

#include "httpd.h"

/**
 * @file shared_memory.h
 * @brief Anonymous memory that the parent makes and all children share, and
 * that outlives every graceful restart, a new version of this module included.
 */

/**
 * The block of this name; for post_config. A block of another size is left to
 * the old children and a new one is made.
 * @param name names content and layout; a string literal
 * @param fresh out: 1 if the block is new, and zeroed
 * @return 64-byte aligned; NULL (and *rv) if there is no memory
 */
void *clp_shared_memory(server_rec *s, const char *name, apr_size_t size, int *fresh,
                        apr_status_t *rv);

#endif
