/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_EDIT_ENTRY_H
#define CLP_GATEWAY_EDIT_ENTRY_H

#include "gateway/overlay_edit.h"

/**
 * @file edit_entry.h
 * @brief What edits of channels, of their keys and of promotions have in common: the channel as it
 * is, and the entry of the overlay that says something of it.
 */

/** Say what is wrong; gives 0. */
int clp_edit_fail(clp_edit *e, clp_edit_result result, const char *path, const char *message);

/** The channel before the edit; NULL and the error. */
const clp_channel *clp_edit_find(clp_edit *e, const char *name);

/** The configuration's channel; NULL = it has none of this name. */
const clp_channel *clp_edit_base(const clp_edit *e, const char *name);

/** All entries, by the names of channels. */
cJSON *clp_edit_entries(const clp_edit *e);

/** What the overlay says of a channel, an object; made if need be. */
cJSON *clp_edit_entry(clp_edit *e, const char *name);

/** Drop what the overlay says of a channel of the configuration if that is nothing. */
void clp_edit_tidy(clp_edit *e, const char *name);

/** Set a member of an object, in its place if it is there. */
void clp_edit_put(cJSON *object, const char *member, cJSON *value);

/** A member of an entry that is a list of strings; made if need be. */
cJSON *clp_edit_list(cJSON *entry, const char *member);

/** Where a text stands in a list, which may be NULL; -1 = nowhere. */
int clp_edit_list_index(const cJSON *list, const char *text);

/** Add a text to a member that is a list, unless it is there. */
void clp_edit_list_add(cJSON *entry, const char *member, const char *text);

/** Take a text out of a member that is a list; an empty list goes. */
void clp_edit_list_drop(cJSON *entry, const char *member, const char *text);

#endif
