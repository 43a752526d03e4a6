/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_EDIT_KEYS_H
#define CLP_GATEWAY_EDIT_KEYS_H

#include "gateway/overlay_edit.h"

/**
 * @file edit_keys.h
 * @brief Keys in an edit of a whole channel.
 */

/**
 * Put keys in the place of objects that name them by id. In a channel of the configuration that
 * makes a list of what is added, disabled, and in which order.
 * @return 0 and the error
 */
int clp_edit_resolve_keys(clp_edit *e, const char *name, cJSON *entry);

#endif
