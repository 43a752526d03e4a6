/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "data_points.h"

#include "figures.h"
#include "wire/instant.h"

#define RECENT_MINUTES 15

void clp_data_point_write(clp_jw *w, apr_time_t when, const clp_history_sums *sums,
                          apr_pool_t *pool)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "timestamp", clp_instant_text(when, pool));
    clp_figures_counts(w, sums);
    clp_figures_tokens(w, sums);
    clp_jw_end_object(w);
}

void clp_data_points_write(clp_jw *w, const clp_history_range *range, clp_history h,
                           apr_pool_t *pool)
{
    clp_jw_key(w, "dataPoints");
    clp_jw_array(w);
    for (unsigned i = 0; h.n && i < range->steps; i++) {
        clp_history_sums sums = {{0}};

        clp_history_range_add(range, h, i, &sums);
        clp_data_point_write(w, clp_history_step(range, i), &sums, pool);
    }
    clp_jw_end_array(w);
}

static void write_segment(clp_jw *w, const clp_history_sums *sums)
{
    clp_jw_object(w);
    clp_jw_kint(w, "requestCount", (apr_int64_t)sums->of[CLP_POINT_REQUESTS]);
    clp_jw_kint(w, "successCount", (apr_int64_t)clp_history_successes(sums));
    clp_jw_kint(w, "failureCount", (apr_int64_t)sums->of[CLP_POINT_FAILURES]);
    clp_jw_kint(w, "inputTokens", (apr_int64_t)sums->of[CLP_POINT_TOKENS_IN]);
    clp_jw_kint(w, "outputTokens", (apr_int64_t)sums->of[CLP_POINT_TOKENS_OUT]);
    clp_jw_end_object(w);
}

static void write_rate(clp_jw *w, const char *name, apr_uint64_t n)
{
    clp_figure_hundredths(w, name, (apr_int64_t)(n * 100 / RECENT_MINUTES));
}

void clp_recent_activity_write(clp_jw *w, clp_channel_history *h, apr_time_t now)
{
    clp_history seconds = clp_history_seconds(h);
    clp_history_sums all = {{0}};

    clp_jw_key(w, "segments");
    clp_jw_array(w);
    for (unsigned back = seconds.n; back-- > 0;) {
        clp_history_sums sums;

        clp_history_at(seconds, now, back, &sums);
        write_segment(w, &sums);
        clp_figures_add(&all, &sums);
    }
    clp_jw_end_array(w);
    write_rate(w, "rpm", all.of[CLP_POINT_REQUESTS]);
    write_rate(w, "tpm", all.of[CLP_POINT_TOKENS_OUT]);
}
