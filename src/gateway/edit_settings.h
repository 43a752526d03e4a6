/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_EDIT_SETTINGS_H
#define CLP_GATEWAY_EDIT_SETTINGS_H

#include "gateway/overlay_edit.h"

/**
 * @file edit_settings.h
 * @brief Settings of a channel as a client sends them, put into the overlay's entry of it.
 *
 * What is sent as it was shown says nothing new: masks stand for the secrets that are there.
 */

/** Can these be settings of this channel? Each by itself is checked when the channel is laid.
 * @return 0 and the error */
int clp_edit_check_settings(clp_edit *e, const char *name, const cJSON *settings);

/** Say settings on top of what the entry has; null takes back. @return 0 and the error */
int clp_edit_say(clp_edit *e, const char *name, const cJSON *settings);

/** Say settings in the place of all that the entry has. @return 0 and the error */
int clp_edit_say_anew(clp_edit *e, const char *name, const cJSON *settings);

#endif
