/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_SETTING_LINES_H
#define CLP_SCHED_SETTING_LINES_H

#include "sched/channel_show.h"

/**
 * @file setting_lines.h
 * @brief The lines that a setting comes to, while they are made. A line is an array of const
 * char *, its arguments.
 */
typedef struct clp_setting_lines {
    apr_array_header_t *lines; /**< of clp_setting_line */
    apr_pool_t *pool;
} clp_setting_lines;

/** Begin a line. */
apr_array_header_t *clp_lines_new(clp_setting_lines *to);

/** A line of one argument; NULL = none. */
void clp_lines_one(clp_setting_lines *to, const char *arg);

/** A line On or Off. */
void clp_lines_flag(clp_setting_lines *to, int on);

/** One line whose arguments are the list's elements, const char *; none if there are none. */
void clp_lines_list(clp_setting_lines *to, const apr_array_header_t *list);

void clp_line_add(apr_array_header_t *line, const char *arg);

/** NAME=VALUE: a number, a time of milliseconds, and one of microseconds. */
void clp_line_count(apr_array_header_t *line, const char *name, apr_int64_t n);
void clp_line_time(apr_array_header_t *line, const char *name, apr_int64_t ms);
void clp_line_interval(apr_array_header_t *line, const char *name, apr_interval_time_t t);

#endif
