/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_LINE_LOG_H
#define CLP_HTTPD_LINE_LOG_H

#include "httpd.h"
#include "http_config.h"

#include "wire/span.h"

/**
 * @file line_log.h
 * @brief Logs of their own beside httpd's: a file, or a program that gets the lines (rotatelogs).
 *
 * The parent opens them, before it gives up its rights. The same target named twice is one log.
 */
typedef struct clp_line_log clp_line_log;

/**
 * For a directive's handler: the log called `target`, a path (relative to ServerRoot) or
 * "|program".
 * @return what is wrong, or NULL
 */
const char *clp_line_log_name(clp_line_log **out, cmd_parms *cmd, const char *target);

/** The target, as it was said. */
const char *clp_line_log_target(const clp_line_log *log);

/**
 * Append a line, its end included: whole, not mixed with those of others. Any thread. A program
 * that takes nothing for some seconds loses lines.
 * @return 0 if the line is lost
 */
int clp_line_log_write(clp_line_log *log, request_rec *r, clp_span line);

void clp_line_log_register(apr_pool_t *p);

#endif
