/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "history_range.h"

#include <string.h>

#include <apr_strings.h>

#include "wire/quantity.h"

#define MINUTE apr_time_from_sec(60)
#define HOUR   apr_time_from_sec(3600)
#define DAY    apr_time_from_sec(24 * 3600)

/* By clp_history_ring: what a point is of, and how far back the ring reaches. */
static const struct {
    apr_interval_time_t stretch;
    apr_interval_time_t reach;
} rings[] = {
    [CLP_RING_SECONDS] = {apr_time_from_sec(6), CLP_HISTORY_SECONDS *apr_time_from_sec(6)},
    [CLP_RING_MINUTES] = {MINUTE, CLP_HISTORY_MINUTES *MINUTE},
    [CLP_RING_HOURS] = {HOUR, CLP_HISTORY_HOURS *HOUR},
    [CLP_RING_QUARTERS] = {15 * MINUTE, CLP_HISTORY_QUARTERS * 15 * MINUTE},
};

static int fail(clp_range_error *error, const char *argument, const char *message)
{
    error->argument = argument;
    error->message = message;
    return 0;
}

/* At least a minute. The clock may have been changed since; a day that is longer for that is cut
 * to what a day has. */
static apr_interval_time_t since_midnight(apr_time_t now)
{
    apr_time_exp_t local, then;
    apr_interval_time_t since;

    apr_time_exp_lt(&local, now);
    since = apr_time_from_sec((local.tm_hour * 60 + local.tm_min) * 60 + local.tm_sec);
    apr_time_exp_lt(&then, now - since);
    since += apr_time_from_sec(then.tm_gmtoff - local.tm_gmtoff);
    return since < MINUTE ? MINUTE : since > DAY ? DAY : since;
}

static int read_duration(clp_history_range *range, int of_keys, const char *text,
                         clp_range_error *error)
{
    apr_interval_time_t most = rings[of_keys ? CLP_RING_QUARTERS : CLP_RING_HOURS].reach;
    apr_int64_t ms;

    if (!strcmp(text, "today")) {
        range->span = since_midnight(range->now);
        return 1;
    }
    if (!clp_time_parse(text, &ms) || ms < 60 * 1000 || ms > apr_time_as_msec(most)) {
        return fail(error, "duration",
                    of_keys ? "has to be today, or a time from 1m to 24h"
                            : "has to be today, or a time from 1m to 7d");
    }
    range->span = apr_time_from_msec(ms);
    return 1;
}

static clp_history_ring ring_for(int of_keys, apr_interval_time_t span)
{
    int ring = of_keys ? CLP_RING_QUARTERS : CLP_RING_SECONDS;

    while (span > rings[ring].reach) {
        ring++;
    }
    return (clp_history_ring)ring;
}

static apr_interval_time_t usual_step(int of_keys, apr_interval_time_t span)
{
    if (of_keys) {
        return 15 * MINUTE;
    }
    return span <= HOUR ? MINUTE : span <= 6 * HOUR ? 5 * MINUTE : span <= DAY ? 15 * MINUTE : HOUR;
}

static int read_interval(clp_history_range *range, const char *text, clp_range_error *error,
                         apr_pool_t *pool)
{
    apr_interval_time_t stretch = rings[range->ring].stretch;
    apr_int64_t ms;

    if (!clp_time_parse(text, &ms) || ms <= 0 || ms > apr_time_as_msec(range->span)) {
        return fail(error, "interval", "has to be a time, and no longer than the duration");
    }
    range->step = apr_time_from_msec(ms);
    if (range->step % stretch) {
        return fail(error, "interval",
                    apr_psprintf(pool, "has to be a multiple of %s for this duration",
                                 clp_time_show(apr_time_as_msec(stretch), pool)));
    }
    return 1;
}

int clp_history_range_read(clp_history_range *range, int of_keys, const char *duration,
                           const char *interval, apr_time_t now, clp_range_error *error,
                           apr_pool_t *pool)
{
    int today = !strcmp(duration, "today");
    apr_time_t last;

    memset(range, 0, sizeof(*range));
    range->now = now;
    if (!read_duration(range, of_keys, duration, error)) {
        return 0;
    }
    range->ring = ring_for(of_keys, range->span);
    range->step = usual_step(of_keys, range->span);
    if (interval && !read_interval(range, interval, error, pool)) {
        return 0;
    }
    last = now - now % range->step;
    if (today) { /* all of it, from the step with midnight in it */
        range->first = now - range->span;
        range->first -= range->first % range->step;
        range->steps = (unsigned)((last - range->first) / range->step) + 1;
    }
    else {
        range->steps = (unsigned)((range->span + range->step - 1) / range->step);
        range->first = last - (apr_time_t)(range->steps - 1) * range->step;
    }
    return 1;
}

clp_history clp_history_range_ring(const clp_history_range *range, clp_channel_history *h)
{
    return range->ring == CLP_RING_SECONDS   ? clp_history_seconds(h)
           : range->ring == CLP_RING_MINUTES ? clp_history_minutes(h)
                                             : clp_history_hours(h);
}

void clp_history_range_add(const clp_history_range *range, clp_history h, unsigned i,
                           clp_history_sums *sums)
{
    apr_time_t from = clp_history_step(range, i);
    apr_time_t present = range->now / h.stretch;

    for (apr_time_t n = from / h.stretch; n < (from + range->step) / h.stretch; n++) {
        clp_history_sums point;

        if (n > present || present - n >= h.n) {
            continue;
        }
        clp_history_at(h, range->now, (unsigned)(present - n), &point);
        for (int half = CLP_POINT_REQUESTS; half < CLP_POINT_HALVES; half++) {
            sums->of[half] += point.of[half];
        }
    }
}
