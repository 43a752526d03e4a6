/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_COUNT_H
#define CLP_GATEWAY_COUNT_H

#include "dialect/conversation.h"

/**
 * @file count.h
 * @brief A rough count of input tokens, for when nobody can be asked: a quarter of
 * the bytes of all text (system, turns, tool inputs and results, tool
 * definitions with their schemas), a flat figure per image and per page of a
 * document, at least 1. An estimate is always said to be one.
 */

/** Figures for what is no text. */
#define CLP_COUNT_IMAGE      1600        /**< tokens of an image, or of a piece of audio */
#define CLP_COUNT_PAGE       2000        /**< tokens of a page of a PDF */
#define CLP_COUNT_PAGE_BYTES (64 * 1024) /**< of a PDF, which is packed, for one page */

/** The estimate. Text counts as what it means, not as JSON spells it. */
apr_int64_t clp_count_conversation(const clp_conversation *c);

#endif
