/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "problems_retry.h"

#include <stdlib.h>

#include <apr_lib.h>

/* "1.5s", "200ms", "1m30s", "20 seconds"; -1 if it is no time */
static apr_int64_t read_duration(const char *p)
{
    double total = 0;
    int any = 0;
    while (apr_isdigit(*p)) {
        char *end;
        double v = strtod(p, &end);
        while (*end == ' ') {
            end++;
        }
        if (strncmp(end, "ms", 2) == 0 || strncasecmp(end, "millisecond", 11) == 0) {
            total += v;
        }
        else if (*end == 's' || *end == 'S') {
            total += v * 1000;
        }
        else if (*end == 'm' || *end == 'M') {
            total += v * 60 * 1000;
        }
        else if (*end == 'h' || *end == 'H') {
            total += v * 3600 * 1000;
        }
        else {
            break;
        }
        any = 1;
        while (apr_isalpha(*end)) {
            end++;
        }
        p = end;
    }
    if (!any || total > 7 * 24 * 3600 * 1000.0) {
        return -1;
    }
    return (apr_int64_t)(total + 0.5);
}

static apr_int64_t read_message(const char *message)
{
    static const char *const words[] = {"again in ", "retry in ", "retry after ", NULL};
    for (const char *const *w = words; *w; w++) {
        apr_size_t n = strlen(*w);
        for (const char *p = message; *p; p++) {
            if (strncasecmp(p, *w, n) == 0) {
                apr_int64_t ms = read_duration(p + n);
                if (ms >= 0) {
                    return ms;
                }
            }
        }
    }
    return -1;
}

/* Google says it in a detail, {"@type":"…RetryInfo","retryDelay":"34.07s"}. */
static apr_int64_t read_details(clp_jval details, apr_pool_t *pool)
{
    CLP_JVAL_EACH (v, clp_jval_is_array(details) ? details : CLP_JVAL_NONE) {
        const char *delay = clp_jval_cstr(clp_jval_get(v, "retryDelay"), pool);
        if (delay) {
            return read_duration(delay);
        }
    }
    return -1;
}

apr_int64_t clp_problems_retry(clp_jval details, const char *message, apr_pool_t *pool)
{
    apr_int64_t ms = read_details(details, pool);
    return ms >= 0 ? ms : read_message(message);
}
