/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_EDIT_KEYS_H
#define CLP_GATEWAY_EDIT_KEYS_H

#include "gateway/overlay_edit.h"

/**
 * @file edit_keys.h
 * @brief What edits of channels, of their keys and of promotions have in common.
 */

/** Say what is wrong; gives 0. */
int clp_edit_fail(clp_edit *e, clp_edit_result result, const char *path, const char *message);

/** The channel before the edit; NULL and the error. */
const clp_channel *clp_edit_find(clp_edit *e, const char *name);

/** The configuration's channel; NULL = it has none of this name. */
const clp_channel *clp_edit_base(const clp_edit *e, const char *name);

/** What the overlay says of a channel, an object; made if need be. */
cJSON *clp_edit_entry(clp_edit *e, const char *name);

/** Drop what the overlay says of a channel of the configuration if that is nothing. */
void clp_edit_tidy(clp_edit *e, const char *name);

/** Set a member of an object, in its place if it is there. */
void clp_edit_put(cJSON *object, const char *member, cJSON *value);

/** What is said of the channel's promotion, here or in the configuration, is over. */
void clp_edit_end_promotion(clp_edit *e, const char *name);

/**
 * Put keys in the place of objects that name them by id. In a channel of the configuration that
 * makes a list of what is added, disabled, and in which order.
 */
int clp_edit_resolve_keys(clp_edit *e, const char *name, cJSON *entry);

#endif
