/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "setting_lines.h"

#include <apr_strings.h>

#include "wire/quantity.h"

apr_array_header_t *clp_lines_new(clp_setting_lines *to)
{
    clp_setting_line *line = apr_array_push(to->lines);
    line->argv = apr_array_make(to->pool, 2, sizeof(const char *));
    return line->argv;
}

void clp_lines_one(clp_setting_lines *to, const char *arg)
{
    if (arg) {
        clp_line_add(clp_lines_new(to), arg);
    }
}

void clp_lines_flag(clp_setting_lines *to, int on)
{
    clp_lines_one(to, on ? "On" : "Off");
}

void clp_lines_list(clp_setting_lines *to, const apr_array_header_t *list)
{
    if (list->nelts) {
        apr_array_header_t *line = clp_lines_new(to);
        for (int i = 0; i < list->nelts; i++) {
            clp_line_add(line, APR_ARRAY_IDX(list, i, const char *));
        }
    }
}

void clp_line_add(apr_array_header_t *line, const char *arg)
{
    APR_ARRAY_PUSH(line, const char *) = arg;
}

void clp_line_count(apr_array_header_t *line, const char *name, apr_int64_t n)
{
    clp_line_add(line, apr_psprintf(line->pool, "%s=%" APR_INT64_T_FMT, name, n));
}

void clp_line_time(apr_array_header_t *line, const char *name, apr_int64_t ms)
{
    clp_line_add(line, apr_pstrcat(line->pool, name, "=", clp_time_show(ms, line->pool), NULL));
}

void clp_line_interval(apr_array_header_t *line, const char *name, apr_interval_time_t t)
{
    clp_line_time(line, name, apr_time_as_msec(t));
}
