/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_LIVE_WRITE_H
#define CLP_HTTPD_LIVE_WRITE_H

#include "gateway/overlay_write.h"
#include "live_channels.h"

/**
 * @file live_write.h
 * @brief Changing the overlay's file: one writer at a time over all processes,
 * the whole document checked before it takes the place of the old one, which
 * is kept as a backup (the last ten in backups/ beside it).
 *
 * Whatever happens, also kill -9 or a full disk, the file is the old one or
 * the new one. The functions block for the disk; they are for the handlers of
 * administration, not for requests that are passed on.
 */
clp_overlay_write_fn clp_live_write;

#endif
