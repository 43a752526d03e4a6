/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/instant.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

/* A number of exactly `n` digits at *at, and the character behind it (0 = none wanted). */
static int take(const char **at, int n, char behind, int *out)
{
    const char *p = *at;

    for (*out = 0; n > 0; n--, p++) {
        if (!apr_isdigit(*p)) {
            return 0;
        }
        *out = *out * 10 + (*p - '0');
    }
    if (behind && *p++ != behind) {
        return 0;
    }
    *at = p;
    return 1;
}

static int days_in(int month, int year)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

/* "Z", or an offset from UTC in seconds; nothing may follow. */
static int take_offset(const char *p, int *seconds)
{
    int east = *p == '+';
    int hours, minutes;

    *seconds = 0;
    if ((*p == 'Z' || *p == 'z') && !p[1]) {
        return 1;
    }
    if (*p != '+' && *p != '-') {
        return 0;
    }
    p++;
    if (!take(&p, 2, ':', &hours) || !take(&p, 2, 0, &minutes) || *p || hours > 23 ||
        minutes > 59) {
        return 0;
    }
    *seconds = (hours * 60 + minutes) * 60 * (east ? 1 : -1);
    return 1;
}

/* Microseconds behind the point; further digits count for nothing. */
static int take_fraction(const char **at, int *microseconds)
{
    const char *p = *at;
    int digit = 100000;

    *microseconds = 0;
    if (*p != '.') {
        return 1;
    }
    for (p++; apr_isdigit(*p); p++, digit /= 10) {
        *microseconds += (*p - '0') * digit;
    }
    if (p == *at + 1) {
        return 0;
    }
    *at = p;
    return 1;
}

int clp_instant_parse(const char *text, apr_time_t *out)
{
    const char *p = text;
    apr_time_exp_t t;
    apr_time_t when;
    int year, month, offset;

    memset(&t, 0, sizeof(t));
    if (!take(&p, 4, '-', &year) || !take(&p, 2, '-', &month) || !take(&p, 2, 0, &t.tm_mday) ||
        (*p != 'T' && *p != 't' && *p != ' ')) {
        return 0;
    }
    p++;
    if (!take(&p, 2, ':', &t.tm_hour) || !take(&p, 2, ':', &t.tm_min) ||
        !take(&p, 2, 0, &t.tm_sec) || !take_fraction(&p, &t.tm_usec) || !take_offset(p, &offset)) {
        return 0;
    }
    if (month < 1 || month > 12 || t.tm_mday < 1 || t.tm_mday > days_in(month, year) ||
        t.tm_hour > 23 || t.tm_min > 59 || t.tm_sec > 60) {
        return 0;
    }
    t.tm_year = year - 1900;
    t.tm_mon = month - 1;
    if (apr_time_exp_get(&when, &t) != APR_SUCCESS) {
        return 0; /* before APR's calendar */
    }
    *out = when - apr_time_from_sec(offset);
    return 1;
}

const char *clp_instant_text(apr_time_t when, apr_pool_t *pool)
{
    apr_time_exp_t t;

    apr_time_exp_gmt(&t, when);
    return apr_psprintf(pool, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1,
                        t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}
