/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_LOG_H
#define CLP_WIRE_LOG_H

#include <apr_errno.h>

/**
 * @file log.h
 * @brief Logging through a callback, so that the rooms below the httpd glue
 * need not know who listens. Levels are numerically httpd's (APLOG_*).
 *
 * Every line begins with a stable tag CLPnnnn: that is unique in the sources (a check
 * enforces it). Never log prompts, answers or keys at any level.
 */
typedef enum clp_log_level {
    CLP_LOG_ERR = 3,
    CLP_LOG_WARNING = 4,
    CLP_LOG_NOTICE = 5,
    CLP_LOG_INFO = 6,
    CLP_LOG_DEBUG = 7,
    CLP_LOG_TRACE1 = 8
} clp_log_level;

/** `subject` is what the line is about (the glue passes its request_rec); may be NULL. */
typedef void (*clp_log_fn)(void *subject, clp_log_level level, apr_status_t rv, const char *line);
typedef int (*clp_log_wants_fn)(void *subject, clp_log_level level);

/** Set once at start-up, before other threads run. NULL = say nothing. */
void clp_log_set(clp_log_fn fn, clp_log_wants_fn wants);

int clp_log_wants(void *subject, clp_log_level level);

/** `tag` is the four-digit number of the line, e.g. clp_log(r, CLP_LOG_INFO, rv, 101, "..."). */
void clp_log(void *subject, clp_log_level level, apr_status_t rv, int tag, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
