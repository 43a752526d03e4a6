/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_ROUTE_H
#define CLP_HTTPD_ROUTE_H

#include "config.h"

/**
 * @file route.h
 * @brief What a path means: the endpoint, and in which protocol to answer.
 */
typedef enum clp_endpoint {
    CLP_ENDPOINT_NONE,         /**< not ours */
    CLP_ENDPOINT_MESSAGES,     /**< POST /v1/messages */
    CLP_ENDPOINT_COUNT_TOKENS, /**< POST /v1/messages/count_tokens, /v1/responses/input_tokens,
                                    /v1beta/models/{model}:countTokens */
    CLP_ENDPOINT_CHAT,         /**< POST /v1/chat/completions */
    CLP_ENDPOINT_COMPLETIONS,  /**< POST /v1/completions */
    CLP_ENDPOINT_RESPONSES,    /**< POST /v1/responses */
    CLP_ENDPOINT_RESPONSE,     /**< /v1/responses/{id}… */
    CLP_ENDPOINT_COMPACT,      /**< POST /v1/responses/compact */
    CLP_ENDPOINT_GEMINI,       /**< POST /v1beta/models/{model}:generateContent and :stream… */
    CLP_ENDPOINT_GEMINI_OTHER, /**< POST /v1beta/models/{model}:{anything else} */
    CLP_ENDPOINT_MODELS,       /**< GET /v1/models, /v1beta/models */
    CLP_ENDPOINT_MODEL,        /**< GET /v1/models/{id} */
    CLP_ENDPOINT_HEALTH,       /**< GET /health */
    CLP_ENDPOINT_HELLO,        /**< HEAD /api/hello: Claude Code's look whether anybody is there */
    CLP_ENDPOINT_UNKNOWN       /**< under our prefix, but nothing */
} clp_endpoint;

typedef struct clp_route {
    clp_endpoint endpoint;
    const clp_dialect *dialect; /**< to answer in, errors included; never NULL */
    const char *allow;          /**< value of the Allow field, or NULL */
    const char *model;          /**< what the path says behind CLP_ENDPOINT_MODEL's or
                                     CLP_ENDPOINT_RESPONSE's: the id, decoded, and more; the model
                                     of CLP_ENDPOINT_GEMINI* */
    const char *action;         /**< CLP_ENDPOINT_GEMINI*: what stands behind the colon */
    int stream;                 /**< CLP_ENDPOINT_GEMINI: 0, 1 or CLP_STREAM_ARRAY */
    int google;                 /**< the client shows its key as Google's clients do */
} clp_route;

/** Route a request whose location is configured; NONE unless ClaudeProxy is on. */
void clp_route_find(clp_route *out, request_rec *r);

/**
 * Route {model}:{action}, what Gemini's clients post below /v1beta/models/ and /v1/models/. Names
 * of models may hold colons: the last one counts.
 * @return 0, and `out` untouched, if it is no such thing
 */
int clp_route_gemini(clp_route *out, request_rec *r, const char *below);

/** The dialect to speak to this client, going by path and header fields; never NULL. */
const clp_dialect *clp_route_dialect(request_rec *r);

/** The operation of a request for a model, as OpenTelemetry names them ("chat", "embeddings"); NULL
 * for any other. */
const char *clp_route_operation(const clp_route *route);

/** Does the endpoint answer without authentication? */
int clp_route_is_public(const clp_route *route);

#endif
