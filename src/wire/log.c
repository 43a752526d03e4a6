/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "wire/text.h"

#define LINE_MAX_BYTES 2048

static clp_log_fn log_fn;
static clp_log_wants_fn log_wants;

void clp_log_set(clp_log_fn fn, clp_log_wants_fn wants)
{
    log_fn = fn;
    log_wants = wants;
}

int clp_log_wants(void *subject, clp_log_level level)
{
    return log_fn && (!log_wants || log_wants(subject, level));
}

void clp_log(void *subject, clp_log_level level, apr_status_t rv, int tag, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    int at;
    int n;
    va_list ap;

    if (!clp_log_wants(subject, level)) {
        return;
    }
    at = snprintf(line, sizeof(line), "CLP%04d: ", tag);
    va_start(ap, fmt);
    n = vsnprintf(line + at, sizeof(line) - (apr_size_t)at, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return;
    }
    if ((apr_size_t)(at + n) >= sizeof(line)) {
        line[clp_utf8_cut(clp_span_of(line, sizeof(line)), sizeof(line) - 1).n] = '\0';
    }
    log_fn(subject, level, rv, line);
}
