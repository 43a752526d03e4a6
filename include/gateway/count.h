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
apr_int64_t clp_count_conversation(const clp_conversation *c);

#endif
