/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_EDIT_PROMOTION_H
#define CLP_GATEWAY_EDIT_PROMOTION_H

#include "gateway/overlay_edit.h"

/**
 * @file edit_promotion.h
 * @brief Promotions in edits of channels.
 */

/** What is said of the channel's promotion, here or in the configuration, is over. */
void clp_edit_end_promotion(clp_edit *e, const char *name);

#endif
