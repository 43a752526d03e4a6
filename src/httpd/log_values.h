/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_LOG_VALUES_H
#define CLP_HTTPD_LOG_VALUES_H

#include "request.h"

/**
 * @file log_values.h
 * @brief What logs can tell of a request, made from its record. Nothing of a prompt, an answer or
 * a key is ever among it.
 */
typedef struct clp_log_source {
    request_rec *r;
    const clp_request *q;
    const clp_outcome *outcome;     /**< NULL = no exchange */
    const clp_attempt_record *last; /**< NULL = no attempt */
} clp_log_source;

typedef struct clp_log_value {
    const char *name;
    const char *note; /**< its name among the request's notes */
    /** Lives as long as the request; NULL = unknown. */
    const char *(*value)(const clp_log_source *s);
} clp_log_value;

/** All there are; one without a name ends them. */
extern const clp_log_value clp_log_values[];

/** The request's record; an ErrorDocument's request stands for the one it tells of. 0 = there is
 * none. */
int clp_log_source_find(clp_log_source *s, request_rec *r);

#endif
