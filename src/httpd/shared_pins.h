/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_SHARED_PINS_H
#define CLP_HTTPD_SHARED_PINS_H

#include "httpd.h"

#include "state/snapshot.h"

/**
 * @file shared_pins.h
 * @brief Where conversations and message threads are: two tables that all processes share, kept by
 * every graceful restart. With another size they take what there is with them.
 */

/** Open the tables, or make them; in post_config. */
void clp_shared_pins_start(server_rec *s, apr_pool_t *p);

/** Of this process; those for which there is no shared memory are NULL. */
const clp_snapshot_pins *clp_shared_pins(void);

#endif
