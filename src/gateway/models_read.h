/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_MODELS_READ_H
#define CLP_GATEWAY_MODELS_READ_H

#include "gateway/models.h"
#include "wire/span.h"

/**
 * @file models_read.h
 * @brief What an upstream answers when asked for its models: in OpenAI's shape, Anthropic's,
 * Google's, or as a bare array of such objects.
 */

/**
 * Read one answer and append its models, CLP_MODELS_MAX_COUNT in `into` at
 * most, copied to `pool`. Elements without a usable id are skipped.
 * @param next out: where the next page begins (an id, or Google's token), or NULL if this was the
 * last
 * @return 1, or 0 if the bytes are no list of models
 */
int clp_models_read(clp_span body, apr_array_header_t *into, const char **next, apr_pool_t *pool);

#endif
