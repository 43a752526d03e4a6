/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_MODELS_QUESTION_H
#define CLP_GATEWAY_MODELS_QUESTION_H

#include "gateway/models.h"
#include "wire/buffer.h"

/**
 * @file models_question.h
 * @brief Which models one channel's upstream has: asked key after key and URL after URL while they
 * fail, page after page when they answer.
 */

/** What the questions of one job share. */
typedef struct clp_models_round {
    apr_pool_t *pool;
    clp_transport *transport;
    void *subject;       /**< passed to clp_log() */
    apr_time_t deadline; /**< of all of them */
    int open;            /**< how many have not ended */
} clp_models_round;

typedef struct clp_models_question {
    clp_models_round *round;
    const clp_channel *channel;
    apr_array_header_t *models; /**< of clp_model, as far as it was told */
    int failed;                 /**< not all was told */

    /* its own */
    int key; /**< index of what is tried */
    int url;
    int tries;
    int pages;
    const char *after; /**< where the page begins, as the one before told, or NULL */
    int status;
    clp_buffer body;
    clp_transfer_request request;
    clp_transfer *transfer; /**< NULL = ended */
} clp_models_question;

/** Ask a channel; the answer comes from within the transport's step(). */
clp_models_question *clp_models_question_ask(clp_models_round *round, const clp_channel *channel,
                                             apr_time_t now);

/** Drop it, if it has not ended. */
void clp_models_question_cancel(clp_models_question *q);

#endif
