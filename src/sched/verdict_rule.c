/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/verdict.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

/* Three digits or one with "xx", at `p`: 1 and the statuses meant. */
static int read_status(const char *p, int *from, int *to)
{
    if (*p < '1' || *p > '5') {
        return 0;
    }
    *from = (*p - '0') * 100;
    if (!strncmp(p + 1, "xx", 2)) {
        *to = *from + 99;
        return 1;
    }
    if (!apr_isdigit(p[1]) || !apr_isdigit(p[2])) {
        return 0;
    }
    *from += (p[1] - '0') * 10 + (p[2] - '0');
    *to = *from;
    return 1;
}

/* STATUS or STATUS-STATUS in front of the rest; NULL = none. */
static const char *read_statuses(clp_verdict_rule *rule, const char *p)
{
    int from;
    int last;
    if (!read_status(p, &rule->status_from, &rule->status_to)) {
        return NULL;
    }
    p += 3;
    if (*p == '-') {
        if (!read_status(p + 1, &from, &last) || last < rule->status_from) {
            return NULL;
        }
        rule->status_to = last;
        p += 4;
    }
    return !*p || *p == '/' || *p == ':' ? p : NULL;
}

const char *clp_verdict_rule_read(clp_verdict_rule *rule, const char *spec, apr_pool_t *pool)
{
    const char *p = spec;
    memset(rule, 0, sizeof(*rule));
    rule->spec = spec;
    if (apr_isdigit(*p) && !(p = read_statuses(rule, p))) {
        return apr_psprintf(pool,
                            "'%s' does not begin with a status as 503, 500-599 or 5xx; a text "
                            "that begins with a digit wants ':' in front",
                            spec);
    }
    if (*p == '/') {
        apr_size_t n = strcspn(p + 1, ":");
        if (!n) {
            return apr_psprintf(pool, "'%s' names no error type or code behind '/'", spec);
        }
        rule->word = apr_pstrmemdup(pool, p + 1, n);
        p += 1 + n;
    }
    if (*p == ':' || p == spec) {
        p += *p == ':';
        if (!p[strspn(p, "* ")]) {
            return apr_psprintf(pool, "'%s' holds no text to look for", spec);
        }
        rule->text = apr_pstrdup(pool, p);
    }
    return NULL;
}
