/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_RETAINED_SLOTMEM_H
#define CLP_HTTPD_RETAINED_SLOTMEM_H

#include "httpd.h"

/**
 * @file retained_slotmem.h
 * @brief A slotmem provider whose memory outlives every graceful restart, a new version of this
 * module included: "retained", version "0".
 *
 * Anonymous shared memory that the parent makes and all children inherit at the same address,
 * while httpd's own provider gives it up with the configuration. Asked again for the same name,
 * item size and number it gives the same memory, as it is; for others new memory, and children of
 * older generations keep what they have. Where new memory is refused, what there is stays. Memory
 * comes zeroed, its items begin 64-byte aligned and lie one behind the other. Only the parent
 * creates; children attach. AP_SLOTMEM_TYPE_PERSIST is refused. Other than httpd's own, getting and
 * putting check lengths, and grabbing is atomic.
 */
#define CLP_RETAINED_SLOTMEM "retained"

/** Make the provider known; when hooks are registered. */
void clp_retained_slotmem_register(apr_pool_t *p);

/**
 * The items of this name, made through the provider if need be; for post_config.
 * @return the first item; NULL (and *rv) if there is no memory
 */
void *clp_retained_items(const char *name, apr_size_t item_size, unsigned int items, apr_pool_t *p,
                         apr_status_t *rv);

/** What was made under this name by an earlier configuration; NULL = nothing of that size. */
void *clp_retained_find(const char *name, apr_size_t item_size, unsigned int items, apr_pool_t *p);

/** Fill `to`, which is zeroed, with what `from` holds. */
typedef void clp_retained_move(void *to, apr_size_t to_size, void *from, apr_size_t from_size);

/**
 * One item of `*size` bytes; `move` may be NULL: then another size begins empty. If there is one of
 * another size, its content moves to new memory and it is given up. If there is no memory for that,
 * it stays: it is returned, with its size and why.
 * @return NULL (and *rv) if there is none at all
 */
void *clp_retained_resized(const char *name, apr_size_t *size, clp_retained_move *move,
                           apr_pool_t *p, apr_status_t *rv);

/** Give a name up; children that have its memory keep it. */
void clp_retained_forget(const char *name, apr_pool_t *p);

#endif
