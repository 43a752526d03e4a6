/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_REPLY_H
#define CLP_HTTPD_REPLY_H

#include "request.h"
#include "wire/buffer.h"

/**
 * @file reply.h
 * @brief Answers that the module makes by itself.
 */

/** Set status and status line; also those httpd has no name for (529). */
void clp_reply_status(request_rec *r, int status);

/** Send a document; returns OK for the handler. */
int clp_reply_document(request_rec *r, int status, const char *type, const clp_buffer *text);

/** Send a JSON document; returns OK for the handler. */
int clp_reply_json(request_rec *r, int status, const clp_buffer *json);

/** Send a problem in the shape of the request's dialect; returns OK. */
int clp_reply_problem(request_rec *r, clp_request *q, const clp_problem *problem);

#endif
