/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_MODELS_ANSWER_H
#define CLP_GATEWAY_MODELS_ANSWER_H

#include "gateway/models.h"
#include "wire/buffer.h"
#include "wire/problem.h"

/**
 * @file models_answer.h
 * @brief One list of models in the words of three providers: GET /v1/models is
 * the same path for all of them.
 */
typedef enum clp_models_shape {
    CLP_MODELS_OPENAI,
    CLP_MODELS_ANTHROPIC,
    CLP_MODELS_GOOGLE
} clp_models_shape;

/** Which part of a list Anthropic's clients ask for. */
typedef struct clp_models_page {
    apr_int64_t limit;  /**< most models, 0 = all */
    const char *after;  /**< only what follows this id; NULL = from the first */
    const char *before; /**< only what comes before this id; NULL = to the last */
} clp_models_page;

/** Read the query's members (each may be NULL). A problem names the one that is wrong. */
clp_problem *clp_models_page_read(clp_models_page *out, const char *limit, const char *after,
                                  const char *before, apr_pool_t *pool);

/**
 * Append the document of a list.
 * @param page for CLP_MODELS_ANTHROPIC, which alone has pages; NULL = all
 * @return a problem if the page begins at a model that the list does not hold
 */
clp_problem *clp_models_answer_list(clp_models_shape shape, const apr_array_header_t *list,
                                    const clp_models_page *page, clp_buffer *out, apr_pool_t *pool);

/** Append the document of one model. */
void clp_models_answer_one(clp_models_shape shape, const clp_model *m, clp_buffer *out,
                           apr_pool_t *pool);

#endif
